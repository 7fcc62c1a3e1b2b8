"""What files need is looked for before anything is sent, of what waits for others as of what is ready."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagespec.sandbox import Sandbox
from sagespec.sandbox import ecr as ecr_rules
from sagespec.sandbox.service import OPERATIONS, Region, ServiceError

from tests.acceptance.test_apply import FAST
from tests.conftest import Run

SPECS = """apiVersion: sagespec/v1
kind: MultiTurnRLTrainer
metadata: {name: agent}
spec:
  model: huggingface-reasoning-qwen3-32b
  agent_env: myRuntime-aBcDeFgHiJ
  training_dataset: s3://my-bucket/support/train.jsonl
  s3_output_path: s3://my-bucket/output
---
apiVersion: sagespec/v1
kind: MultiTurnRLEvaluator
metadata: {name: episodes}
spec:
  model: {ref: MultiTurnRLTrainer/agent}
  dataset: s3://my-bucket/support/evaluation.jsonl
  s3_output_path: s3://my-bucket/evaluations
  role: SageMakerRole
---
apiVersion: sagespec/v1
kind: CustomScorerEvaluator
metadata: {name: scored}
spec:
  model: {ref: MultiTurnRLTrainer/agent}
  evaluator: prime_math
  dataset: s3://my-bucket/problems/evaluation.jsonl
  s3_output_path: s3://my-bucket/evaluations
"""
HUB = "arn:aws:sagemaker:us-west-2:123456789012:hub-content"
SCORER = "arn:aws:lambda:us-west-2:123456789012:function:scorer"
GROUP = "arn:aws:sagemaker:us-west-2:123456789012:model-package-group/nowhere"
ROLE = "arn:aws:iam::123456789012:role/service/Nobody"
SAGEMAKER = "arn:aws:sagemaker:us-west-2:123456789012"
RUNTIME = "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/nobody-0123456789"
MISTAKES: dict[str, tuple[str, str, str]] = {
    "a bucket of an output": (
        "s3_output_path: s3://my-bucket/evaluations\n  role",
        "s3_output_path: s3://no-bucket/evaluations\n  role",
        "16:19: error[aws]: there is no bucket no-bucket",
    ),
    "an object": (
        "dataset: s3://my-bucket/support/evaluation",
        "dataset: s3://my-bucket/support/none",
        "15:12: error[aws]: there is no object s3://my-bucket/support/none.jsonl",
    ),
    "an object whose bucket is not there": (
        "dataset: s3://my-bucket/problems/",
        "dataset: s3://no-bucket/problems/",
        "25:12: error[aws]: there is no bucket no-bucket",
    ),
    "a key in other case": (
        "dataset: s3://my-bucket/support/evaluation.jsonl",
        "dataset: s3://my-bucket/Support/Evaluation.jsonl",
        "15:12: error[aws]: there is no object s3://my-bucket/Support/Evaluation.jsonl",
    ),
    "a slash too many": (
        "dataset: s3://my-bucket/problems/evaluation.jsonl",
        "dataset: s3://my-bucket/problems/evaluation.jsonl/",
        "25:12: error[aws]: there is nothing at s3://my-bucket/problems/evaluation.jsonl/",
    ),
    "a prefix without objects": (
        "dataset: s3://my-bucket/problems/evaluation.jsonl",
        "dataset: s3://my-bucket/empty/",
        "25:12: error[aws]: there is nothing at s3://my-bucket/empty/",
    ),
    "a data set of a hub": (
        "dataset: s3://my-bucket/problems/evaluation.jsonl",
        f"dataset: {HUB}/team-hub/DataSet/sums/1.0.0",
        "25:12: error[aws]: there is no DataSet sums of version 1.0.0 in hub team-hub",
    ),
    "a role": ("role: SageMakerRole", f"role: {ROLE}", "17:9: error[aws]: there is no role Nobody in account"),
    "a function": (
        "evaluator: prime_math",
        f"evaluator: {SCORER}",
        f"24:14: error[aws]: there is no function {SCORER}",
    ),
    "a group": (
        "evaluator: prime_math",
        f"evaluator: prime_math\n  model_package_group: {GROUP}",
        f"25:24: error[aws]: there is no model package group {GROUP}",
    ),
    "a runtime": (
        "role: SageMakerRole",
        f"agent_config: {RUNTIME}",
        "17:17: error[aws]: there is no agent runtime nobody-0123456789",
    ),
    "an MLflow app": (
        "evaluator: prime_math",
        f"evaluator: prime_math\n  mlflow_resource_arn: {SAGEMAKER}:mlflow-app/app-NOBODYS",
        "25:24: error[aws]: there is no MLflow app app-NOBODYS",
    ),
    "a tracking server": (
        "evaluator: prime_math",
        f"evaluator: prime_math\n  mlflow_resource_arn: {SAGEMAKER}:mlflow-tracking-server/nobodys",
        "25:24: error[aws]: there is no MLflow tracking server nobodys",
    ),
}
Answer = Callable[[str, str, str], None]


def write(project: Path, run: Run, text: str = SPECS) -> None:
    (project / "specs" / "a.yaml").write_text(text, "utf-8")
    run("compile")


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have an operation of SageMaker be denied."""

    def denied(_region: Region, _request: dict[str, Any]) -> dict[str, Any]:
        raise ServiceError("AccessDeniedException", "not yours")

    return lambda operation: monkeypatch.setitem(OPERATIONS, operation, denied)


@pytest.mark.parametrize("mistake", sorted(MISTAKES))
def test_what_an_evaluation_lacks_is_told_before_its_trainer_runs(
    mistake: str, project: Path, aws: Sandbox, run: Run
) -> None:
    before, after, said = MISTAKES[mistake]
    boto3.client("s3").put_object(Bucket="my-bucket", Key="empty/")  # as the console makes a folder
    assert SPECS.count(before) == 1
    write(project, run, SPECS.replace(before, after))
    changes = len(aws.mutations())
    for command in (["plan"], ["apply", "--dry-run"], ["apply", *FAST]):
        told = run(*command, code=3).stderr
        assert f"specs/a.yaml:{said}" in told
        assert told.count("error[aws]") == 1
        assert "hint: " in told
    assert "nothing was sent" in told
    assert len(aws.mutations()) == changes


@pytest.mark.parametrize(
    ("named", "there"),
    [
        ("support/Evaluation.jsonl", "support/evaluation.jsonl"),
        ("Support/evaluation.jsonl", "support/"),
        ("suport/evaluation.jsonl", "support/"),
        ("support/evaluation.jsonl/", "support/evaluation.jsonl"),
        ("support/evaluatoin.jsonl", "support/evaluation.jsonl"),
    ],
)
def test_a_name_that_is_nearly_right_is_told_the_right_one(
    named: str, there: str, project: Path, aws: Sandbox, run: Run
) -> None:
    write(project, run, SPECS.replace("support/evaluation.jsonl", named))
    assert f"hint: did you mean s3://my-bucket/{there}?" in run("plan", code=3).stderr


def test_all_that_is_missing_is_told_at_once(project: Path, aws: Sandbox, run: Run) -> None:
    text = SPECS.replace("role: SageMakerRole", f"role: {ROLE}").replace("support/evaluation", "support/none")
    write(project, run, text.replace("problems/evaluation", "problems/none"))
    told = run("plan", code=3).stderr
    assert sorted(re.findall(r"specs/a.yaml:(\d+):\d+: error\[aws\]", told)) == ["15", "17", "25"]


def test_data_of_any_form_is_found(project: Path, aws: Sandbox, run: Run) -> None:
    s3 = boto3.client("s3")
    for key in ("many/1.jsonl", "parts.jsonl/0", "bare"):
        s3.put_object(Bucket="my-bucket", Key=key, Body=b"{}")
    for name in ("many/", "many", "parts.jsonl", "bare", "parts.jsonl/"):
        write(project, run, SPECS.replace("problems/evaluation.jsonl", name))
        run("plan")
    client, hub = boto3.client("sagemaker"), {"HubName": "team-hub"}
    client.create_hub(HubDescription="", **hub)
    given = {"HubContentType": "DataSet", "HubContentName": "sums", "HubContentDocument": "{}"}
    client.import_hub_content(DocumentSchemaVersion="2.0.0", **given, **hub)
    write(
        project, run, SPECS.replace("s3://my-bucket/problems/evaluation.jsonl", f"{HUB}/team-hub/DataSet/sums/1.0.0")
    )
    run("plan")


def test_a_bucket_of_another_region_is_told(project: Path, aws: Sandbox, run: Run) -> None:
    there = {"LocationConstraint": "eu-west-1"}
    boto3.client("s3", region_name="eu-west-1").create_bucket(Bucket="far-bucket", CreateBucketConfiguration=there)
    write(project, run, SPECS.replace("s3://my-bucket/output", "s3://far-bucket/output"))
    assert "bucket far-bucket is in eu-west-1, not in us-west-2" in run("plan", code=3).stderr


def test_what_may_not_be_looked_at_is_no_obstacle(
    project: Path, aws: Sandbox, run: Run, refusing: Callable[[str], None]
) -> None:
    text = SPECS.replace("evaluator: prime_math", f"evaluator: prime_math\n  model_package_group: {GROUP}")
    write(
        project, run, text.replace("s3://my-bucket/problems/evaluation.jsonl", f"{HUB}/team-hub/DataSet/sums/1.0.0")
    )
    for operation in ("DescribeModelPackageGroup", "DescribeHubContent"):
        assert run("plan", code=3).stderr.count("error: ") > 0
        refusing(operation)
    run("plan", project / "compiled" / "CustomScorerEvaluator")


REFUSED = {
    "DescribeModelPackageGroup": (f"evaluator: prime_math\n  model_package_group: {GROUP}", "25:24"),
    "DescribeHubContent": (f"evaluator: {HUB}/team-hub/JsonDoc/rewards/1.0.0", "24:14"),
}
"""What is asked for a name that a spec gives, and where it stands."""


@pytest.mark.parametrize("operation", REFUSED)
def test_a_name_that_aws_refuses_stops_no_other_file(
    operation: str, project: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = OPERATIONS[operation]

    def refused(region: Region, request: dict[str, Any]) -> dict[str, Any]:
        if {"nowhere", GROUP, "team-hub"}.isdisjoint(request.values()):
            return usual(region, request)
        raise ServiceError("ValidationException", "1 validation error: the name is too odd")

    text, place = REFUSED[operation]
    write(project, run, SPECS.replace("evaluator: prime_math", text))
    monkeypatch.setitem(OPERATIONS, operation, refused)
    told = run("plan", code=3)
    assert f"specs/a.yaml:{place}: error[aws]: " in told.stderr
    assert f"cannot be looked up: {operation}: 1 validation error: the name is too odd" in told.stderr
    assert "hint: name another" in told.stderr
    assert told.stderr.count("error[aws]") == 1
    assert "\nSTART\n  > " in told.stdout
    run("plan", project / "compiled" / "MultiTurnRLTrainer")


def test_an_upload_that_s3_refuses_is_the_trouble_of_its_file(
    project: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "kind: ModelTrainer\nmetadata: {name: %s}\nspec:\n  training_image: img\n"
    code += "  source_code: {source_dir: code%s, entry_script: t.py}\n  compute: {instance_type: ml.m5.large}\n"
    for number in ("1", "2"):
        (project / "specs" / f"code{number}").mkdir()
        (project / "specs" / f"code{number}" / "t.py").write_text(f"print({number})", "utf-8")
    specs = [f"apiVersion: sagespec/v1\n{code % (name, number)}" for name, number in (("one", "1"), ("two", "2"))]
    write(project, run, "---\n".join(specs))
    usual = aws._ask_moto
    requests = json.loads((project / "compiled" / "ModelTrainer" / "one.json").read_text("utf-8"))["requests"]
    key = next(r["parameters"]["Key"] for r in requests if r["id"] == "source/t.py")

    def refused(service: str, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "HEAD" and environ["PATH_INFO"].endswith(key):
            raise ServiceError("KeyTooLongError", "Your key is too long", 414)
        return usual(service, environ, start_response)

    monkeypatch.setattr(aws, "_ask_moto", refused)
    told = run("plan", code=3)
    assert "ModelTrainer/one" in told.stderr
    assert "cannot be looked up: HeadObject" in told.stderr
    assert "\nSTART\n  > " in told.stdout


def test_what_this_very_apply_makes_need_not_be_there(project: Path, aws: Sandbox, run: Run) -> None:
    mine = GROUP.replace("nowhere", "huggingface-reasoning-qwen3-32b-mtrl-mpg")
    text = SPECS.replace("evaluator: prime_math", f"evaluator: prime_math\n  model_package_group: {mine}")
    write(project, run, text)
    run("plan")


def test_each_thing_is_asked_once_and_what_exists_not_again(project: Path, aws: Sandbox, run: Run) -> None:
    trainer, *_ = SPECS.split("---\n")
    specs = [trainer.replace("name: agent", f"name: agent-{n}") for n in range(30)]
    write(project, run, "---\n".join(specs))
    run("plan")
    asked = [call.operation for call in aws.calls]
    for operation in ("GetRole", "HEAD /my-bucket", "HEAD /my-bucket/support/train.jsonl"):
        assert asked.count(operation) == 1, asked
    run("apply", *FAST)
    before = len(aws.calls)
    run("plan")
    assert [
        call.operation for call in aws.calls[before:] if call.operation not in ("ListJobs", "GetCallerIdentity")
    ] == []


def test_variables_of_users_name_nothing_that_must_be_there(project: Path, aws: Sandbox, run: Run) -> None:
    write(
        project,
        run,
        json.dumps(
            {
                "apiVersion": "sagespec/v1",
                "kind": "ModelTrainer",
                "metadata": {"name": "t"},
                "spec": {
                    "training_image": "image:1",
                    "compute": {"instance_type": "ml.m5.large"},
                    "environment": {"LATER": "s3://no-bucket/x", "FUNCTION": SCORER},
                    "hyperparameters": {"data": "s3://no-bucket/x"},
                },
            }
        ),
    )
    run("plan")


@pytest.mark.parametrize("name", ["nothing", "arn:aws:sqs:us-west-2:1:q", "s3://No_Bucket/x"])
def test_a_sandbox_says_what_it_cannot_have(name: str, run: Run) -> None:
    assert "no" in run("sandbox", "--exists", name, "--", "true", code=2).stderr


TRAINING = """apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: t}
spec:
  training_image: %s
  compute: {instance_type: ml.m5.large}
"""
ECR = "123456789012.dkr.ecr.us-west-2.amazonaws.com"
ABSENT = {
    f"{ECR}/nobodys:1": "there is no repository nobodys in ECR of account 123456789012",
    f"{ECR}/nobodys/of/all": "there is no repository nobodys/of/all in ECR",
    f"{ECR}/team/train:2": f"there is no image {ECR}/team/train:2",
    f"{ECR}/team/train": f"there is no image {ECR}/team/train",
    f"{ECR}/team/train:1@sha256:{'0' * 64}": f"there is no image {ECR}/team/train:1@sha256:0000",
}
ELSEWHERE = ("763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.4-gpu", "public.ecr.aws/x/y:1", "x:1")


@pytest.fixture
def pushed(aws: Sandbox) -> Sandbox:
    """An image in the account's own registry, as a client pushes it."""
    ecr = boto3.client("ecr")
    ecr.create_repository(repositoryName="team/train")
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": {}, "layers": []})
    ecr.put_image(repositoryName="team/train", imageManifest=manifest, imageTag="1")
    return aws


@pytest.mark.parametrize("image", sorted(ABSENT))
def test_an_image_that_the_account_has_not_is_told(image: str, project: Path, pushed: Sandbox, run: Run) -> None:
    write(project, run, TRAINING % image)
    for command in (["plan"], ["apply", *FAST]):
        assert f"specs/a.yaml:5:19: error[aws]: {ABSENT[image]}" in run(*command, code=3).stderr
    assert "PutObject" not in [call.operation for call in pushed.mutations()]


def test_images_of_the_account_are_found_and_those_of_others_not_looked_at(
    project: Path, pushed: Sandbox, run: Run
) -> None:
    (found,) = boto3.client("ecr").describe_images(repositoryName="team/train")["imageDetails"]
    for image in (f"{ECR}/team/train:1", f"{ECR}/team/train@{found['imageDigest']}", *ELSEWHERE):
        before = len(pushed.calls)
        write(project, run, TRAINING % image)
        run("plan")
        asked = [call.operation for call in pushed.calls[before:]]
        assert ("DescribeImages" in asked) == image.startswith(ECR), asked


@pytest.mark.parametrize("prefix", ["nobodys", "ROOT"])
def test_an_image_that_ecr_fetches_itself_is_no_obstacle(prefix: str, project: Path, aws: Sandbox, run: Run) -> None:
    ecr = boto3.client("ecr")
    write(project, run, TRAINING % f"{ECR}/nobodys/python:3")
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix="nobody", upstreamRegistryUrl="public.ecr.aws")
    run("plan", code=3)
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix=prefix, upstreamRegistryUrl="public.ecr.aws")
    run("plan")


@pytest.mark.parametrize("operation", ["DescribeImages", "DescribePullThroughCacheRules"])
def test_an_image_that_nobody_may_look_for_is_no_obstacle(
    operation: str, project: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_region: Region, _request: dict[str, Any]) -> dict[str, Any]:
        raise ServiceError("AccessDeniedException", "not yours")

    write(project, run, TRAINING % f"{ECR}/nobodys:3")
    run("plan", code=3)
    monkeypatch.setitem(ecr_rules.OPERATIONS, operation, denied)
    run("plan")


def test_what_is_being_deleted_is_no_more_there(project: Path, aws: Sandbox, run: Run) -> None:
    client, app = boto3.client("sagemaker"), f"{SAGEMAKER}:mlflow-app/app-DEFAULT"
    write(project, run)
    run("plan")
    apps = aws.region("us-west-2").table("mlflow_apps")
    apps[app] = {**apps[app], "Status": "Deleting"}
    assert "there is no MLflow app app-DEFAULT any more" in run("plan", code=3).stderr
    apps[app] = {**apps[app], "Status": "Updating"}
    run("plan")
    client.delete_mlflow_app(Arn=app)
    assert "there is no MLflow app app-DEFAULT" in run("plan", code=3).stderr
    server = client.create_mlflow_tracking_server(
        TrackingServerName="mine", ArtifactStoreUri="s3://my-bucket/mlflow", RoleArn=ROLE
    )["TrackingServerArn"]
    new = client.create_mlflow_app(Name="new", ArtifactStoreUri="s3://my-bucket/mlflow", RoleArn=ROLE)["Arn"]
    text = SPECS.replace("evaluator: prime_math", f"evaluator: prime_math\n  mlflow_resource_arn: {server}")
    text = text.replace("role: SageMakerRole", f"mlflow_resource_arn: {new}")
    write(project, run, text.replace("agent_env:", f"mlflow_app_arn: {new}\n  agent_env:"))
    run("plan")


def test_runtimes_and_apps_that_may_not_be_looked_at_are_no_obstacle(
    project: Path, aws: Sandbox, run: Run, refusing: Callable[[str], None]
) -> None:
    gone = f"evaluator: prime_math\n  mlflow_resource_arn: {SAGEMAKER}:mlflow-app/app-NOBODYS"
    theirs = RUNTIME.replace("123456789012", "210987654321")
    write(project, run, SPECS.replace("evaluator: prime_math", gone).replace("myRuntime-aBcDeFgHiJ", theirs))
    assert run("plan", code=3).stderr.count("error[aws]") == 1
    refusing("DescribeMlflowApp")
    run("plan")


def test_what_several_specs_lack_is_said_once_with_all_their_places(project: Path, aws: Sandbox, run: Run) -> None:
    assert aws.url
    (project / "specs" / "a.yaml").write_text(SPECS.replace("s3://my-bucket/", "s3://no-bucket/"), "utf-8")
    run("compile")
    for command in (("plan",), ("apply", "--yes")):
        said = run(*command, code=3).stderr
        assert said.count("there is no bucket no-bucket") == 2 + said.count("  ! ")
        assert "specs/a.yaml:7:21: error[aws]: there is no bucket no-bucket\n" in said
        assert "    also MultiTurnRLEvaluator/episodes: specs/a.yaml:15:12\n" in said
        assert "    also CustomScorerEvaluator/scored: specs/a.yaml:25:12\n" in said
        assert said.count("    hint: create the bucket first") == 1
