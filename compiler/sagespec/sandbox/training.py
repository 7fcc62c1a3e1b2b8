"""Training jobs: CreateTrainingJob, and jobs that advance with time."""

from __future__ import annotations

from typing import Any

from sagespec.sandbox import admission, customization, documents, instances, logs, packages, results
from sagespec.sandbox.lifecycle import EPOCHS, STEPS_PER_EPOCH, TOKENS, TRAINING_JOBS, Course
from sagespec.sandbox.service import Region, ServiceError, operation, page, select

_HIDDEN = ("StoppedAt", "Flaw", "SessionChainingConfig", "Tags")
"""Members that DescribeTrainingJob does not have."""
_A_DAY = 86_400
"""The default longest run of a serverless job, in seconds."""


@operation
def create_training_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    name, role = request["TrainingJobName"], request["RoleArn"]
    admission.check_role(region, role)
    customization.check(region, request)
    instances.check(request)
    admission.check_data(region, request.get("InputDataConfig", ()), role)
    admission.check_image(region, request.get("AlgorithmSpecification", {}).get("TrainingImage", ""), role)
    if name in TRAINING_JOBS.known(region):
        raise ServiceError("ResourceInUse", f"Job name must be unique within an AWS account and region: {name}")
    arn = region.arn(f"training-job/{name}")
    return {"TrainingJobArn": TRAINING_JOBS.begin(region, request, arn, Flaw=results.flaw(region, request))}


def current(region: Region, job: dict[str, Any]) -> dict[str, Any]:
    """Return a training job at this moment."""
    course = TRAINING_JOBS.course(region, job)
    answer = {name: value for name, value in job.items() if name not in _HIDDEN}
    answer |= {
        "TrainingJobStatus": course.status,
        "SecondaryStatus": course.secondary,
        "SecondaryStatusTransitions": list(course.transitions),
        "TrainingStartTime": course.started,
        "LastModifiedTime": course.changed,
    }
    if course.end is not None:
        seconds = max(1, round(course.end - course.started))
        answer["TrainingEndTime"] = course.end
        answer |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
    if course.reason:
        answer["FailureReason"] = course.reason
    if course.status == "Completed":
        answer["ModelArtifacts"] = {"S3ModelArtifacts": _artifacts(job)}
        if job["TrainingJobArn"] not in region.at(None).table("published"):
            region.at(None).table("published")[job["TrainingJobArn"]] = True
            results.publish(region, job, _artifacts(job))
    if course.secondary != "Starting" and "ResourceConfig" in job:
        answer["ResourceConfig"] = {**job["ResourceConfig"], **instances.selected(job["ResourceConfig"])}
    if definitions := job.get("AlgorithmSpecification", {}).get("MetricDefinitions"):
        log = logs.Log(TRAINING_JOBS, job, course, region.timing.job)
        if values := instances.final_metrics(definitions, log.events()):
            answer["FinalMetricDataList"] = values
    return {**answer, **_tuned(region, job, course)} if customization.is_of(job) else answer


def _artifacts(job: dict[str, Any]) -> str:
    """Return the S3 URI of a job's model: an archive, or a folder without compression."""
    output = job["OutputDataConfig"]
    name = "model/" if output.get("CompressionType") == "NONE" else "model.tar.gz"
    return f"{output['S3OutputPath'].rstrip('/')}/{job['TrainingJobName']}/output/{name}"


def _tuned(region: Region, job: dict[str, Any], course: Course) -> dict[str, Any]:
    """Return the further members of a serverless fine-tuning."""
    epoch, step = course.position
    answer: dict[str, Any] = {
        "StoppingCondition": {"MaxRuntimeInSeconds": _A_DAY, **job.get("StoppingCondition", {})},
        "BillableTokenCount": int(course.progress * TOKENS),
        "ProgressInfo": {
            "MaxEpoch": EPOCHS,
            "TotalStepCountPerEpoch": STEPS_PER_EPOCH,
            "CurrentEpoch": epoch,
            "CurrentStep": step,
        },
    }
    if "MlflowConfig" in job:
        run = documents.mlflow_run(job["TrainingJobName"], job["MlflowConfig"])
        answer["MlflowDetails"] = {"MlflowExperimentId": run["ExperimentId"], "MlflowRunId": run["RunId"]}
    if course.status == "Completed" and "ModelPackageConfig" in job:
        group, base_model = job["ModelPackageConfig"]["ModelPackageGroupArn"], customization.base_model(region, job)
        end = course.started + region.timing.job
        answer["OutputModelPackageArn"] = packages.of_job(region, job["TrainingJobArn"], group, base_model, end)
    return answer


@operation
def describe_training_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    return current(region, _find(region, request))


@operation
def list_training_jobs(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    times = ("CreationTime", "TrainingEndTime", "LastModifiedTime")
    keys = ("TrainingJobName", "TrainingJobArn", "TrainingJobStatus", "SecondaryStatus", *times)
    ours = [current(region, job) for job in TRAINING_JOBS.known(region).values()]
    found = select(request, ours, "TrainingJobName", "TrainingJobStatus")
    return page(request, [{k: job[k] for k in keys if k in job} for job in found], "TrainingJobSummaries", default=10)


@operation
def stop_training_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    TRAINING_JOBS.stop(region, _find(region, request))
    return {}


@operation
def delete_training_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    TRAINING_JOBS.remove(region, _find(region, request))
    return {}


def _find(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    job: dict[str, Any] | None = TRAINING_JOBS.known(region).get(request["TrainingJobName"])
    if job is None:
        raise ServiceError("ValidationException", "Requested resource not found.")
    return job
