"""Serverless fine-tuning in the sandbox: what it refuses, and what a job leaves behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from sagespec import sandbox
from sagespec.sandbox import Sandbox, account
from sagespec.sandbox.clock import Clock
from sagespec.sandbox.lifecycle import FAIL_TAG
from sagespec.sandbox.service import Timing

HUB = "arn:aws:sagemaker:us-west-2:aws:hub-content/SageMakerPublicHub/Model"
OURS = "arn:aws:sagemaker:us-west-2:123456789012"
QWEN, NOVA, GATED = "huggingface-reasoning-qwen3-32b", "nova-textgeneration-lite-v2", "gated-model"
ENTRIES = {"hyperparameters": {"learning_rate": {"type": "float", "default": 0.1}}, "sequence_length": "8K"}
REWARD = {"hyperparameters": {"preset_reward_function": {"type": "string", "default": ""}}}
EVALUATOR = f"{OURS}:hub-content/AIRegistry/JsonDoc/my-reward/1.0.0"


def facts() -> dict[str, Any]:
    """The built-in account, with recipes of the techniques, an evaluator and a finished job."""
    found = account.built_in()
    (context,) = found["contexts"].values()
    base = {"gated": False, "hub": "SageMakerPublicHub"}
    context["hub_models"] = {
        QWEN: {**base, "arn": f"{HUB}/{QWEN}/2.0.1", "recipes": {"FineTuning/SFT/LORA": ENTRIES}},
        NOVA: {**base, "arn": f"{HUB}/{NOVA}/1.2.0", "data_mixing": {"text": {"code": 100.0}}},
        GATED: {**base, "arn": f"{HUB}/{GATED}/1.0.0", "gated": True, "recipes": {"FineTuning/SFT/LORA": ENTRIES}},
    }
    context["hub_models"][QWEN]["recipes"]["FineTuning/RLVR/LORA"] = REWARD
    context["hub_models"][NOVA]["recipes"] = {"FineTuning/SFT/LORA": ENTRIES, "FineTuning/RLVR/LORA": REWARD}
    reference = "arn:aws:lambda:us-west-2:123456789012:function:f"
    context["evaluators"] = {EVALUATOR: {"name": "my-reward", "type": "RewardFunction", "reference": reference}}
    package = f"{OURS}:model-package/llama-ft/1"
    (base_arn,) = (p["base_model_arn"] for arn, p in context["model_packages"].items() if arn == package)
    job = {"base_model": "llama", "base_model_arn": base_arn, "output_model_package_arn": package}
    context["training_jobs"] = {"finished-sft-job": job}
    return found


@pytest.fixture(scope="module")
def aws() -> Iterator[Sandbox]:
    data = ["s3://my-bucket/train.jsonl"]
    with sandbox.start(facts(), clock=Clock(speed=0), timing=Timing(job=10.0, lineage=1.0), existing=data) as running:
        yield running


@pytest.fixture
def client(aws: Sandbox) -> Any:
    return boto3.client(
        "sagemaker",
        "us-west-2",
        endpoint_url=aws.url,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )


def request(name: str, technique: str = "SFT", model: str = QWEN, **changed: Any) -> dict[str, Any]:
    """The parameters of CreateTrainingJob; None takes a member out, and `config` changes the ServerlessJobConfig."""
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": "s3://my-bucket/train.jsonl",
        "S3DataDistributionType": "FullyReplicated",
    }
    given = {
        "TrainingJobName": name,
        "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
        "ServerlessJobConfig": {
            "BaseModelArn": f"{HUB}/{model}/1.0.0",
            "JobType": "FineTuning",
            "CustomizationTechnique": technique,
            "Peft": "LORA",
            **changed.pop("config", {}),
        },
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": "s3://my-bucket/output/"},
        "ModelPackageConfig": {"ModelPackageGroupArn": f"{OURS}:model-package-group/out-mpg"},
        "MlflowConfig": {"MlflowResourceArn": f"{OURS}:mlflow-app/app-DEFAULT", "MlflowExperimentName": "sums"},
        **changed,
    }
    config = {name: value for name, value in given["ServerlessJobConfig"].items() if value is not None}
    return {name: value for name, value in {**given, "ServerlessJobConfig": config}.items() if value is not None}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"config": {"CustomizationTechnique": None}}, "CustomizationTechnique is required"),
        ({"config": {"EvaluationType": "BenchmarkEvaluation"}}, "EvaluationType is not supported"),
        ({"config": {"Peft": "FULL"}}, "Peft"),
        ({"config": {"Peft": None}}, "does not support SFT with FULL"),
        ({"config": {"SequenceLength": "8k"}}, "SequenceLength"),
        ({"config": {"SequenceLength": "32K"}}, "does not support SFT with LORA and 32K"),
        ({"config": {"EvaluatorArn": EVALUATOR}}, "EvaluatorArn is not supported for SFT"),
        ({"model": GATED}, "licence agreement"),
        ({"technique": "DPO"}, "does not support DPO"),
        ({"technique": "RLVR"}, "RLVR needs an EvaluatorArn"),
        ({"technique": "RLVR", "config": {"EvaluatorArn": f"{EVALUATOR[:-5]}9.0.0"}}, "does not exist"),
        ({"technique": "RLVR", "config": {"EvaluatorArn": "my-reward"}}, "not the ARN of hub content"),
        ({"HyperParameters": {"made_up": "1"}}, "made_up not supported"),
        ({"HyperParameters": {"customer_data_percent": "70"}}, "customer_data_percent not supported"),
        ({"Environment": {"A": "1"}}, "Environment is not supported"),
        ({"ResourceConfig": {"VolumeSizeInGB": 30}}, "ResourceConfig is not supported"),
        ({"InputDataConfig": None}, "must have a channel train"),
        ({"ModelPackageConfig": {"ModelPackageGroupArn": f"{OURS}:model-package-group/none"}}, "does not exist"),
        (
            {
                "ModelPackageConfig": {
                    "ModelPackageGroupArn": f"{OURS}:model-package-group/out-mpg",
                    "SourceModelPackageArn": f"{OURS}:model-package/llama-ft/1",
                }
            },
            "was trained from meta-textgeneration-llama-3-2-1b-instruct",
        ),
        ({"MlflowConfig": {"MlflowResourceArn": f"{OURS}:mlflow-app/app-NONE"}}, "does not exist"),
        (
            {"ModelPackageConfig": None, "MlflowConfig": {"MlflowResourceArn": f"{OURS}:mlflow-app/app-DEFAULT"}},
            "MlflowExperimentName is required",
        ),
        ({"MlflowConfig": {"MlflowResourceArn": "my-server"}}, "MlflowResourceArn"),
    ],
)
def test_what_the_service_would_not_take_is_refused(client: Any, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ClientError, match=said) as raised:
        client.create_training_job(**request("refused", **changed))
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    assert client.list_training_jobs(NameContains="refused")["TrainingJobSummaries"] == []


def test_a_job_on_instances_needs_them(client: Any) -> None:
    given = request("instances")
    del given["ServerlessJobConfig"]
    with pytest.raises(ClientError, match="AlgorithmSpecification is required"):
        client.create_training_job(**given)


def test_a_job_comes_to_its_end_with_a_package_that_others_go_on_from(aws: Sandbox, client: Any) -> None:
    client.create_training_job(**request("tuned", HyperParameters={"learning_rate": "0.2"}))
    with pytest.raises(client.exceptions.ResourceInUse):
        client.create_training_job(**request("tuned"))
    aws.clock.advance(7)
    shown = client.describe_training_job(TrainingJobName="tuned")
    assert (shown["TrainingJobStatus"], shown["SecondaryStatus"]) == ("InProgress", "Training")
    assert shown["ProgressInfo"] == {
        "MaxEpoch": 2,
        "TotalStepCountPerEpoch": 5,
        "CurrentEpoch": 2,
        "CurrentStep": 3,
    }
    assert "OutputModelPackageArn" not in shown
    aws.clock.advance(5)
    shown = client.describe_training_job(TrainingJobName="tuned")
    assert shown["TrainingJobStatus"] == "Completed"
    assert shown["BillableTokenCount"] > 0
    assert shown["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert set(shown["MlflowDetails"]) == {"MlflowExperimentId", "MlflowRunId"}
    package = shown["OutputModelPackageArn"]
    container = client.describe_model_package(ModelPackageName=package)["InferenceSpecification"]["Containers"][0]
    assert container["BaseModel"] == {"HubContentName": QWEN, "HubContentVersion": "2.0.1"}
    group = f"{OURS}:model-package-group/out-mpg"
    onward = {"ModelPackageGroupArn": group, "SourceModelPackageArn": package}
    client.create_training_job(**request("onward", ModelPackageConfig=onward))
    client.stop_training_job(TrainingJobName="onward")
    client.delete_training_job(TrainingJobName="onward")
    assert client.describe_model_package(ModelPackageName=package)["ModelPackageStatus"] == "Completed"


def test_a_job_that_fails_or_is_stopped_puts_out_no_package(aws: Sandbox, client: Any) -> None:
    client.create_training_job(**request("fails", Tags=[{"Key": FAIL_TAG, "Value": "out of memory"}]))
    client.create_training_job(**request("stopped"))
    aws.clock.advance(1)
    client.stop_training_job(TrainingJobName="stopped")
    aws.clock.advance(20)
    for name, status in (("fails", "Failed"), ("stopped", "Stopped")):
        shown = client.describe_training_job(TrainingJobName=name)
        assert (shown["TrainingJobStatus"], shown.get("OutputModelPackageArn")) == (status, None)
    assert client.describe_training_job(TrainingJobName="fails")["FailureReason"] == "out of memory"


def test_the_log_of_a_nova_model_has_its_metrics(aws: Sandbox, client: Any) -> None:
    mixed = {"customer_data_percent": "70", "nova_code_percent": "100"}
    client.create_training_job(**request("nova", model=NOVA, HyperParameters=mixed))
    preset = {"preset_reward_function": "gsm8k"}
    client.create_training_job(**request("nova-rl", "RLVR", NOVA, HyperParameters=preset))
    aws.clock.advance(20)
    logs = boto3.client(
        "logs",
        "us-west-2",
        endpoint_url=aws.url,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )
    for name, metric in (("nova", "reduced_train_loss: "), ("nova-rl", "critic/rewards/mean: ")):
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{name}/"
        )
        lines = [event["message"] for page in pages for event in page["events"]]
        steps = [line for line in lines if line.startswith("global_step: ")]
        assert len(steps) == 10
        assert all(metric in line for line in steps)


def test_contents_take_a_moment_to_be_there(aws: Sandbox, client: Any) -> None:
    hub = {"HubName": "NEW"}
    client.create_hub(HubDescription="AI Registry Hub", **hub)
    assert client.describe_hub(**hub)["HubStatus"] == "Creating"
    document = json.dumps({"SubType": "AWS/Evaluator"})
    content = {"HubContentType": "JsonDoc", "HubContentName": "reward", **hub}
    arn = client.import_hub_content(
        HubContentVersion="1.0.0", DocumentSchemaVersion="2.0.0", HubContentDocument=document, **content
    )["HubContentArn"]
    assert client.describe_hub_content(**content)["HubContentStatus"] == "Importing"
    rewarded = request("rewarded", "RLVR", config={"EvaluatorArn": arn})
    with pytest.raises(ClientError, match="is Importing; it must be Available"):
        client.create_training_job(**rewarded)
    aws.clock.advance(2)
    assert client.describe_hub(**hub)["HubStatus"] == "InService"
    assert client.describe_hub_content(**content)["HubContentStatus"] == "Available"
    client.create_training_job(**rewarded)


def test_finished_jobs_and_evaluators_of_a_lock_are_there(client: Any) -> None:
    shown = client.describe_training_job(TrainingJobName="finished-sft-job")
    assert (shown["TrainingJobStatus"], shown["OutputModelPackageArn"]) == (
        "Completed",
        f"{OURS}:model-package/llama-ft/1",
    )
    content = {"HubName": "AIRegistry", "HubContentType": "JsonDoc", "HubContentName": "my-reward"}
    found = client.describe_hub_content(**content)
    assert found["HubContentArn"] == EVALUATOR
    inner = json.loads(json.loads(found["HubContentDocument"])["JsonContent"])
    assert inner["EvaluatorType"] == "RewardFunction"
