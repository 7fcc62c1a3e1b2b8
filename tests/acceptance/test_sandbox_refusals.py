"""What the service refuses with a job's own role is refused in its words; what it finds only later fails."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from sagespec.sandbox import Sandbox

from tests.acceptance.test_apply import FAST
from tests.acceptance.test_preflight import SPECS
from tests.conftest import Run

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
ECR = "123456789012.dkr.ecr.us-west-2.amazonaws.com"
DLC = "763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.4-gpu-py311"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def training(name: str, role: str = ROLE, image: str = DLC, data: str = "", kind: str = "S3Prefix") -> dict[str, Any]:
    """A request for a training job."""
    source = {"S3DataSource": {"S3DataType": kind, "S3Uri": data}}
    return {
        "TrainingJobName": name,
        "RoleArn": role,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://my-bucket/output"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        **({"InputDataConfig": [{"ChannelName": "train", "DataSource": source}]} if data else {}),
    }


def role_of(principal: str) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": principal}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = boto3.client("iam").create_role(RoleName=principal.partition(".")[0], AssumeRolePolicyDocument=policy)
    return str(made["Role"]["Arn"])


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "a role that is not there": ({"role": f"{ROLE}X"}, f"Could not assume role {ROLE}X. Please ensure that"),
    "a bucket that is not there": (
        {"data": "s3://no-bucket/x"},
        'No S3 objects found under S3 URL "s3://no-bucket/x"',
    ),
    "a prefix without objects": (
        {"data": "s3://my-bucket/none/"},
        'No S3 objects found under S3 URL "s3://my-bucket',
    ),
    "a manifest that is not there": (
        {"data": "s3://my-bucket/none.manifest", "kind": "ManifestFile"},
        "No S3 objects found under S3 URL",
    ),
    "a bucket of another region": (
        {"data": "s3://far-bucket/x"},
        'No S3 objects found under S3 URL "s3://far-bucket/x"',
    ),
    "a repository that is not there": (
        {"image": f"{ECR}/nobody/has-made-it:1"},
        "Cannot find repository: nobody/has-made-it in registry ID: 123456789012",
    ),
    "a tag that is not there": (
        {"image": f"{ECR}/team/trainer:2"},
        f"Requested image {ECR}/team/trainer:2 not found",
    ),
    "no tag where none is latest": (
        {"image": f"{ECR}/team/trainer"},
        f"Requested image {ECR}/team/trainer not found",
    ),
    "a digest that is not there": ({"image": f"{ECR}/team/trainer:1@sha256:{'0' * 64}"}, "not found"),
}


@pytest.fixture
def there(aws: Sandbox) -> Sandbox:
    """The account, with an image of its own, and a bucket in another region."""
    ecr, far = boto3.client("ecr"), boto3.client("s3", region_name="eu-west-1")
    ecr.create_repository(repositoryName="team/trainer")
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": {}, "layers": []})
    ecr.put_image(repositoryName="team/trainer", imageManifest=manifest, imageTag="1")
    far.create_bucket(Bucket="far-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    far.put_object(Bucket="far-bucket", Key="x", Body=b"{}")
    return aws


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_what_cannot_run_is_refused_and_makes_no_job(what: str, there: Sandbox) -> None:
    client, (given, said) = boto3.client("sagemaker"), REFUSED[what]
    before = client.list_training_jobs()["TrainingJobSummaries"]
    with pytest.raises(ClientError) as refused:
        client.create_training_job(**training("job", **given))
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert said in refused.value.response["Error"]["Message"]
    assert client.list_training_jobs()["TrainingJobSummaries"] == before


def test_what_is_there_is_taken(there: Sandbox) -> None:
    client, s3 = boto3.client("sagemaker"), boto3.client("s3")
    s3.put_object(Bucket="my-bucket", Key="data/1", Body=b"{}")
    images = boto3.client("ecr").describe_images(repositoryName="team/trainer")["imageDetails"]
    for number, given in enumerate(
        (
            {},
            {"data": "s3://my-bucket/data"},
            {"data": "s3://my-bucket"},
            {"image": f"{ECR}/team/trainer:1"},
            {"image": f"{ECR}/team/trainer@{images[0]['imageDigest']}"},
        )
    ):
        client.create_training_job(**training(f"job-{number}", **given))
    assert len(client.list_training_jobs(NameContains="job-")["TrainingJobSummaries"]) == 5


def test_a_role_is_assumed_by_whom_it_trusts(there: Sandbox) -> None:
    client = boto3.client("sagemaker")
    client.create_training_job(**training("trusted", role=role_of("sagemaker.amazonaws.com")))
    with pytest.raises(ClientError, match=r"allows principal 'sagemaker.amazonaws.com' to assume the role"):
        client.create_training_job(**training("not-trusted", role=role_of("lambda.amazonaws.com")))


def test_a_step_that_cannot_start_its_job_says_why(there: Sandbox) -> None:
    client = boto3.client("sagemaker")
    arguments = {k: v for k, v in training("x", data="s3://my-bucket/none/").items() if k != "TrainingJobName"}
    definition = {"Version": "2020-12-01", "Steps": [{"Name": "Train", "Type": "Training", "Arguments": arguments}]}
    client.create_pipeline(PipelineName="p", RoleArn=ROLE, PipelineDefinition=json.dumps(definition))
    execution = client.start_pipeline_execution(PipelineName="p")["PipelineExecutionArn"]
    (step,) = client.list_pipeline_execution_steps(PipelineExecutionArn=execution)["PipelineExecutionSteps"]
    wanted = "ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Details: No S3 objects found"
    assert (step["StepStatus"], step["FailureReason"].startswith(wanted)) == ("Failed", True)


def test_a_job_whose_data_is_gone_fails_and_one_without_a_role_is_refused(
    project: Path, there: Sandbox, run: Run
) -> None:
    (project / "specs" / "a.yaml").write_text(SPECS.partition("---")[0], "utf-8")
    run("compile")
    run("apply", *FAST)
    client, category = boto3.client("sagemaker"), {"JobCategory": "AgentRFT"}
    (ran,) = client.list_jobs(NameContains="agent", **category)["JobSummaries"]
    found = client.describe_job(JobName=ran["JobName"], **category)
    document = json.loads(found["JobConfigDocument"])
    del document["ServiceOutput"]
    document["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = "s3://my-bucket/none/"
    given = {"JobConfigSchemaVersion": "1.0.0", "JobConfigDocument": json.dumps(document), **category}
    client.create_job(JobName="no-data", RoleArn=ROLE, **given)
    while (job := client.describe_job(JobName="no-data", **category))["JobStatus"] == "InProgress":
        time.sleep(0.05)
    assert job["FailureReason"] == "ClientError: No objects found under S3 prefix s3://my-bucket/none/"
    with pytest.raises(ClientError, match=r"allows principal 'job.sagemaker.amazonaws.com' to assume the role"):
        client.create_job(JobName="no-role", RoleArn=f"{ROLE}X", **given)


JUDGE = """apiVersion: sagespec/v1
kind: LLMAsJudgeEvaluator
metadata: {name: tone, thresholds: [{metric: Warmth, minimum: 1}]}
spec:
  model: arn:aws:sagemaker:us-west-2:123456789012:model-package/llama-ft/1
  evaluator_model: amazon.nova-pro-v1:0
  dataset: s3://my-bucket/support/evaluation.jsonl
  s3_output_path: s3://my-bucket/evaluations
  evaluate_base_model: true
  builtin_metrics: [Correctness]
  custom_metrics:
    - customMetricDefinition:
        name: Warmth
        instructions: "How warm? {{prompt}} {{prediction}}"
        ratingScale:
          - {definition: Cold, value: {floatValue: 1}}
          - {definition: Warm, value: {floatValue: 5}}
    - customMetricDefinition:
        name: Manners
        instructions: "Polite? {{prompt}} {{prediction}}"
        ratingScale:
          - {definition: Rude, value: {stringValue: rude}}
          - {definition: Polite, value: {stringValue: polite}}
"""


def test_a_judge_measures_custom_metrics_on_their_scales(project: Path, aws: Sandbox, run: Run) -> None:
    (project / "specs" / "tone.yaml").write_text(JUDGE, "utf-8")
    run("compile")
    run("apply", *FAST)
    scores = {
        s["metric"]: s for s in json.loads(run("results", "LLMAsJudgeEvaluator/tone", "-o", "json").stdout)["scores"]
    }
    assert set(scores) == {"Correctness", "Manners", "Warmth"}
    for side in ("base", "custom"):
        assert 1 < scores["Warmth"][side] <= 5
        assert 0 < scores["Manners"][side] <= 1
    shown = run("results", "LLMAsJudgeEvaluator/tone", "--explanations", "--limit", "1").stdout
    assert "Warmth" in shown
    run("results", "LLMAsJudgeEvaluator/tone", "--check")


def test_an_evaluation_whose_custom_metrics_are_none_fails(there: Sandbox) -> None:
    client, s3 = boto3.client("sagemaker"), boto3.client("s3")
    for number, body in enumerate((b"not JSON", b"[1]", b'{"name": "x"}', None)):
        if body is not None:
            s3.put_object(Bucket="my-bucket", Key=f"metrics-{number}.json", Body=body)
        given = training(f"judge-{number}")
        given["HyperParameters"] = {"judge_model_id": "j", "custom_metrics": f"s3://my-bucket/metrics-{number}.json"}
        client.create_training_job(**given)
    for number in range(4):
        name = {"TrainingJobName": f"judge-{number}"}
        while (job := client.describe_training_job(**name))["TrainingJobStatus"] == "InProgress":
            time.sleep(0.05)
        assert "no definitions of custom metrics" in job["FailureReason"]


STOPPED = """
import sys, time, boto3
client = boto3.client("sagemaker")
client.create_training_job(**eval(sys.argv[1]))
client.stop_training_job(TrainingJobName="job")
found = client.describe_training_job(TrainingJobName="job")
sys.exit(found["TrainingJobStatus"] != sys.argv[2])
"""


@pytest.mark.parametrize(("seconds", "status"), [("3600", "Stopped"), ("0.1", "Completed")])
def test_a_job_takes_as_long_as_is_asked_for(seconds: str, status: str, project: Path, run: Run) -> None:
    wait = "client.stop" if status == "Stopped" else "time.sleep(0.2); client.stop"
    script = STOPPED.replace("client.stop", wait, 1)
    run("sandbox", "--job-seconds", seconds, "--", sys.executable, "-c", script, repr(training("job")), status)
