"""Trainings on instances of their own: what the service refuses of them, and what it says of them afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from sagespec import sandbox
from sagespec.documents.compiled import Compiled, Request
from sagespec.executor.files import File
from sagespec.executor.runs import training_job
from sagespec.sandbox import Sandbox, instances
from sagespec.sandbox.service import ServiceError
from sagespec.sandbox.shapes import schema

from tests.acceptance.test_sandbox_refusals import training

GROUPS = [
    {"InstanceGroupName": "gpu", "InstanceType": "ml.p4d.24xlarge", "InstanceCount": 1},
    {"InstanceGroupName": "data", "InstanceType": "ml.c5.xlarge", "InstanceCount": 2},
]
PREFERENCES = [{"InstanceType": "ml.p5.48xlarge"}, {"InstanceType": "ml.p4d.24xlarge"}]


def request(resources: dict[str, Any] | None = None, *groups: list[str] | None, **members: Any) -> dict[str, Any]:
    """A request with other instances, and a channel of S3 data for each list of groups."""
    made = training("job", role=ROLE) | members
    if resources is not None:
        made["ResourceConfig"] = {"VolumeSizeInGB": 30, **resources}
    if groups:
        sources = [{"S3DataType": "S3Prefix", "S3Uri": "s3://my-bucket/d/"} for _ in groups]
        channels = [
            {**source, **({"InstanceGroupNames": names} if names else {})}
            for source, names in zip(sources, groups, strict=True)
        ]
        made["InputDataConfig"] = [
            {"ChannelName": f"c{number}", "DataSource": {"S3DataSource": source}}
            for number, source in enumerate(channels)
        ]
    return made


ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
ONE = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
VPC = {"TrainingRepositoryAccessMode": "Vpc"}
SPOT = {"EnableManagedSpotTraining": True}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no instances": (request({}), "found none of them"),
    "two ways": (request({**ONE, "InstanceGroups": GROUPS}), "found InstanceType and InstanceGroups"),
    "no count": (request({"InstanceType": "ml.m5.large"}), "InstanceCount is required"),
    "a count of groups": (request({"InstanceGroups": GROUPS, "InstanceCount": 1}), "must not be given with"),
    "a group twice": (request({"InstanceGroups": [GROUPS[0], GROUPS[0]]}), "must be unique: gpu"),
    "a read-only member": (request({**ONE, "SelectedInstanceType": "ml.m5.large"}), "is read-only"),
    "unknown groups": (request({"InstanceGroups": GROUPS}, ["cpu"]), "are not in ResourceConfig.InstanceGroups: cpu"),
    "groups without groups": (request(ONE, ["gpu"]), "are not in ResourceConfig.InstanceGroups: gpu"),
    "groups for some": (request({"InstanceGroups": GROUPS}, ["gpu"], None), "for all channels or for none"),
    "a preference twice": (
        request({"InstanceCount": 1, "InstancePreferences": [PREFERENCES[0], PREFERENCES[0]]}),
        "must be unique: ml.p5.48xlarge",
    ),
    "preferences without a count": (request({"InstancePreferences": PREFERENCES}), "InstanceCount must be given"),
    "two counts": (
        request({"InstanceCount": 1, "InstancePreferences": [{**PREFERENCES[0], "InstanceCount": 1}]}),
        "InstanceCount must be given in each of InstancePreferences, or once",
    ),
    "spot preferences": (
        request({"InstanceCount": 1, "InstancePreferences": PREFERENCES}, **SPOT),
        "spot training is not supported",
    ),
    "placed preferences": (
        request({"InstanceCount": 1, "InstancePreferences": PREFERENCES, "InstancePlacementConfig": {}}),
        "InstancePlacementConfig is not supported",
    ),
    "two plans": (
        request(
            {"InstanceCount": 1, "TrainingPlanArn": "x", "InstancePreferences": [{**ONE, "TrainingPlanArns": ["y"]}]}
        ),
        "InstanceCount must be given",
    ),
    "spot without a limit": (request(None, **SPOT), "Invalid MaxWaitTimeInSeconds"),
    "no algorithm": (
        request(None, AlgorithmSpecification={"TrainingInputMode": "File"}),
        "Exactly one of TrainingImage and AlgorithmName",
    ),
    "a private registry without a VPC": (
        request(None, AlgorithmSpecification={"TrainingImage": "i", "TrainingImageConfig": VPC}),
        "VpcConfig is required",
    ),
    "a channel twice": (
        request(ONE, None) | {"InputDataConfig": request(ONE, None)["InputDataConfig"] * 2},
        "Channel names must be unique: c0",
    ),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_members_that_do_not_go_together_are_refused(case: str) -> None:
    given, said = REFUSED[case]
    with pytest.raises(ServiceError) as refused:
        instances.check(given)
    assert refused.value.code == "ValidationException"
    assert said in refused.value.message


def test_serverless_jobs_have_no_instances_to_check() -> None:
    instances.check({"ServerlessJobConfig": {}})


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A client of a sandbox whose jobs end at once."""
    timing = sandbox.Timing(job=0.01)
    with (
        sandbox.start(timing=timing, existing=["s3://my-bucket/d/", ROLE]) as running,
        pytest.MonkeyPatch.context() as m,
    ):
        for name, value in running.environment().items():
            m.setenv(name, value)
        yield boto3.client("sagemaker")


def ended(client: Any, given: dict[str, Any]) -> dict[str, Any]:
    client.create_training_job(**given)
    while (job := client.describe_training_job(TrainingJobName="job"))["TrainingJobStatus"] == "InProgress":
        time.sleep(0.01)
    client.delete_training_job(TrainingJobName="job")
    assert job["TrainingJobStatus"] == "Completed"
    return dict(job)


def test_over_http_too(client: Any) -> None:
    with pytest.raises(ClientError, match="must be unique: gpu"):
        client.create_training_job(**REFUSED["a group twice"][0])


def test_jobs_with_groups_end_well(client: Any) -> None:
    job = ended(client, request({"InstanceGroups": GROUPS}, ["gpu"], ["gpu", "data"]))
    assert job["ResourceConfig"] == {"VolumeSizeInGB": 30, "InstanceGroups": GROUPS}


def test_of_preferences_one_is_selected(client: Any) -> None:
    job = ended(client, request({"InstanceCount": 2, "InstancePreferences": PREFERENCES}))
    assert job["ResourceConfig"]["SelectedInstanceType"] == "ml.p5.48xlarge"
    assert job["ResourceConfig"]["SelectedInstanceCount"] == 2
    assert job["ResourceConfig"]["InstancePreferences"] == PREFERENCES


def test_a_description_has_whatever_was_asked_for(client: Any) -> None:
    given: dict[str, Any] = {
        "CheckpointConfig": {"S3Uri": "s3://my-bucket/c", "LocalPath": "/opt/ml/checkpoints"},
        "TensorBoardOutputConfig": {"S3OutputPath": "s3://my-bucket/t", "LocalPath": "/opt/ml/output/tensorboard"},
        "RetryStrategy": {"MaximumRetryAttempts": 2},
        "InfraCheckConfig": {"EnableInfraCheck": False},
        "RemoteDebugConfig": {"EnableRemoteDebug": False},
        "SessionChainingConfig": {"EnableSessionTagChaining": True},
    }
    job = ended(client, request(None, **given))
    assert "SessionChainingConfig" not in job, "the API's answer has no such member"
    assert {name: job.get(name) for name in given if name in job} | {
        "SessionChainingConfig": given["SessionChainingConfig"]
    } == given


def test_what_is_not_described_is_not_compared() -> None:
    """Members of the request without one in the answer: each would be a difference of every job that has it."""
    asked = schema("sagemaker", "CreateTrainingJob")["$defs"]["CreateTrainingJobRequest"]["properties"]
    shown = schema("sagemaker", "DescribeTrainingJob", output=True)["$defs"]["DescribeTrainingJobResponse"]
    job = dict.fromkeys(asked, "something")
    request = Request("job", "sagemaker", "CreateTrainingJob", job)
    file = File(Path(), Compiled("ModelTrainer/t", "t.yaml", "1" * 12, "us-west-2", {}, (request,)))
    assert set(training_job.compiled(file)) <= set(shown["properties"])


LOG = [
    {"message": "epoch 1: loss=0.5 acc=0.25", "timestamp": 1000},
    {"message": "epoch 2: loss=1e-3 acc=nan", "timestamp": 2500},
    {"message": "done", "timestamp": 3000},
]


def test_metrics_are_the_last_numbers_that_their_regex_finds() -> None:
    definitions = {
        "loss": "loss=(\\S+)",
        "acc": "acc=(\\S+)",
        "no group": "loss=\\S+",
        "no number": "(done)",
        "broken": "(",
        "nowhere": "f1=(.*)",
        "optional": "done(x)?",
    }
    given = [{"Name": name, "Regex": regex} for name, regex in definitions.items()]
    assert instances.final_metrics(given, LOG) == [
        {"MetricName": "loss", "Value": 0.001, "Timestamp": 2.5},
        {"MetricName": "acc", "Value": 0.25, "Timestamp": 1.0},
    ]


def test_a_job_has_the_metrics_that_are_in_its_log(client: Any) -> None:
    algorithm = {
        "TrainingImage": "image:1",
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "reward", "Regex": r"reward (\S+)"}, {"Name": "none", "Regex": "none (.*)"}],
    }
    job = ended(client, request(None, AlgorithmSpecification=algorithm))
    assert [(m["MetricName"], round(m["Value"], 3)) for m in job["FinalMetricDataList"]] == [("reward", 0.55)]


def test_a_bucket_of_somebody_else_is_refused_as_s3_does(account: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in account.environment().items():
        monkeypatch.setenv(name, value)
    s3 = boto3.client("s3")
    ours, theirs = {"ExpectedBucketOwner": account.account}, {"ExpectedBucketOwner": "210987654321"}
    s3.put_object(Bucket="my-bucket", Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId="key", **ours)
    described = s3.head_object(Bucket="my-bucket", Key="k", **ours)
    assert (described["ServerSideEncryption"], described["SSEKMSKeyId"]) == ("aws:kms", "key")
    for operation in (s3.put_object, s3.get_object, s3.head_object, s3.head_bucket, s3.delete_object):
        key = {} if operation == s3.head_bucket else {"Key": "k"}
        with pytest.raises(ClientError) as refused:
            operation(Bucket="my-bucket", **key, **theirs)
        assert refused.value.response["Error"]["Code"] in ("AccessDenied", "403")
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert [o["Key"] for o in s3.list_objects_v2(Bucket="my-bucket", Prefix="k")["Contents"]] == ["k"]
    with pytest.raises(ClientError, match="must be an AWS account ID"):
        s3.put_object(Bucket="my-bucket", Key="n", Body=b"x", ExpectedBucketOwner="me")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.put_object(Bucket="no-bucket", Key="n", Body=b"x", **theirs)
