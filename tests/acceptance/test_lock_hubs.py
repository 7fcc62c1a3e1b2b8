"""Models of hubs, locked: whose hub, which of a model's recipes, and where their override specs are."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from sagespec.sandbox import Sandbox, neighbours
from sagespec.sandbox.service import ServiceError

from tests.acceptance.test_lock_accounts import FILE, HERE, LARGE, benchmark, contexts, write
from tests.acceptance.test_lock_accounts import empty as empty
from tests.acceptance.test_lock_trouble import HUB, KEY, PACKAGE, Answer, at, denied, trainer
from tests.acceptance.test_lock_trouble import answer as answer
from tests.conftest import Run

BUCKET = "jumpstart-cache-prod-us-west-2"
OVERRIDE = f"recipes/{LARGE}/FineTuning-MTRL-LORA/override.json"


def recipes(answer: Answer, *more: dict[str, Any], **changed: Any) -> None:
    """Let the hub offer other recipes before those of the account; the MTRL recipe as it is, but for some members."""

    def offered(_: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
        document = json.loads(usual["HubContentDocument"])
        given = document["RecipeCollection"]
        own = [{**r, **changed} if r.get("CustomizationTechnique") == "MTRL" else r for r in given]
        return {**usual, "HubContentDocument": json.dumps({**document, "RecipeCollection": [*more, *own]})}

    answer("DescribeHubContent", offered)


def locked(project: Path) -> dict[str, Any]:
    """The recipes of the model that the trainer trains."""
    found: dict[str, Any] = contexts(project)[KEY]["hub_models"][LARGE]["recipes"]
    return found


def test_recipes_that_no_job_can_run_do_not_count(empty: Path, aws: Sandbox, run: Run, answer: Answer) -> None:
    def with_more(_: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
        document = json.loads(usual["HubContentDocument"])
        (mtrl,) = (r for r in document["RecipeCollection"] if r.get("CustomizationTechnique") == "MTRL")
        hyperpod = {k: v for k, v in mtrl.items() if not k.startswith("Smtj")} | {"SequenceLength": "1K"}
        nowhere = {"SmtjOverrideParamsS3Uri": "s3://jumpstart-cache-prod-us-west-2/nowhere.json"}
        unused = {"Type": "FineTuning", "CustomizationTechnique": "CPT", **nowhere}
        more = [hyperpod, unused, {**mtrl, "Type": None}, *document["RecipeCollection"], {**mtrl, **nowhere}]
        return {**usual, "HubContentDocument": json.dumps({**document, "RecipeCollection": more})}

    write(empty, trainer("one"))
    run("lock", "--region", "us-west-2")
    plain = contexts(empty)[KEY]["hub_models"][LARGE]
    answer("DescribeHubContent", with_more)
    run("lock", "--upgrade")
    assert contexts(empty)[KEY]["hub_models"][LARGE] == plain
    no_recipes = {"GatedBucket": False, "RecipeCollection": None}
    answer("DescribeHubContent", lambda _, usual: {**usual, "HubContentDocument": json.dumps(no_recipes)})
    assert "cannot be trained with MTRL" in run("lock", "--upgrade", code=1).stderr


def test_a_recipe_that_is_used_must_be_readable(empty: Path, aws: Sandbox, run: Run) -> None:
    write(empty, trainer("one"))
    override = f"recipes/{LARGE}/FineTuning-MTRL-LORA/override.json"
    neighbours.put_object(aws.region("us-west-2"), "jumpstart-cache-prod-us-west-2", override, b'["a list"]')
    assert "is not an override spec" in run("lock", "--region", "us-west-2", code=1).stderr


ODD_SPECS = {
    b'{"group_size": {"min": "1"}}': 'hyperparameters.group_size.min: expected a number or null, found "1"',
    b'{"group_size": {"type": "integer", "min": NaN}}': "is not JSON",
    b'{"group_size": {"type": "integer", "max": 1e999}}': "is not JSON",
    b'{"group_size": {"type": "string", "default": "\\ud800"}}': "surrogates not allowed",
    b'{"group_size": {"enum": %s}}' % (b"[" * 100 + b"]" * 100): "more than 100 levels deep",
    b'{"group_size": %s' % (b"[" * 100_000): "is not JSON",
    b"": "is not JSON",
}


@pytest.mark.parametrize("content", ODD_SPECS)
def test_no_lock_is_written_that_could_not_be_read(
    content: bytes, empty: Path, aws: Sandbox, run: Run, answer: Answer
) -> None:
    write(empty, trainer("one"))
    neighbours.put_object(aws.region("us-west-2"), BUCKET, "odd.json", content)
    odd = {"SmtjOverrideParamsS3Uri": f"s3://{BUCKET}/odd.json"}
    recipes(answer, {"Type": "FineTuning", "CustomizationTechnique": "CPT", **odd})
    run("lock", "--region", "us-west-2")  # no kind trains with CPT
    assert not any("CPT" in key for key in locked(empty))
    before = (empty / FILE).read_bytes()
    recipes(answer, **odd)
    said = run("lock", "--upgrade", code=1).stderr
    assert f"{at('one', 'model')}: error[missing-fact]: s3://{BUCKET}/odd.json is not " in said
    assert ODD_SPECS[content] in said
    assert (empty / FILE).read_bytes() == before


@pytest.mark.parametrize("name", ["us.amazon.nova-2-lite-v1:0", "a" * 64, "a_b", "no-such-model"])
def test_a_model_that_no_hub_has_is_no_refusal(name: str, empty: Path, aws: Sandbox, run: Run) -> None:
    write(empty, benchmark("one", model=name))
    said = run("lock", "--region", "us-west-2", code=1).stderr
    assert f"{at('one', 'model')}: error[missing-fact]: there is no model '{name}' in " in said
    assert "`sagespec catalog models`" in said


def test_where_an_override_spec_is_not_to_be_had(
    empty: Path, aws: Sandbox, run: Run, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(empty, trainer("one"))
    place = f"s3://{BUCKET}/odd.json"
    recipes(answer, SmtjOverrideParamsS3Uri=place)
    said = run("lock", "--region", "us-west-2", code=1).stderr
    assert f"{at('one', 'model')}: error[missing-fact]: there is no {place}" in said
    usual = aws._ask_moto

    def denied(service: str, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"].endswith("/odd.json"):
            raise ServiceError("AccessDenied", "Access Denied", 403)
        return usual(service, environ, start_response)

    monkeypatch.setattr(aws, "_ask_moto", denied)
    said = run("lock", "--region", "us-west-2", code=3).stderr
    assert f"cannot be looked up: GetObject: Access Denied, of {place}" in said
    assert "the caller needs the permission s3:GetObject" in said


@pytest.mark.parametrize(("length", "kept"), [("8k", "8K"), (" 128K", "128K"), (None, None), ("", None)])
def test_the_length_of_a_sequence(
    length: Any, kept: str | None, empty: Path, aws: Sandbox, run: Run, answer: Answer
) -> None:
    write(empty, trainer("one"))
    recipes(answer, SequenceLength=length)
    run("lock", "--region", "us-west-2")
    assert locked(empty)["FineTuning/MTRL/LORA"].get("sequence_length") == kept
    run("compile")


def test_what_only_subscribers_can_set_has_no_default(empty: Path, aws: Sandbox, run: Run, answer: Answer) -> None:
    write(empty, trainer("one"))
    run("lock", "--region", "us-west-2")
    plain = locked(empty)["FineTuning/MTRL/LORA"]
    run("compile")
    document = (empty / "compiled" / "MultiTurnRLTrainer" / "one.json").read_bytes()
    size = plain["hyperparameters"]["group_size"]
    theirs = {"group_size": {**size, "default": 1}, "more": {"type": "integer", "min": 1, "default": 7}}
    neighbours.put_object(aws.region("us-west-2"), BUCKET, "theirs.json", json.dumps(theirs).encode())
    subscription = {
        "Type": "FineTuning",
        "CustomizationTechnique": "MTRL",
        "Peft": "LORA",
        "SequenceLength": "1K",
        "IsSubscriptionModel": True,
        "SmtjOverrideParamsS3Uri": f"s3://{BUCKET}/theirs.json",
    }
    recipes(answer, subscription)
    run("lock", "--upgrade")
    merged = locked(empty)["FineTuning/MTRL/LORA"]
    assert merged["hyperparameters"]["more"] == {"type": "integer", "min": 1, "default": None}
    assert {**merged["hyperparameters"], "more": None} == {**plain["hyperparameters"], "more": None}
    assert merged["sequence_length"] == plain["sequence_length"]
    run("compile")
    assert (empty / "compiled" / "MultiTurnRLTrainer" / "one.json").read_bytes() == document
    write(empty, trainer("one", hyperparameters={"more": 7}))
    assert '"more": "7"' in run("compile", "--stdout", "MultiTurnRLTrainer/one").stdout
    subscription["SmtjOverrideParamsS3Uri"] = f"s3://{BUCKET}/nowhere.json"
    recipes(answer, subscription)  # whoever has not subscribed cannot read it
    assert "the recipe has no 'more'" in run("lock", "--upgrade", code=1).stderr
    assert locked(empty)["FineTuning/MTRL/LORA"] == plain


def test_an_override_spec_behind_an_access_point(
    empty: Path, aws: Sandbox, run: Run, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo

    def on_this_machine(host: str, *rest: Any, **more: Any) -> Any:
        """Every name below the sandbox's own is the sandbox: an access point has a host of its own."""
        return resolve("127.0.0.1" if str(host).endswith(".127.0.0.1") else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", on_this_machine)
    spec = b'{"only_here": {"type": "integer", "default": 1}}'
    name = "sagemaker-us-west-2"  # its host is <name>-<account>, as a bucket that is there is called
    neighbours.put_object(aws.region("us-west-2"), f"{name}-{HERE}", "mtrl/override.json", spec)
    write(empty, trainer("one"))
    point = f"arn:aws:s3:us-west-2:{{customer_id}}:accesspoint/{name}"
    recipes(answer, SmtjOverrideParamsS3Uri=f"s3://{point}/mtrl/override.json")
    run("lock", "--region", "us-west-2")
    assert locked(empty)["FineTuning/MTRL/LORA"]["hyperparameters"] == json.loads(spec)


def test_a_package_was_trained_from_the_private_hubs_model_if_there_is_one(
    empty: Path, aws: Sandbox, run: Run, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(empty, benchmark("tuned", model=PACKAGE))

    def base() -> str:
        run("lock", "--upgrade")
        return str(contexts(empty)[KEY]["model_packages"][PACKAGE]["base_model_arn"])

    public = f"{HUB}/{LARGE}/2.0.1"
    assert base() == public
    monkeypatch.setenv("SAGEMAKER_HUB_NAME", "team")
    assert base() == public
    models = aws.region("us-west-2").facts["hub_models"]
    ours = f"arn:aws:sagemaker:us-west-2:{HERE}:hub-content/team/Model/{LARGE}/2.0.1"
    models[LARGE] = {**models[LARGE], "hub": "team", "arn": ours}
    assert base() == ours
    run("compile")
    assert ours in (empty / "compiled" / "BenchMarkEvaluator" / "tuned.json").read_text("utf-8")
    models[LARGE] = {**models[LARGE], "version": "3.0.0"}  # the package was trained from another one
    assert base() == public
    models[LARGE] = {**models[LARGE], "version": "2.0.1"}
    answer("DescribeHubContent", denied)
    assert "model_packages/" in run("lock", "--upgrade", code=3).stderr


def test_the_catalogue_reads_keywords_in_any_case(aws: Sandbox, run: Run, answer: Answer) -> None:
    def louder(_: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
        models = usual["HubContentSummaries"]
        said = [{**m, "HubContentSearchKeywords": [k.upper() for k in m["HubContentSearchKeywords"]]} for m in models]
        return {**usual, "HubContentSummaries": said}

    quiet = run("catalog", "models", "--technique", "mtrl").stdout
    answer("ListHubContents", louder)
    assert run("catalog", "models", "--technique", "MTRL").stdout == quiet
    assert LARGE in quiet
