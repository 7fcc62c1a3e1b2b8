"""What stands in the way of a lock: refusals of AWS, answers that are no use, specs with errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sagespec.executor import retries
from sagespec.sandbox import Sandbox
from sagespec.sandbox.service import OPERATIONS, Region, ServiceError

from tests.acceptance.test_lock_accounts import FILE, HERE, LARGE, QWEN, benchmark, contexts, describe, write
from tests.acceptance.test_lock_accounts import empty as empty
from tests.conftest import Run

KEY = f"{HERE}/us-west-2"
PACKAGE = f"arn:aws:sagemaker:us-west-2:{HERE}:model-package/qwen3-mtrl/3"
ROLE = f"arn:aws:iam::{HERE}:role/R"
GATED = "meta-textgeneration-llama-3-3-70b-instruct"
HUB = "arn:aws:sagemaker:us-west-2:aws:hub-content/SageMakerPublicHub/Model"
Answer = Callable[[str, Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]], None]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Let AWS answer an operation otherwise: given the request and its usual answer."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(retries, "ROUNDS", 1)

    def otherwise(operation: str, change: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]) -> None:
        usual = OPERATIONS[operation]

        def changed(region: Region, request: dict[str, Any]) -> dict[str, Any]:
            return change(request, usual(region, request))

        monkeypatch.setitem(OPERATIONS, operation, changed)

    return otherwise


def denied(_request: dict[str, Any], _answer: dict[str, Any]) -> dict[str, Any]:
    raise ServiceError("AccessDeniedException", "User is not authorized")


def throttled(_request: dict[str, Any], _answer: dict[str, Any]) -> dict[str, Any]:
    raise ServiceError("ThrottlingException", "Rate exceeded")


def broken(_request: dict[str, Any], _answer: dict[str, Any]) -> dict[str, Any]:
    raise ServiceError("InternalFailure", "Internal failure", 500)


def trainer(name: str, **fields: Any) -> dict[str, Any]:
    given = {
        "model": LARGE,
        "agent_env": "myRuntime-aBcDeFgHiJ",
        "training_dataset": "s3://my-bucket/t.jsonl",
        **fields,
    }
    return {"apiVersion": "sagespec/v1", "kind": "MultiTurnRLTrainer", "metadata": {"name": name}, "spec": given}


def at(name: str, field: str) -> str:
    """Where a spec's value of a field stands."""
    lines = Path("specs", f"{name}.yaml").read_text("utf-8").splitlines()
    row = next(i for i, line in enumerate(lines) if f'"{field}": ' in line)
    return f"specs/{name}.yaml:{row + 1}:{lines[row].index(': ') + 3}"


@pytest.fixture
def locked(empty: Path, aws: Sandbox, run: Run) -> Path:
    """A project that is locked: a trainer of a gated model by its ARN, and an evaluation of a package."""
    write(empty, trainer("gated", model=f"{HUB}/{GATED}", accept_eula=True))
    write(empty, benchmark("tuned", model=PACKAGE))
    run("lock", "--region", "us-west-2")
    return empty


LOOK_UPS = [
    ("DescribeJobSchemaVersion", "gated", "kind"),
    ("DescribeHubContent", "gated", "model"),
    ("DescribeHubContent", "tuned", "model"),
    ("DescribeModelPackageGroup", "tuned", "model"),
]


@pytest.mark.parametrize(("operation", "name", "field"), LOOK_UPS)
def test_what_is_refused_stays_as_it_was(
    operation: str, name: str, field: str, locked: Path, run: Run, answer: Answer
) -> None:
    before = (locked / FILE).read_bytes()
    answer(operation, denied)
    said = run("lock", "--upgrade", code=3).stderr
    assert f"{at(name, field)}: error[refused-fact]: " in said
    hints = re.findall(r"hint: .*", said)
    assert hints
    assert all(hint.count(f"sagemaker:{operation}") == 1 for hint in hints)
    assert "sagespec.lock.json is as it was" in said
    assert (locked / FILE).read_bytes() == before


@pytest.fixture
def half(empty: Path, aws: Sandbox) -> Path:
    """A project with no lock, of specs that need many facts."""
    write(empty, trainer("agent"))
    write(empty, benchmark("tuned", model=PACKAGE))
    write(empty, benchmark("plain"))
    return empty


REFUSED = {"denied": denied, "throttled": throttled, "broken": broken}
ONE_OF_MANY = {
    "DescribeModelPackage": ("tuned", "model", f"model_packages/{PACKAGE}"),
    "DescribeHubContent": ("agent", "model", f"hub_models/{LARGE}"),
    "ListMlflowApps": ("agent", "", "default_mlflow_app"),
}
"""What is refused; the spec and the field that ask (none where one is lacking), and what is then missing."""


@pytest.mark.parametrize("trouble", REFUSED)
@pytest.mark.parametrize("operation", ONE_OF_MANY)
def test_what_was_found_is_kept_when_one_look_up_is_refused(
    operation: str, trouble: str, half: Path, run: Run, answer: Answer
) -> None:
    name, field, missing = ONE_OF_MANY[operation]
    refusing = True

    def once(request: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
        asked = request.get("HubContentName", LARGE) == LARGE
        return REFUSED[trouble](request, usual) if refusing and asked else usual

    answer(operation, once)
    said = run("lock", "--region", "us-west-2", code=3).stderr
    place = at(name, field) if field else f"specs/{name}.yaml:7:2"
    assert f"{place}: error[refused-fact]: {missing} cannot be looked up: {operation}" in said
    assert re.search(r"wrote sagespec.lock.json: \d\d? facts in 1 context\n", said)
    assert re.search(rf"could not look up .*{re.escape(missing)}", said)
    section, _, fact = missing.partition("/")
    facts = contexts(half)[KEY]
    assert not (facts[section] or {}).get(fact) if fact else facts[section] is None
    assert QWEN in facts["hub_models"]
    assert re.search(rf"{place}: error\[missing-\w+\]: ", run("compile", code=1).stderr)
    refusing = False
    run("lock")
    run("compile")
    assert "AWS answers as before" in run("lock", "--check").stderr


def test_a_lock_in_which_nothing_was_found_is_none(half: Path, run: Run, answer: Answer) -> None:
    for operation in ("DescribeModelPackage", "DescribeHubContent", "ListMlflowApps", "ListJobSchemaVersions"):
        answer(operation, denied)
    write(half, trainer("agent", agent_env="arn:aws:lambda:us-west-2:123456789012:function:f", role=ROLE))
    write(half, benchmark("tuned", model=PACKAGE, role=ROLE))
    write(half, benchmark("plain", role=ROLE))
    said = run("lock", "--region", "us-west-2", code=3).stderr
    assert "wrote no sagespec.lock.json" in said
    assert not (half / FILE).exists()


def test_a_check_says_what_has_changed_beside_what_is_refused(
    locked: Path, aws: Sandbox, run: Run, answer: Answer
) -> None:
    models = aws.region("us-west-2").facts["hub_models"]
    models[GATED]["version"], models[GATED]["arn"] = "9.0.0", models[GATED]["arn"].rpartition("/")[0] + "/9.0.0"
    answer("DescribeModelPackage", denied)
    before = (locked / FILE).read_bytes()
    said = run("lock", "--check", code=3)
    assert f"/hub_models/{GATED}/version: was " in said.stdout
    assert PACKAGE not in said.stdout
    assert (locked / FILE).read_bytes() == before
    assert f"/hub_models/{GATED}/version: was " in run("lock", "--upgrade", code=3).stderr
    assert contexts(locked)[KEY]["hub_models"][GATED]["version"] == "9.0.0"
    assert PACKAGE in contexts(locked)[KEY]["model_packages"]


def test_a_refusal_where_a_project_is_only_made_of_environments_stops_nothing(
    locked: Path, run: Run, answer: Answer
) -> None:
    before = contexts(locked)
    app = f"arn:aws:sagemaker:us-west-2:{HERE}:mlflow-app/app-TEAM"
    dev = {"defaults": {"region": "us-west-2", "mlflow_app_arn": app, "mlflow_resource_arn": app}}
    describe(locked, environments={"dev": dev})
    answer("ListMlflowApps", denied)
    said = run("lock", "--upgrade").stderr
    assert "warning[refused-fact]: default_mlflow_app cannot be looked up" in said
    assert contexts(locked) == before


def test_throttling_is_not_a_matter_of_permissions(locked: Path, run: Run, answer: Answer) -> None:
    answer("DescribeHubContent", throttled)
    said = run("lock", "--upgrade", code=3).stderr
    assert "hub_models/" in said
    assert "DescribeHubContent: Rate exceeded" in said
    assert "sagemaker:DescribeHubContent" not in said


def test_a_gated_model_by_its_arn_needs_its_licence(empty: Path, aws: Sandbox, run: Run) -> None:
    write(empty, trainer("gated", model=f"{HUB}/{GATED}/3.1.4"))
    assert "is gated and its licence is not accepted" in run("lock", "--region", "us-west-2", code=1).stderr
    assert "is gated and its licence is not accepted" in run("compile", code=1).stderr
    for hub, version in ((HUB, "/3.1.3"), (HUB.replace("SageMakerPublicHub", "team"), "")):
        write(empty, trainer("gated", model=f"{hub}/{GATED}{version}"))
        assert f"{at('gated', 'model')}: warning[eula]" in run("compile").stderr
        absent = f"there is no model '{hub}/{GATED}{version}' in {hub.split('/')[1]}"
        assert f"{at('gated', 'model')}: warning[missing-fact]: {absent}" in run("lock").stderr


def test_a_lock_has_one_version_of_a_model(empty: Path, aws: Sandbox, run: Run, answer: Answer) -> None:
    def pinned(request: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
        version = request.get("HubContentVersion") or "1.0.0"
        return {**usual, "HubContentVersion": version, "HubContentArn": f"{HUB}/{QWEN}/{version}"}

    del aws.region("us-west-2").facts["hub_models"][QWEN]["version"]
    answer("DescribeHubContent", pinned)
    write(empty, benchmark("one"))
    write(empty, benchmark("two", model=f"{HUB}/{QWEN}/1.0.0"))
    run("lock", "--region", "us-west-2")
    run("compile")
    aws.region("us-west-2").facts["hub_models"][QWEN]["version"] = "0.9.0"
    write(empty, benchmark("two", model=f"{HUB}/{QWEN}/0.9.0"))
    said = run("lock").stderr
    assert f"{at('two', 'model')}: warning[missing-fact]: the lock has one {QWEN} only" in said
    assert f"other specs use {HUB}/{QWEN}/1.0.0" in said
    assert contexts(empty)[KEY]["hub_models"][QWEN]["version"] == "1.0.0"


def test_a_schema_that_aws_has_not_any_more_is_told(locked: Path, run: Run, answer: Answer) -> None:
    answer("ListJobSchemaVersions", lambda *_: {"JobConfigSchemas": [{"JobConfigSchemaVersion": "2.0.0"}]})
    said = run("lock", "--upgrade").stderr
    message = "AWS has no version 1.0.0 of the AgentRFT schema any more; it has 2.0.0"
    assert f"{at('gated', 'kind')}: warning[missing-fact]: {message}" in said
    assert contexts(locked)[KEY]["job_schemas"] == {}


BROKEN = {
    "mistyped ref": (trainer("broken", agent_env={"ref": "CustomAgentLambda/nobody"}), "unknown-ref"),
    "hyperparameters": (trainer("broken", hyperparameters={"group_size": "many"}), "wrong-type"),
    "no spec": ({"apiVersion": "sagespec/v1", "kind": "Torchrun", "metadata": {"name": "broken"}}, "missing-field"),
}


@pytest.mark.parametrize("case", sorted(BROKEN))
def test_errors_of_specs_are_shown_and_drop_nothing(case: str, locked: Path, run: Run) -> None:
    spec, rule = BROKEN[case]
    (locked / "specs" / "tuned.yaml").unlink()
    write(locked, spec)
    write(locked, benchmark("new"))
    before = contexts(locked)[KEY]
    said = run("lock", code=1).stderr
    assert f"error[{rule}]" in said
    assert "specs with errors may need more" in said
    after = contexts(locked)[KEY]
    assert after["hub_models"].items() > before["hub_models"].items()
    assert after["model_packages"] == before["model_packages"] != {}
    assert f"error[{rule}]" in run("lock", "--check", code=1).stderr
    (locked / "specs" / "broken.yaml").unlink()
    run("lock")
    assert contexts(locked)[KEY]["model_packages"] == {}


def test_a_missing_default_says_how_to_have_one(empty: Path, aws: Sandbox, run: Run, answer: Answer) -> None:
    write(empty, benchmark("one"))
    answer("ListMlflowApps", lambda *_: {"Summaries": []})
    said = run("lock", "--region", "us-west-2", code=1).stderr
    assert "has no usable MLflow app in us-west-2" in said
    assert "aws sagemaker create-mlflow-app" in said


NO_BASE: dict[str, Any] = {"InferenceSpecification": {"Containers": [{"BaseModel": {}}]}}
ODD: dict[str, tuple[str, dict[str, Any], str]] = {
    "base model without a name": ("DescribeModelPackage", NO_BASE, "does not say which base model"),
    "package without a group": (
        "DescribeModelPackage",
        {"ModelPackageGroupName": None},
        "is in no model package group",
    ),
    "failed package": ("DescribeModelPackage", {"ModelPackageStatus": "Failed"}, "is Failed: only a completed model"),
    "job that runs": ("DescribeJob", {"JobStatus": "InProgress"}, "is InProgress: only a completed one has a model"),
    "ARN that is none": ("DescribeHubContent", {"HubContentArn": "?"}, 'is not as expected: arn: "?" is not an ARN'),
}
"""What an operation answers otherwise (None: not at all), and what is then said."""


@pytest.mark.parametrize("case", sorted(ODD))
def test_answers_that_are_of_no_use_are_told(case: str, empty: Path, aws: Sandbox, run: Run, answer: Answer) -> None:
    operation, members, message = ODD[case]
    write(empty, benchmark("package", model=PACKAGE))
    write(empty, benchmark("job", model={"job": "finished-mtrl-job"}))
    write(empty, benchmark("hub"))
    answer(operation, lambda _, usual: {k: v for k, v in {**usual, **members}.items() if v is not None})
    said = run("lock", "--region", "us-west-2", code=1).stderr
    assert message in said
    facts = contexts(empty)[KEY]
    assert facts["default_mlflow_app"]
    assert not facts["hub_models" if "ARN" in case else "jobs" if "job" in case else "model_packages"]
    assert "error[missing-fact]: " in run("compile", code=1).stderr


def test_a_base_model_may_have_no_version(empty: Path, aws: Sandbox, run: Run, answer: Answer) -> None:
    def unversioned(_: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
        return {**usual, "InferenceSpecification": {"Containers": [{"BaseModel": {"HubContentName": QWEN}}]}}

    write(empty, benchmark("package", model=PACKAGE))
    answer("DescribeModelPackage", unversioned)
    run("lock", "--region", "us-west-2")
    assert contexts(empty)[KEY]["model_packages"][PACKAGE]["base_model_arn"] == f"{HUB}/{QWEN}"


def test_what_differs_is_shown_and_not_cut_away(locked: Path, aws: Sandbox, run: Run) -> None:
    lock = json.loads((locked / FILE).read_text("utf-8"))
    facts = lock["contexts"][KEY]
    model = facts["hub_models"][GATED]
    role, facts["role"] = facts["role"], None
    model["arn"] = model["arn"][:-1] + "9"
    recipe = model["recipes"]["FineTuning/MTRL/LORA"]["hyperparameters"]
    recipe["advantage_method"] = {"type": "string", "enum": ["group_based", "gone"], "default": "group_based"}
    facts["role"] = role
    del facts["model_packages"][PACKAGE]
    (locked / FILE).write_text(json.dumps(lock), "utf-8")
    said = run("lock", "--check", code=1)
    assert f'/arn: was "...{model["arn"][-13:]}", now "...{model["arn"][-13:-1]}4"' in said.stdout
    assert f"/{KEY}/model_packages/{PACKAGE}: not locked yet" in said.stdout
    assert "AWS answers otherwise" in said.stderr
    assert "the lock lacks facts" in said.stderr
    run("lock", "--upgrade")
    lock = json.loads((locked / FILE).read_text("utf-8"))
    del lock["contexts"][KEY]["model_packages"][PACKAGE]
    (locked / FILE).write_text(json.dumps(lock), "utf-8")
    assert "AWS answers as before" in run("lock", "--check", code=1).stderr
