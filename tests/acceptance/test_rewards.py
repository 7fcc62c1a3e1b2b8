"""Reward functions: registered once, and asked about the data before a training starts."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagespec.sandbox import Sandbox
from sagespec.sandbox.service import Timing

from tests.conftest import LOCK, Run, start_account

FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function"
QWEN, NOVA = "huggingface-reasoning-qwen3-32b", "nova-textgeneration-lite-v2"
RECORDS = [{"id": str(number), "messages": [{"role": "user", "content": "2+2?"}]} for number in range(1, 6)]
(EVALUATORS,) = (c["evaluators"] for c in json.loads(LOCK.read_text("utf-8"))["contexts"].values())
(REWARD,) = (arn for arn, known in EVALUATORS.items() if known["type"] == "RewardFunction")
FAST = ("--yes", "--wait", "--poll", "1")


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    existing = ["s3://my-bucket", f"{FUNCTION}:my-reward"]
    with start_account(Timing(job=0.05, lineage=0.05), existing) as running:
        body = b"\n".join([b"", *(json.dumps(record).encode() for record in RECORDS)])
        client(running, "s3").put_object(Bucket="my-bucket", Key="data.jsonl", Body=body)
        client(running, "s3").put_object(Bucket="my-bucket", Key="odd.jsonl", Body=b'{"id": "1"}\n{"id": \n')
        client(running, "s3").put_object(Bucket="my-bucket", Key="empty.jsonl", Body=b"\n\n")
        client(running, "s3").put_object(Bucket="my-bucket", Key="folder/data.jsonl", Body=body)
        yield running


@pytest.fixture
def aws(shared: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    for name, value in shared.environment().items():
        monkeypatch.setenv(name, value)
    return shared


def client(aws: Sandbox, service: str) -> Any:
    keys = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}
    return boto3.client(service, "us-west-2", endpoint_url=aws.url, **keys)


def function(aws: Sandbox, name: str, **variables: str) -> str:
    """Create a function, which answers as its variables say."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("f.py", "def handler(event, context): ...\n")
    client(aws, "lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role="arn:aws:iam::123456789012:role/SageMakerRole",
        Handler="f.handler",
        Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": variables},
    )
    return f"{FUNCTION}:{name}"


def write(project: Path, name: str, reward: str, model: str = QWEN, data: str = "data.jsonl", **more: Any) -> None:
    spec = {
        "model": model,
        "model_package_group": "out-mpg",
        "training_dataset": data if data.startswith("arn:") else f"s3://my-bucket/{data}",
        "custom_reward_function": reward,
        **more,
    }
    document = {"apiVersion": "sagespec/v1", "kind": "RLVRTrainer", "metadata": {"name": name}, "spec": spec}
    (project / "specs" / f"{name}.json").write_text(json.dumps(document), "utf-8")


def since(aws: Sandbox, start: int) -> list[str]:
    """What has changed something since a number of calls."""
    return [call.operation.rpartition(" ")[2] for call in aws.calls[start:] if call.mutating]


def test_a_function_is_registered_once_and_verified_once(project: Path, aws: Sandbox, run: Run) -> None:
    reward = function(aws, "shared_reward")
    for name in ("one", "two"):
        write(project, name, reward, base_job_name=name)
    run("compile")
    start = len(aws.calls)
    planned = run("plan")
    assert "after shared_reward has given rewards for 3 records of s3://my-bucket/data.jsonl" in planned.stdout
    run("apply", "--dry-run")
    assert since(aws, start) == []
    run("apply", *FAST)
    done = [call.operation for call in aws.calls[start:] if call.mutating]
    assert sum("/invocations" in operation for operation in done) == 1
    assert [done.count(name) for name in ("CreateHub", "ImportHubContent", "CreateTrainingJob")] == [0, 1, 2]
    start = len(aws.calls)
    run("apply", *FAST)
    assert since(aws, start) == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("[]", "must answer {statusCode: 200, body: JSON}"),
        ('{"statusCode": 500, "body": "broken"}', "found"),
        ('{"statusCode": 200, "body": "{"}', "its body is not JSON"),
        ('{"statusCode": 200, "body": {"id": 1}}', "must give a list of rewards"),
        ('{"statusCode": 200, "body": "[]"}', "0 rewards for 3 records"),
        ('{"statusCode": 200, "body": [{"id": "1", "aggregate_reward_score": true}]}', "no number aggregate_reward"),
        (
            '{"statusCode": 200, "body": [{"id": "1", "aggregate_reward_score": NaN}]}',
            "number aggregate_reward_score, found NaN",
        ),
        ('{"statusCode": 200, "body": [{"aggregate_reward_score": 0.5}]}', "reward 1 has no id"),
        ("<html>", "its answer is not JSON"),
        (None, 'it failed: "out of luck"'),
    ],
)
def test_a_function_that_gives_no_rewards_stops_the_training(
    answer: str | None, said: str, project: Path, aws: Sandbox, run: Run
) -> None:
    name = f"odd-{len(aws.calls)}"
    variables = {"SANDBOX_ERROR": "out of luck"} if answer is None else {"SANDBOX_ANSWER": answer}
    write(project, "t", function(aws, name, **variables), base_job_name=name)
    run("compile")
    start = len(aws.calls)
    told = run("apply", *FAST, code=None)
    assert told.code not in (0, 70)
    assert f"{FUNCTION}:{name} is not what the training needs: " in told.stderr
    assert said in told.stderr
    assert "CreateTrainingJob" not in since(aws, start)
    write(project, "t", f"{FUNCTION}:{name}", base_job_name=name, skip_reward_validation=True)
    before = json.loads((project / "compiled/RLVRTrainer/t.json").read_text("utf-8"))
    run("compile")
    after = json.loads((project / "compiled/RLVRTrainer/t.json").read_text("utf-8"))
    assert after["metadata"]["skipRewardValidation"] is True
    assert after["metadata"]["identity"] == before["metadata"]["identity"]
    assert after["requests"] == before["requests"]
    run("apply", *FAST)


def test_an_evaluator_is_verified_by_its_function_in_the_form_of_the_model(
    project: Path, aws: Sandbox, run: Run
) -> None:
    write(project, "open", REWARD)
    write(project, "nova", function(aws, "nova-reward"), NOVA)
    write(project, "wrong", function(aws, "not-for-it"), NOVA, base_job_name="wrong")
    run("compile")
    start = len(aws.calls)
    told = run("apply", *FAST, code=None)
    assert "must give a list of rewards, found" in told.stderr
    asked = [call.operation for call in aws.calls[start:] if "/invocations" in call.operation]
    assert len(asked) == 3
    assert since(aws, start).count("CreateTrainingJob") == 2


@pytest.mark.parametrize(("data", "said"), [("odd.jsonl", "line 2 of"), ("empty.jsonl", "has no records")])
def test_data_that_is_no_records_stops_the_training(
    data: str, said: str, project: Path, aws: Sandbox, run: Run
) -> None:
    write(project, "t", REWARD, data=data)
    run("compile")
    assert said in run("apply", *FAST, code=None).stderr


def test_data_of_several_objects_is_a_warning(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, "t", REWARD, data="folder/")
    run("compile")
    start = len(aws.calls)
    for command in (("plan",), ("apply", *FAST)):
        told = run(*command).stderr
        assert "warning: RLVRTrainer/t: its reward function is not verified: s3://my-bucket/folder/ is not an" in told
    assert not any("/invocations" in call.operation for call in aws.calls[start:])


def test_another_reference_under_the_name_is_never_overwritten(project: Path, aws: Sandbox, run: Run) -> None:
    reward = function(aws, "taken")
    write(project, "t", reward)
    run("compile")
    compiled = json.loads((project / "compiled/RLVRTrainer/t.json").read_text("utf-8"))
    (given,) = (r["parameters"] for r in compiled["requests"] if r["operation"] == "ImportHubContent")
    inner = json.dumps({"Reference": f"{FUNCTION}:other", "EvaluatorType": "RewardFunction"})
    document = json.dumps({"SubType": "AWS/Evaluator", "JsonContent": inner})
    client(aws, "sagemaker").import_hub_content(**{**given, "HubContentDocument": document})
    start = len(aws.calls)
    assert "never overwritten" in run("apply", *FAST, code=3).stderr
    assert since(aws, start) == []
