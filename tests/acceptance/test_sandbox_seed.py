"""What a sandbox starts with: what a lock says, over what the built-in account has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from moto.backends import get_backend
from sagespec import sandbox
from sagespec.executor.cloud import Cloud
from sagespec.executor.lock import lookup
from sagespec.executor.lock.account import Account, NoFact
from sagespec.sandbox import Sandbox, account, neighbours

from tests.acceptance.test_lock_accounts import (
    FILE,
    HERE,
    LARGE,
    QWEN,
    THERE,
    benchmark,
    contexts,
    describe,
    environments,
    place,
    write,
)
from tests.acceptance.test_lock_accounts import empty as empty
from tests.conftest import Run

KEY = f"{HERE}/us-west-2"
CALLER = f"arn:aws:sts::{HERE}:assumed-role/SageMakerRole/sandbox"


@contextmanager
def seeded(lock: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox of a lock; the environment points at it."""
    with sandbox.start(lock) as running, monkeypatch.context() as patch:
        for name, value in running.environment().items():
            patch.setenv(name, value)
        yield running


def look_up(section: str, name: str = "") -> Any:
    return lookup.look_up(Account(Cloud(), HERE, "us-west-2", "aws", CALLER), section, name)


def test_a_project_grows_from_one_sandbox_to_the_next(empty: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("init", "CustomAgentLambda", "a")
    with seeded(None, monkeypatch):
        run("lock", "--region", "us-west-2")
    run("compile")
    run("apply", "--sandbox", "--yes", "--wait", "--poll", "0.1")
    run("init", "LLMAsJudgeEvaluator", "b")
    run("init", "MultiTurnRLTrainer", "a")
    write(empty, benchmark("c", model={"job": "finished-mtrl-job"}))
    with seeded(json.loads((empty / FILE).read_text("utf-8")), monkeypatch):
        run("lock")
    run("compile")
    assert list(contexts(empty)[KEY]["jobs"]) == ["finished-mtrl-job"]
    assert list(contexts(empty)[KEY]["hub_models"]) == [LARGE]


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_sandbox_is_the_account_of_the_files(environment: str, empty: Path, run: Run) -> None:
    """Also where the lock has several accounts, of which another is the first."""
    accounts = {"dev": HERE, "prod": THERE}
    describe(empty, defaults={"region": "us-west-2"}, environments=environments(**accounts))
    known = {
        f"{account}/us-west-2": {
            **place(account, "us-west-2"),
            "roles": {"LambdaRole": f"arn:aws:iam::{account}:role/LambdaRole"},
        }
        for account in accounts.values()
    }
    (empty / FILE).write_text(json.dumps({"apiVersion": "sagespec/v1", "kind": "Lock", "contexts": known}), "utf-8")
    run("init", "CustomAgentLambda", "a")
    spec = empty / "specs" / "CustomAgentLambda-a.yaml"
    spec.write_text(spec.read_text("utf-8").replace("# role: ", "role: LambdaRole "), "utf-8")
    run("compile", "-e", environment)
    said = run("apply", "-e", environment, "--sandbox", "--yes", "--wait")
    assert f"account {accounts[environment]}, us-west-2: 1 spec" in said.stdout
    assert "function created" in said.stderr


def test_a_lock_without_contexts_is_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    with seeded({"contexts": {}}, monkeypatch) as running:
        assert running.account == HERE
        assert look_up("hub_models", QWEN)["hub"] == "SageMakerPublicHub"


@pytest.mark.parametrize("text", ["{", '{"contexts": {"x": 1}}', "[]"])
def test_a_broken_lock_starts_nothing(text: str, empty: Path, run: Run) -> None:
    (empty / FILE).write_text(text, "utf-8")
    assert f"{FILE}:1:" in run("sandbox", "--", "true", code=1).stderr


def test_roles_are_where_their_arns_say(monkeypatch: pytest.MonkeyPatch) -> None:
    role = f"arn:aws:iam::{HERE}:role"
    facts = {"role": f"{role}/service-role/team/Default", "roles": {"Named": f"{role}/a/Named"}}
    with seeded({"contexts": {KEY: {**place(HERE, "us-west-2"), **facts}}}, monkeypatch):
        assert look_up("roles", "Default") == f"{role}/service-role/team/Default"
        assert look_up("roles", "Named") == f"{role}/a/Named"
        assert Cloud().account() == HERE


SERVICE = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
SIGN_IN = {"Effect": "Allow", "Principal": {"Federated": f"arn:aws:iam::{HERE}:saml-provider/sso"}, "Action": "sts:*"}
COLLEAGUE = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{HERE}:root"}, "Action": "sts:AssumeRole"}


@pytest.mark.parametrize(
    ("statements", "serves"),
    [([SERVICE], True), ([SIGN_IN, SERVICE], True), (SIGN_IN, False), ([SIGN_IN, COLLEAGUE], False), ([], True)],
)
def test_a_role_to_sign_in_with_is_no_default(statements: Any, serves: bool, aws: Sandbox) -> None:
    trust = json.dumps({"Version": "2012-10-17", "Statement": statements})
    for role in get_backend("iam")[HERE]["aws"].roles.values():  # moto refuses some that AWS takes
        role.assume_role_policy_document = trust
    if serves:
        assert look_up("role").endswith(":role/SageMakerRole")
    else:
        with pytest.raises(NoFact, match="may be assumed by no service of AWS"):
            look_up("role")
    assert look_up("roles", "SageMakerRole").endswith(":role/SageMakerRole")


def test_another_accounts_sandbox_has_the_same_in_that_account() -> None:
    there = "210987654321/eu-west-1"
    found = account.contexts({"contexts": {there: place(*there.split("/"))}})[there]
    assert found["default_mlflow_app"] == "arn:aws:sagemaker:eu-west-1:210987654321:mlflow-app/app-DEFAULT"
    assert found["hub_models"][QWEN]["arn"].startswith("arn:aws:sagemaker:eu-west-1:aws:hub-content/")


def test_a_finished_job_is_there_with_all_that_it_made(monkeypatch: pytest.MonkeyPatch) -> None:
    package = f"arn:aws:sagemaker:us-west-2:{HERE}:model-package/made/1"
    base = f"arn:aws:sagemaker:us-west-2:aws:hub-content/SageMakerPublicHub/Model/{LARGE}/2.0.1"
    job = {
        "agent_arn": f"arn:aws:lambda:us-west-2:{HERE}:function:agent",
        "agent_qualifier": None,
        "base_model": LARGE,
        "base_model_arn": base,
        "output_model_package_arn": package,
    }
    with seeded({"contexts": {KEY: {**place(HERE, "us-west-2"), "jobs": {"done": job}}}}, monkeypatch):
        assert look_up("jobs", "done") == job
        page = Cloud().call("sagemaker", "ListJobs", JobCategory="AgentRFT", NameContains="done")
        assert [found["JobStatus"] for found in page["JobSummaries"]] == ["Completed"]
        found = Cloud().call("sagemaker", "DescribeModelPackage", ModelPackageName=package)
        assert found["ModelPackageStatus"] == "Completed"


def app(name: str, **more: Any) -> tuple[str, dict[str, Any]]:
    arn = f"arn:aws:sagemaker:us-west-2:{HERE}:mlflow-app/{name}"
    made = {
        "Arn": arn,
        "Name": name,
        "Status": "Created",
        "MlflowVersion": "3.10",
        "AccountDefaultStatus": "DISABLED",
        "DefaultDomainIdList": [],
        "CreationTime": 1.0,
        "LastModifiedTime": 1.0,
    }
    return arn, {**made, **more}


def test_the_mlflow_app_is_the_domains_else_the_accounts_else_the_first(
    aws: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apps = aws.region("us-west-2").table("mlflow_apps")
    apps.clear()
    for number in range(12):  # more than a page
        apps.update([app(f"broken-{number}", Status="CreateFailed", AccountDefaultStatus="ENABLED")])
    apps.update([app("first", Status="Updated"), app("second")])
    apps.update([app("account", AccountDefaultStatus="ENABLED"), app("domain", DefaultDomainIdList=["d-1"])])
    studio = tmp_path / "resource-metadata.json"
    monkeypatch.setattr(lookup, "_STUDIO", studio)
    studio.write_text('{"DomainId": "d-1"}', "utf-8")
    assert look_up("default_mlflow_app").endswith("/domain")
    studio.write_text('{"DomainId": "d-2"}', "utf-8")
    assert look_up("default_mlflow_app").endswith("/account")
    del apps[app("account")[0]]
    assert look_up("default_mlflow_app").endswith("/first")
    for name in ("first", "second", "domain"):
        del apps[app(name)[0]]
    with pytest.raises(NoFact):
        look_up("default_mlflow_app")


LISTS = [b'{"supported_judge_models": %s}' % text for text in (b"[]", b"[1]", b'[{"model_id": 1}]', b"null")]
"""Lists of judges that name none."""


def test_judges_are_those_of_the_list_else_those_that_answer_in_text(aws: Sandbox) -> None:
    embedding, judge = "amazon.titan-embed-text-v2:0", "anthropic.claude-3-haiku-20240307-v1:0"
    with pytest.raises(NoFact, match=r"does not take amazon.titan-embed-text-v2:0 as a judge"):
        look_up("judge_models", embedding)
    put = partial(neighbours.put_object, aws.region("us-west-2"))
    bucket, key = "jumpstart-cache-prod-us-west-2", "fmhMetadata/supported-llmaj-judge-models.json"
    put(bucket, key, b'{"supported_judge_models": [1, {"model_id": "amazon.nova-pro-v1:0"}]}')
    assert look_up("judge_models", "amazon.nova-pro-v1:0") == {"end_of_life": None, "usable": True}
    with pytest.raises(NoFact, match="as a judge"):
        look_up("judge_models", judge)
    for unreadable in (b"not JSON", b"[" * 100_000, b"[]", *LISTS):
        put(bucket, key, unreadable)
        assert look_up("judge_models", judge)["usable"]
        with pytest.raises(NoFact, match="does not answer in text"):
            look_up("judge_models", embedding)
    named = ("us.", "global.", "arn:aws:bedrock:us-west-2::foundation-model/")
    profile = f"arn:aws:bedrock:us-west-2:{HERE}:inference-profile/eu."
    for prefix in (*named, profile):
        with pytest.raises(NoFact) as refused:
            look_up("judge_models", f"{prefix}{judge}")
        assert refused.value.hint == f"name it by its own id, {judge}"


def test_the_hub_of_the_environment_may_be_an_arn(aws: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    models = aws.region("us-west-2").facts["hub_models"]
    models[QWEN] = {**models[QWEN], "hub": "team"}
    monkeypatch.setenv("SAGEMAKER_HUB_NAME", f"arn:aws:sagemaker:us-west-2:{HERE}:hub/team")
    assert look_up("hub_models", QWEN)["hub"] == "team"
    assert look_up("hub_models", LARGE)["hub"] == "SageMakerPublicHub"
    shared = "arn:aws:sagemaker:us-west-2:210987654321:hub-content/team/Model"
    assert look_up("hub_models", f"{shared}/{QWEN}")["hub"] == "team"
    with pytest.raises(NoFact, match=r"in team$"):
        look_up("hub_models", f"{shared}/{LARGE}")
