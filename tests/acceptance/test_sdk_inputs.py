"""What the SDK takes from an account: code in S3, an MLflow app new enough, the names of a recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from sagespec import sandbox
from sagespec.project.facts import is_older
from sagespec.sandbox import Sandbox

from tests.conftest import RECORDED_LOCK, Run

CODE = 'def handler(event, context):\n    return "é"\n'
URI = "s3://my-bucket/agents/adapter.py"
QWEN = "huggingface-reasoning-qwen3-32b"
AGENT = "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/myRuntime-aBcDeFgHiJ"
HERE = "123456789012/us-west-2"


def write(name: str, kind: str, **fields: Any) -> None:
    spec = {"apiVersion": "sagespec/v1", "kind": kind, "metadata": {"name": name}, "spec": fields}
    Path("specs", f"{name}.json").write_text(json.dumps(spec), "utf-8")


def locked(section: str) -> Any:
    return json.loads(Path("sagespec.lock.json").read_text("utf-8"))["contexts"][HERE].get(section)


def test_code_in_s3_is_locked_reviewed_and_deployed(project: Path, aws: Sandbox, run: Run) -> None:
    s3 = boto3.client("s3", "us-west-2")
    write("adapter", "CustomAgentLambda", source=URI, function_name="adapter")
    missing = run("compile", code=1).stderr
    assert f"error[missing-fact]: the lock has no code '{URI}'" in missing
    assert "sagespec lock" in missing
    assert "there is no s3://my-bucket/agents/adapter.py" in run("lock", code=1).stderr
    s3.put_object(Bucket="my-bucket", Key="agents/adapter.py", Body=CODE.encode())
    run("lock")
    assert locked("code") == {URI: CODE}
    run("compile")
    run("apply", "--yes")
    found = boto3.client("lambda", "us-west-2").get_function(FunctionName="adapter")["Configuration"]
    assert found["CodeSha256"]
    (code,) = [
        r["parameters"]["Code"]
        for r in json.loads(Path("compiled/CustomAgentLambda/adapter.json").read_text())["requests"]
    ]
    assert code == {"ZipFile": {"$zip": {"lambda_function.py": {"text": CODE}}}}
    run("lock", "--check")
    s3.put_object(Bucket="my-bucket", Key="agents/adapter.py", Body=b"def other(event, context): ...\n")
    assert "code" in run("lock", "--check", code=1).stdout
    run("lock", "--upgrade")
    assert "does not define 'handler'" in run("compile").stderr


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"\xff\xfe", "is not text in UTF-8"), (b"#" * (1024**2 + 1), "has more than 1,048,576 bytes")],
)
def test_code_that_is_none_is_refused(project: Path, aws: Sandbox, run: Run, body: bytes, said: str) -> None:
    boto3.client("s3", "us-west-2").put_object(Bucket="my-bucket", Key="agents/adapter.py", Body=body)
    write("adapter", "CustomAgentLambda", source=URI)
    assert said in run("lock", code=1).stderr


def test_a_locked_code_seeds_the_sandbox(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write("adapter", "CustomAgentLambda", source=URI, function_name="adapter")
    facts = json.loads(Path("sagespec.lock.json").read_text("utf-8"))
    facts["contexts"][HERE]["code"] = {URI: CODE}
    with sandbox.start(facts) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        run("lock", "--upgrade")
    assert locked("code") == {URI: CODE}


OLD = "arn:aws:sagemaker:us-west-2:123456789012:mlflow-app/app-OLD"
DEFAULT = "arn:aws:sagemaker:us-west-2:123456789012:mlflow-app/app-DEFAULT"
TRAINER = {"model": QWEN, "agent_env": "myRuntime-aBcDeFgHiJ", "training_dataset": "s3://my-bucket/train.jsonl"}
EVALUATOR = {
    "model": QWEN,
    "agent_config": AGENT,
    "dataset": "s3://my-bucket/evaluation.jsonl",
    "s3_output_path": "s3://my-bucket/o",
}
BENCHMARK = {"model": QWEN, "benchmark": "mmlu", "s3_output_path": "s3://my-bucket/b"}


def with_apps(aws: Sandbox, **versions: str) -> None:
    """Give the account these apps, the first one the default."""
    table = aws.region("us-west-2").table("mlflow_apps")
    pattern = dict(table[DEFAULT])
    del table[DEFAULT]
    for number, (name, version) in enumerate(versions.items()):
        arn = f"arn:aws:sagemaker:us-west-2:123456789012:mlflow-app/app-{name}"
        status = "DISABLED" if number else "ENABLED"
        table[arn] = {**pattern, "Arn": arn, "MlflowVersion": version, "AccountDefaultStatus": status}


def test_an_old_mlflow_app_is_no_default_of_mtrl(project: Path, aws: Sandbox, run: Run) -> None:
    Path("sagespec.lock.json").unlink()
    write("t", "MultiTurnRLTrainer", **TRAINER)
    write("e", "MultiTurnRLEvaluator", **EVALUATOR)
    write("b", "BenchMarkEvaluator", **BENCHMARK)
    with_apps(aws, OLD="3.9.1")
    said = run("lock", "--region", "us-west-2", code=1).stderr
    assert said.count(f"the default MLflow app {OLD} has version 3.9.1, this needs 3.10") == 2
    assert (locked("default_mlflow_app"), locked("default_mlflow_version")) == (OLD, "3.9.1")
    refused = run("compile", code=1)
    assert refused.stderr.count("error[mlflow-version]") == 2
    assert "created compiled/BenchMarkEvaluator/b.json" in refused.stdout
    write("t", "MultiTurnRLTrainer", **TRAINER, mlflow_app_arn=OLD)
    write("e", "MultiTurnRLEvaluator", **EVALUATOR, mlflow_resource_arn=OLD)
    run("compile")  # who names an app means it


def test_a_newer_mlflow_app_is_found_beside_an_old_default(project: Path, aws: Sandbox, run: Run) -> None:
    Path("sagespec.lock.json").unlink()
    write("t", "MultiTurnRLTrainer", **TRAINER)
    with_apps(aws, OLD="3.4", NEW="3.10.2", NEWER="4.0")
    run("lock", "--region", "us-west-2")
    new = OLD.replace("OLD", "NEW")
    assert (locked("default_mlflow_app"), locked("default_mlflow_version")) == (new, "3.10.2")
    run("compile")


@pytest.mark.parametrize("version", ["3.9", "3.9.99", "2", "3", "v3.4"])
def test_versions_below_it_are_older(version: str) -> None:
    assert is_older(version, "3.10")


@pytest.mark.parametrize("version", ["3.10", "3.10.0", "3.11", "4", "10.0", "", "latest"])
def test_other_versions_are_not(version: str) -> None:
    assert not is_older(version, "3.10")


def create(given: dict[str, str]) -> str:
    """Create an evaluation job with these hyperparameters; say what the service says against it."""
    document = {
        "AgentConfig": {"BedrockAgentCoreConfig": {"AgentRuntimeArn": AGENT}},
        "InputDataConfig": [
            {
                "ChannelName": "evaluation",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://my-bucket/x"}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://my-bucket/o", "MlflowConfig": {"MlflowResourceArn": DEFAULT}},
        "EvaluationConfig": {
            "BaseModelArn": f"arn:aws:sagemaker:us-west-2:aws:hub-content/SageMakerPublicHub/Model/{QWEN}/2.0.1",
            "AcceptEula": True,
            "HyperParameters": given,
        },
    }
    try:
        boto3.client("sagemaker", "us-west-2").create_job(
            JobName="evaluation",
            JobCategory="AgentRFTEvaluation",
            JobConfigSchemaVersion="1.0.0",
            RoleArn="arn:aws:iam::123456789012:role/SageMakerRole",
            JobConfigDocument=json.dumps(document),
        )
    except ClientError as error:
        return str(error.response["Error"]["Message"])
    return ""


INVENTED = {"sampling_temperature": "0.7", "top_p": "0.9", "max_tokens": "512"}
PUBLISHED = {"temperature": "0.7", "sampling_top_p": "0.9", "pass_k_values": "[1, 2]", "rollout_timeout": "600"}


def test_the_service_takes_the_names_of_the_published_recipe_only(aws: Sandbox) -> None:
    said = create({**PUBLISHED, **INVENTED})
    assert "EvaluationConfig.HyperParameters: max_tokens, sampling_temperature, top_p not supported" in said
    assert "sampling_max_tokens" in said
    assert create(PUBLISHED) == ""


def test_the_recipes_of_a_lock_are_those_of_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    with sandbox.start(json.loads(RECORDED_LOCK.read_text("utf-8"))) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        assert "temperature not supported" in create({"temperature": "0.7"})
        assert create(INVENTED) == ""


def test_an_evaluation_measures_what_it_is_asked_for(project: Path, aws: Sandbox, run: Run) -> None:
    given = {"pass_k_values": [1, 2, 8], "eval_group_size": 4, "temperature": 0.5}
    write("e", "MultiTurnRLEvaluator", **EVALUATOR, hyperparameters=given)
    run("compile")
    run("apply", "--yes", "--wait", "--poll", "1")
    scores = json.loads(run("results", "MultiTurnRLEvaluator/e", "-o", "json").stdout)["scores"]
    measured = {score["metric"] for score in scores}
    assert {name for name in measured if "pass_at" in name} == {"eval/reward/pass_at_1", "eval/reward/pass_at_2"}
