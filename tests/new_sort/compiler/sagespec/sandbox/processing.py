"""Processing jobs, which take as long as any job here."""

from __future__ import annotations

from typing import Any

from sagespec.sandbox import admission
from sagespec.sandbox.service import Region, ServiceError, not_found, operation, page, select


@operation
def create_processing_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    jobs, name = region.table("processing_jobs"), request["ProcessingJobName"]
    admission.check_role(region, request["RoleArn"])
    if name in jobs:
        raise ServiceError("ResourceInUse", f"Job name must be unique within an AWS account and region: {name}")
    arn = region.arn(f"processing-job/{name}")
    jobs[name] = {**request, "ProcessingJobArn": arn, "CreationTime": region.now(), "StoppedAt": None}
    region.table("tags")[arn] = list(request.get("Tags", ()))
    return {"ProcessingJobArn": arn}


def _current(region: Region, job: dict[str, Any]) -> dict[str, Any]:
    end = job["CreationTime"] + region.timing.job if job["StoppedAt"] is None else job["StoppedAt"]
    status = "InProgress" if region.now() < end else "Completed" if job["StoppedAt"] is None else "Stopped"
    shown = {key: value for key, value in job.items() if key not in ("StoppedAt", "Tags")}
    ended = {} if status == "InProgress" else {"ProcessingEndTime": end}
    return {**shown, **ended, "ProcessingJobStatus": status, "LastModifiedTime": min(end, region.now())}


@operation
def describe_processing_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    return _current(region, _find(region, request))


@operation
def list_processing_jobs(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    keys = ("ProcessingJobName", "ProcessingJobArn", "ProcessingJobStatus", "CreationTime", "LastModifiedTime")
    jobs = [_current(region, job) for job in region.table("processing_jobs").values()]
    found = select(request, jobs, "ProcessingJobName", "ProcessingJobStatus")
    return page(request, [{key: job[key] for key in keys} for job in found], "ProcessingJobSummaries", default=10)


@operation
def stop_processing_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    job = _find(region, request)
    region.table("processing_jobs")[job["ProcessingJobName"]] = {**job, "StoppedAt": region.now()}
    return {}


@operation
def delete_processing_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    del region.table("processing_jobs")[_find(region, request)["ProcessingJobName"]]
    return {}


def _find(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] | None = region.table("processing_jobs").get(request["ProcessingJobName"])
    if found is None:
        raise not_found(f"processing job {request['ProcessingJobName']}")
    return found
