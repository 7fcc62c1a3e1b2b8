"""What runs, in full: jobs, executions and functions, ours and those that others have started.

In: a target. Out: a typed status. Statuses that we do not know are shown as they come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sagespec.executor import answers, documents, runs
from sagespec.executor.answers import InvalidAnswer, at
from sagespec.executor.cloud import Cloud
from sagespec.executor.patience import look_for
from sagespec.executor.targets import Target, of_arn


@dataclass(frozen=True)
class Step:
    """One step of an execution; `job_arn` is that of the job behind it, of whatever sort."""

    name: str
    display_name: str | None
    status: str
    start_time: Any = None
    end_time: Any = None
    failure_reason: str | None = None
    job_arn: str | None = None


@dataclass(frozen=True)
class Status:
    """What one target is doing; `details` holds what only its kind has, by name."""

    kind: str
    name: str
    arn: str
    status: str
    address: str | None = None
    failure_reason: str | None = None
    creation_time: Any = None
    last_modified_time: Any = None
    end_time: Any = None
    details: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()

    @property
    def state(self) -> runs.State:
        return runs.state_of(self.status)

    @property
    def secondary(self) -> str:
        """The service's finer word for what a job is doing."""
        return str(self.details.get("secondary_status") or "")

    @property
    def running_steps(self) -> str:
        """The steps of an execution that run."""
        return ", ".join(step.name for step in self.steps if runs.state_of(step.status) == "running")


def elapsed(status: Status, now: datetime) -> timedelta | None:
    """How long something has run, or ran; None where its start is not known. AWS's clock may be ahead of ours."""
    if status.creation_time is None:
        return None
    end = None if status.state == "running" else status.end_time or status.last_modified_time
    found: timedelta = (end or now) - status.creation_time
    return max(timedelta(0), found)


def progress(status: Status) -> str:
    """Say how far something is: `epoch 1/2, step 3/5`, or `3 of 4 steps`."""
    info = status.details.get("progress_info")
    epochs, step = at(info, "MaxEpoch"), at(info, "CurrentStep") or 0
    # steps are counted anew in each epoch; training jobs have another word for how many there are
    steps = (at(info, "StepsPerEpoch") or at(info, "TotalStepCountPerEpoch")) if epochs else at(info, "MaxSteps")
    if steps:
        epoch = f"epoch {at(info, 'CurrentEpoch') or 0}/{epochs}, " if epochs else ""
        return f"{epoch}step {step}/{steps}"
    done = sum(runs.state_of(step.status) == "done" for step in status.steps)
    return f"{done} of {status.details.get('step_count', len(status.steps))} steps" if status.steps else ""


def status(cloud: Cloud, target: Target, is_over: bool = False) -> Status:
    """Look at a target that exists, in full, until AWS shows it and all of it.

    With `is_over` it is known to have come to its end, whatever is shown at first. Raises CloudError.
    """
    found: list[Status] = []

    def shown() -> Status | None:
        found.append(look(cloud, target))
        whole = _is_whole(found[-1]) and not (is_over and found[-1].state == "running")
        return found[-1] if whole else None

    return look_for(shown) or found[-1]


def _is_whole(status: Status) -> bool:
    """Whether what is shown of an execution's steps goes with its status: they are listed on their own."""
    if status.kind != "execution" or status.state == "running":
        return True
    if any(runs.state_of(step.status) == "running" for step in status.steps):
        return False
    details = status.details  # pipelines of others may leave steps out
    return status.state == "failed" or not details["eval_type"] or len(status.steps) >= details["step_count"]


def look(cloud: Cloud, target: Target) -> Status:
    """Look at a target in full, once: what was just made may not be shown yet.

    Raises CloudError.
    """
    return {"job": _job, "training-job": _training_job, "execution": _execution, "function": _function}[target.kind](
        cloud, target
    )


def _address(target: Target) -> str | None:
    return target.file.address if target.file else None


def _job(cloud: Cloud, target: Target) -> Status:
    parameters = {"JobName": target.name, "JobCategory": target.category}
    found = cloud.call("sagemaker", "DescribeJob", target.region, **parameters)
    document = documents.read(found["JobConfigDocument"], "JobConfigDocument")
    details = {
        "job_category": found["JobCategory"],
        "role_arn": found["RoleArn"],
        "secondary_status": found["SecondaryStatus"],
        "secondary_status_transitions": found["SecondaryStatusTransitions"],
        "agent_config": document.get("AgentConfig"),
        "training_config": document.get("TrainingConfig") or document.get("EvaluationConfig"),
        "s3_output_path": at(document, "OutputDataConfig", "S3OutputPath"),
        "model_package_config": _mapping(document.get("ModelPackageConfig")),
        "output_model_package_arn": at(document, "ServiceOutput", "OutputModelPackageArn"),
        # a training's document has it in one place, an evaluation's in another
        "mlflow_config": _mapping(at(document, "TrainingConfig", "MlflowConfig"))
        or _mapping(at(document, "OutputDataConfig", "MlflowConfig")),
        "mlflow_details": _mapping(at(document, "ServiceOutput", "MlflowDetails")),
        "billable_token_usage": at(document, "ServiceOutput", "BillableTokenUsage"),
        "progress_info": _mapping(at(document, "ServiceOutput", "ProgressInfo")),
        "rollout_info": at(document, "ServiceOutput", "RolloutInfo"),
        "evaluation_metrics": _mapping(at(document, "ServiceOutput", "EvaluationMetrics")),
        "tags": found.get("Tags", []),
    }
    return Status(
        kind="job",
        name=found["JobName"],
        arn=found["JobArn"],
        status=found["JobStatus"],
        address=_address(target),
        failure_reason=found.get("FailureReason"),
        creation_time=found["CreationTime"],
        last_modified_time=found["LastModifiedTime"],
        end_time=found.get("EndTime"),
        details=details,
    )


def _training_job(cloud: Cloud, target: Target) -> Status:
    found = cloud.call("sagemaker", "DescribeTrainingJob", target.region, TrainingJobName=target.name)
    wanted = {
        "secondary_status": "SecondaryStatus",
        "secondary_status_transitions": "SecondaryStatusTransitions",
        "role_arn": "RoleArn",
        "resource_config": "ResourceConfig",
        "model_artifacts": "ModelArtifacts",
        "model_package_config": "ModelPackageConfig",
        "output_model_package_arn": "OutputModelPackageArn",
        "billable_time_in_seconds": "BillableTimeInSeconds",
        "mlflow_config": "MlflowConfig",
        "progress_info": "ProgressInfo",
    }
    return Status(
        kind="training-job",
        name=found["TrainingJobName"],
        arn=found["TrainingJobArn"],
        status=found["TrainingJobStatus"],
        address=_address(target),
        failure_reason=found.get("FailureReason"),
        creation_time=found["CreationTime"],
        last_modified_time=found.get("LastModifiedTime"),
        end_time=found.get("TrainingEndTime"),
        details={
            **{name: found.get(member) for name, member in wanted.items()},
            "s3_output_path": at(found, "OutputDataConfig", "S3OutputPath"),
            "mlflow_details": _mlflow_details(found),
        },
    )


def _mlflow_details(job: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where a training job logs to, in the words of the Job API's documents."""
    if not job.get("MlflowDetails"):
        return None
    names, ids = job.get("MlflowConfig", {}), job["MlflowDetails"]
    return {
        "ExperimentName": names.get("MlflowExperimentName"),
        "RunName": names.get("MlflowRunName"),
        "ExperimentId": ids.get("MlflowExperimentId"),
        "RunId": ids.get("MlflowRunId"),
    }


def _execution(cloud: Cloud, target: Target) -> Status:
    arn, region = target.arn, target.region
    found = cloud.call("sagemaker", "DescribePipelineExecution", region, PipelineExecutionArn=arn)
    api = "DescribePipelineDefinitionForExecution"
    definition = cloud.call("sagemaker", api, region, PipelineExecutionArn=arn)["PipelineDefinition"]
    pipeline = found["PipelineArn"].rpartition("/")[2]
    document, begun = documents.read(definition, "PipelineDefinition"), steps(cloud, arn, region)
    return Status(
        kind="execution",
        name=found.get("PipelineExecutionDisplayName", target.name),
        arn=arn,
        status=found["PipelineExecutionStatus"],
        address=_address(target),
        failure_reason=found.get("FailureReason"),
        creation_time=found.get("CreationTime"),
        last_modified_time=found.get("LastModifiedTime"),
        details={
            "pipeline_arn": found["PipelineArn"],
            "pipeline_version_id": found.get("PipelineVersionId"),
            "eval_type": evaluation_type(pipeline),
            "s3_output_path": next(_jobs_of(document, "S3OutputPath"), None) or _place_of(cloud, begun),
            "mlflow_config": _mapping(document.get("MlflowConfig")) or next(_jobs_of(document, "MlflowConfig"), None),
            "step_count": len(_steps(document)),
        },
        steps=begun,
    )


def evaluation_type(pipeline: str) -> str | None:
    """What a pipeline of an evaluation evaluates, from its name: MTRLEvaluation, BenchmarkEvaluation, ..."""
    types = ("BenchmarkEvaluation", "CustomScorerEvaluation", "LLMAJEvaluation", "MTRLEvaluation")
    return next((t for t in types if f"-{t}-".lower() in f"{pipeline}-".lower()), None)


def _document(text: Any) -> dict[str, Any]:
    """The document of a step, which others may have written; empty where it is an expression, or no document."""
    try:
        found = answers.document(text, "a document") if isinstance(text, str) else None
    except InvalidAnswer:
        found = None
    return _mapping(found) or {}


def _mapping(value: Any) -> dict[str, Any] | None:
    """What is an object in what others have written; None for anything else."""
    return value if isinstance(value, dict) else None


def _steps(definition: Mapping[str, Any]) -> list[Any]:
    found = definition.get("Steps")
    return found if isinstance(found, list) else []


def _jobs_of(definition: Mapping[str, Any], member: str) -> Iterator[Any]:
    """A member of the output configuration of each job of a pipeline that has it as a plain value."""
    for step in _steps(definition):
        arguments = at(step, "Arguments")
        inner = at(arguments, "JobConfigDocument")
        found = at(arguments if inner is None else _document(inner), "OutputDataConfig", member)
        if isinstance(found, str) or (isinstance(found, dict) and not {"Get", "Std:Join"} & set(found)):
            yield found


def _place_of(cloud: Cloud, begun: tuple[Step, ...]) -> str | None:
    """Where the jobs behind the steps write, when the definition has only an expression for it."""
    for target in filter(None, (of_arn(step.job_arn or "") for step in begun)):
        if path := look(cloud, target).details.get("s3_output_path"):
            return str(path)
    return None


def steps(cloud: Cloud, arn: str, region: str | None) -> tuple[Step, ...]:
    """The steps of an execution that have started, in their order."""
    key, parameters = (
        "PipelineExecutionSteps",
        {"PipelineExecutionArn": arn, "SortOrder": "Ascending", "MaxResults": 100},
    )
    found = []
    for page in cloud.pages("sagemaker", "ListPipelineExecutionSteps", key, region, **parameters):
        for step in page:
            jobs = [made for kind, made in step.get("Metadata", {}).items() if kind.endswith("Job")]
            found.append(
                Step(
                    name=step["StepName"],
                    display_name=step.get("StepDisplayName"),
                    status=step["StepStatus"],
                    start_time=step.get("StartTime"),
                    end_time=step.get("EndTime"),
                    failure_reason=step.get("FailureReason"),
                    job_arn=next((job.get("Arn") for job in jobs), None),
                )
            )
    return tuple(found)


def _function(cloud: Cloud, target: Target) -> Status:
    found = cloud.call("lambda", "GetFunction", target.region, FunctionName=target.name)["Configuration"]
    return Status(
        kind="function",
        name=found["FunctionName"],
        arn=found["FunctionArn"],
        status=found.get("State", "Active"),
        address=_address(target),
        failure_reason=found.get("StateReason"),
        last_modified_time=found.get("LastModified"),
        details={"runtime": found.get("Runtime"), "handler": found.get("Handler"), "role_arn": found.get("Role")},
    )
