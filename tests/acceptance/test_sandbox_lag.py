"""Reads of the sandbox that trail its writes, by its own clock; what is written is checked against the present."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sagespec import sandbox
from sagespec.sandbox import Clock, Faults, Sandbox, service
from sagespec.sandbox.service import Timing

from tests.acceptance.test_sandbox import client
from tests.conftest import LOCK

LAG = 60.0
BUCKET = "my-bucket"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
JOB = {
    "TrainingJobName": "job",
    "RoleArn": ROLE,
    "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    "Tags": [{"Key": "a", "Value": "1"}],
}


def start(seed: int = 0, lag: float = LAG, job: float = 10.0) -> Sandbox:
    """A sandbox whose time stands still until a test puts it forward."""
    lock, faults = json.loads(LOCK.read_text("utf-8")), Faults(lag=lag, seed=seed)
    timing = Timing(job=job, lineage=1.0)
    return sandbox.start(lock, timing=timing, faults=faults, existing=[f"s3://{BUCKET}"], clock=Clock(speed=0))


@pytest.fixture
def late() -> Iterator[Sandbox]:
    with start() as running:
        yield running


def definition(*steps: str) -> str:
    """A pipeline of training jobs, one after another."""
    made = [
        {
            "Name": name,
            "Type": "Training",
            "Arguments": {k: v for k, v in JOB.items() if k not in ("TrainingJobName", "Tags")},
            "DependsOn": [steps[number - 1]] if number else [],
        }
        for number, name in enumerate(steps)
    ]
    return json.dumps({"Version": "2020-12-01", "Steps": made})


def pipeline(running: Sandbox, *steps: str) -> dict[str, Any]:
    made = {"PipelineName": "p", "RoleArn": ROLE, "PipelineDefinition": definition(*steps)}
    tags = {"Tags": [{"Key": "ours", "Value": "yes"}]}
    found: dict[str, Any] = client(running, "sagemaker").create_pipeline(**made, **tags)
    return found


def answers(look: Callable[[], Any], times: int = 30) -> list[Any]:
    """What repeated looks at one moment say; None for what does not exist."""
    found = []
    for _ in range(times):
        try:
            found.append(look())
        except ClientError as error:
            said = str(error).lower()
            assert "not found" in said or "could not find" in said or "does not exist" in said
            found.append(None)
    return found


def execution(running: Sandbox, **given: Any) -> str:
    started = {"PipelineName": "p", "ClientRequestToken": "t" * 32, "PipelineExecutionDisplayName": "e"}
    return str(client(running, "sagemaker").start_pipeline_execution(**started, **given)["PipelineExecutionArn"])


def code() -> dict[str, bytes]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("a.py", "def handler(event, context): ...")
    return {"ZipFile": archive.getvalue()}


def make_everything(running: Sandbox) -> dict[str, Callable[[], Any]]:
    """Make one of each thing that reads show late, and give for each read of it how it is asked for."""
    sagemaker, functions = client(running, "sagemaker"), client(running, "lambda")
    job = sagemaker.create_training_job(**JOB)["TrainingJobArn"]
    arn = pipeline(running, "one")["PipelineArn"]
    run = {"PipelineExecutionArn": execution(running)}
    sagemaker.create_model_package_group(ModelPackageGroupName="g")
    source = {"SourceUri": f"s3://{BUCKET}/x"}
    artifact = sagemaker.create_artifact(Source=source, ArtifactType="Model")["ArtifactArn"]
    given = {"FunctionName": "f", "Runtime": "python3.12", "Role": ROLE, "Handler": "a.handler", "Code": code()}
    function = functions.create_function(**given)["FunctionArn"]
    listed = "PipelineExecutionSummaries"
    return {
        "DescribeTrainingJob": lambda: sagemaker.describe_training_job(TrainingJobName="job"),
        "ListTrainingJobs": lambda: sagemaker.list_training_jobs(CreationTimeAfter=service.CREATED + 1)[
            "TrainingJobSummaries"
        ],
        "ListTags": lambda: sagemaker.list_tags(ResourceArn=job)["Tags"],
        "DescribePipeline": lambda: sagemaker.describe_pipeline(PipelineName="p"),
        "ListPipelines": lambda: sagemaker.list_pipelines()["PipelineSummaries"],
        "ListPipelineVersions": lambda: sagemaker.list_pipeline_versions(PipelineName=arn),
        "DescribePipelineExecution": lambda: sagemaker.describe_pipeline_execution(**run),
        "DescribePipelineDefinitionForExecution": lambda: sagemaker.describe_pipeline_definition_for_execution(**run),
        "ListPipelineExecutions": lambda: sagemaker.list_pipeline_executions(PipelineName="p")[listed],
        "ListPipelineExecutionSteps": lambda: sagemaker.list_pipeline_execution_steps(**run)[
            "PipelineExecutionSteps"
        ],
        "DescribeModelPackageGroup": lambda: sagemaker.describe_model_package_group(ModelPackageGroupName="g"),
        "ListArtifacts": lambda: sagemaker.list_artifacts(SourceUri=source["SourceUri"])["ArtifactSummaries"],
        "DescribeArtifact": lambda: sagemaker.describe_artifact(ArtifactArn=artifact),
        "GetFunction": lambda: functions.get_function(FunctionName="f"),
        "GetFunction by ARN": lambda: functions.get_function(FunctionName=function),
        "GetFunctionConfiguration": lambda: functions.get_function_configuration(FunctionName="f"),
        "ListFunctions": lambda: functions.list_functions()["Functions"],
    }


def test_what_was_just_made_is_not_shown(late: Sandbox) -> None:
    reads = make_everything(late)
    assert {name: any(answers(look)) for name, look in reads.items()} == dict.fromkeys(reads, False)
    late.clock.advance(LAG / 2)
    seen = {name: [bool(found) for found in answers(look)] for name, look in reads.items()}
    for name, shown in seen.items():  # what was seen may be absent again
        assert set(shown) == {True, False}, name
        assert "01" in "".join(str(int(found)) for found in shown), name
        assert "10" in "".join(str(int(found)) for found in shown), name
    late.clock.advance(LAG / 2)
    assert {name: all(answers(look)) for name, look in reads.items()} == dict.fromkeys(reads, True)


def test_without_lag_everything_is_shown_at_once() -> None:
    with start(lag=0) as running:
        reads = make_everything(running)
        assert {name: all(answers(look, 3)) for name, look in reads.items()} == dict.fromkeys(reads, True)


def test_the_same_seed_is_late_in_the_same_way() -> None:
    def shown(seed: int) -> dict[str, list[bool]]:
        with start(seed) as running:
            sagemaker = client(running, "sagemaker")
            sagemaker.create_training_job(**JOB)
            running.clock.advance(LAG / 2)
            looks = {
                "Describe": lambda: sagemaker.describe_training_job(TrainingJobName="job"),
                "List": lambda: sagemaker.list_training_jobs()["TrainingJobSummaries"],
            }
            return {name: [bool(found) for found in answers(look)] for name, look in looks.items()}

    assert shown(1) == shown(1) != shown(2)


def test_what_has_changed_shows_its_old_state(late: Sandbox) -> None:
    sagemaker = client(late, "sagemaker")
    pipeline(late, "one")
    job = sagemaker.create_training_job(**JOB)["TrainingJobArn"]
    late.clock.advance(LAG)
    sagemaker.update_pipeline(PipelineName="p", PipelineDefinition=definition("one", "two"))
    sagemaker.add_tags(ResourceArn=job, Tags=[{"Key": "b", "Value": "2"}])
    sagemaker.delete_training_job(TrainingJobName="job")
    old = answers(
        lambda: len(json.loads(sagemaker.describe_pipeline(PipelineName="p")["PipelineDefinition"])["Steps"])
    )
    versions = answers(lambda: len(sagemaker.list_pipeline_versions(PipelineName="p")["PipelineVersionSummaries"]))
    tags = answers(lambda: len(sagemaker.list_tags(ResourceArn=job)["Tags"]))
    assert {1} == set(old) - {2} == set(versions) - {2} == set(tags) - {2}
    assert any(answers(lambda: sagemaker.describe_training_job(TrainingJobName="job")))
    late.clock.advance(LAG)
    assert len(json.loads(sagemaker.describe_pipeline(PipelineName="p")["PipelineDefinition"])["Steps"]) == 2
    assert len(sagemaker.list_pipeline_versions(PipelineName="p")["PipelineVersionSummaries"]) == 2
    assert not any(answers(lambda: sagemaker.describe_training_job(TrainingJobName="job")))


def test_a_job_is_shown_as_it_was(late: Sandbox) -> None:
    sagemaker = client(late, "sagemaker")
    sagemaker.create_training_job(**JOB)

    def look() -> Any:
        found = sagemaker.describe_training_job(TrainingJobName="job")
        return found["TrainingJobStatus"]

    late.clock.advance(LAG + 5)
    assert set(answers(look)) == {"InProgress", "Completed"}
    late.clock.advance(5)
    assert set(answers(look)) == {"Completed"}


def test_names_and_tokens_are_checked_against_the_present(late: Sandbox) -> None:
    sagemaker = client(late, "sagemaker")
    pipeline(late, "one")
    sagemaker.create_training_job(**JOB)
    with pytest.raises(ClientError, match="must be unique"):
        sagemaker.create_training_job(**JOB)
    with pytest.raises(ClientError, match="already exists"):
        pipeline(late, "one")
    version = sagemaker.update_pipeline(PipelineName="p", PipelineDefinition=definition("a", "b"))[
        "PipelineVersionId"
    ]
    first = execution(late, PipelineVersionId=version)
    assert execution(late, PipelineVersionId=version) == first
    with pytest.raises(ClientError, match="already used with other parameters"):
        execution(late, PipelineVersionId=1)
    assert len(late.region("us-west-2").table("executions")) == 1


def test_a_token_is_forgotten_in_the_end(late: Sandbox) -> None:
    pipeline(late, "one")
    first = execution(late)
    late.clock.advance(late.region("us-west-2").timing.job)
    client(late, "sagemaker").delete_pipeline(PipelineName="p")
    pipeline(late, "one")
    assert execution(late) == first
    assert not late.region("us-west-2").table("executions")
    late.clock.advance(service.REMEMBERED_SECONDS)
    assert execution(late) != first


def test_looking_into_the_past_changes_nothing() -> None:
    """Steps start at their own times, whoever looks first and at whatever moment."""

    def ended(looks: int) -> tuple[list[tuple[str, float]], str]:
        with start(job=7.0) as running:
            sagemaker, begun = client(running, "sagemaker"), running.clock.now()
            pipeline(running, "one", "two", "three")
            arn = {"PipelineExecutionArn": execution(running)}
            for _ in range(looks):
                running.clock.advance(120 / looks)
                answers(lambda: sagemaker.list_pipeline_execution_steps(**arn), 5)
            running.misbehave(Faults())
            steps = sagemaker.list_pipeline_execution_steps(**arn, SortOrder="Ascending")["PipelineExecutionSteps"]
            status = sagemaker.describe_pipeline_execution(**arn)["PipelineExecutionStatus"]
            times = [(s["StepName"], round(s["StartTime"].timestamp() - begun, 3)) for s in steps]
            return times, status

    assert ended(1) == ended(7) == ended(40) == ([("one", 0), ("two", 7), ("three", 14)], "Succeeded")


def test_s3_is_consistent(late: Sandbox) -> None:
    s3 = client(late, "s3")
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"1")
    assert answers(lambda: s3.head_object(Bucket=BUCKET, Key="k")["ContentLength"]) == [1] * 30
    assert len(s3.list_objects_v2(Bucket=BUCKET)["Contents"]) == 1


@pytest.mark.parametrize("text", ["lag=-1", "lag=601", "lag=soon", "lag=nan"])
def test_lags_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="lag"):
        Faults.parse(text)
    assert Faults.parse("lag=60,seed=3") == Faults(lag=60, seed=3)
