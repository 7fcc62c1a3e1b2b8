"""Training jobs: CreateTrainingJob as the service takes it, and jobs that advance with time."""

from __future__ import annotations

from typing import Any

from sagespec.sandbox import admission, results
from sagespec.sandbox.jobs import FAIL_TAG, RUNNING
from sagespec.sandbox.service import Region, ServiceError, operation, page, select

PHASES = (("Starting", 0.2), ("Downloading", 0.1), ("Training", 0.6), ("Uploading", 0.1))
LOG_GROUP = "/aws/sagemaker/TrainingJobs"


@operation
def create_training_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    jobs, name, role = region.table("training_jobs"), request["TrainingJobName"], request["RoleArn"]
    admission.check_role(region, role)
    admission.check_data(region, request.get("InputDataConfig", ()), role)
    admission.check_image(region, request.get("AlgorithmSpecification", {}).get("TrainingImage", ""), role)
    if name in jobs:
        raise ServiceError("ResourceInUse", f"Job name must be unique within an AWS account and region: {name}")
    arn = region.arn(f"training-job/{name}")
    jobs[name] = {
        **request,
        "TrainingJobArn": arn,
        "CreationTime": region.now(),
        "StoppedAt": None,
        "Flaw": results.flaw(region, request),
        "Published": False,
    }
    region.table("tags")[arn] = list(request.get("Tags", ()))
    return {"TrainingJobArn": arn}


def current(region: Region, job: dict[str, Any]) -> dict[str, Any]:
    """A training job as it is at this moment."""
    started, length = job["CreationTime"], region.timing.job
    tags = {t["Key"]: t["Value"] for t in region.table("tags")[job["TrainingJobArn"]]}
    reason = job["Flaw"] or tags.get(FAIL_TAG)
    end = started + (length / 2 if reason else length)
    status = secondary = "Failed" if reason else "Completed"
    if job["StoppedAt"] is not None and job["StoppedAt"] < end:
        end, status, secondary = job["StoppedAt"], "Stopped", "Stopped"
    done = region.now() >= end
    transitions: list[dict[str, Any]] = []
    at = started
    for phase, share in PHASES:
        if at > min(region.now(), end) and transitions:
            break
        transitions.append({"Status": phase, "StartTime": at, "EndTime": min(at + share * length, end)})
        at += share * length
    if done:
        transitions.append({"Status": secondary, "StartTime": end, "EndTime": end})
    else:
        transitions[-1].pop("EndTime")
        status, secondary = "InProgress", transitions[-1]["Status"]
    answer = {k: v for k, v in job.items() if k not in ("StoppedAt", "Flaw", "Published", "Tags")}
    answer |= {
        "TrainingJobStatus": status,
        "SecondaryStatus": secondary,
        "SecondaryStatusTransitions": transitions,
        "TrainingStartTime": started,
        "LastModifiedTime": end if done else region.now(),
    }
    if done:
        answer["TrainingEndTime"] = end
        answer["TrainingTimeInSeconds"] = answer["BillableTimeInSeconds"] = max(1, round(end - started))
    if status == "Failed":
        answer["FailureReason"] = reason
    if status == "Completed":
        where = job["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        answer["ModelArtifacts"] = {"S3ModelArtifacts": f"{where}/{job['TrainingJobName']}/output/model.tar.gz"}
        if not job["Published"]:
            job["Published"] = True
            results.publish(region, job)
    return answer


@operation
def describe_training_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    return current(region, _find(region, request))


@operation
def list_training_jobs(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    times = ("CreationTime", "TrainingEndTime", "LastModifiedTime")
    keys = ("TrainingJobName", "TrainingJobArn", "TrainingJobStatus", "SecondaryStatus", *times)
    ours = [current(region, job) for job in region.table("training_jobs").values()]
    chosen = select(request, ours, "TrainingJobName", "TrainingJobStatus")
    return page(
        request, [{k: job[k] for k in keys if k in job} for job in chosen], "TrainingJobSummaries", default=10
    )


@operation
def stop_training_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    job = _find(region, request)
    if current(region, job)["TrainingJobStatus"] == "InProgress":
        region.table("training_jobs")[job["TrainingJobName"]] = {**job, "StoppedAt": region.now()}
    return {}


@operation
def delete_training_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    job = _find(region, request)
    if current(region, job)["TrainingJobStatus"] in RUNNING:
        raise ServiceError("ResourceInUse", f"Training job {request['TrainingJobName']} is still running.")
    del region.table("training_jobs")[request["TrainingJobName"]]
    return {}


def _find(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    job: dict[str, Any] | None = region.table("training_jobs").get(request["TrainingJobName"])
    if job is None:
        raise ServiceError("ValidationException", "Requested resource not found.")
    return job
