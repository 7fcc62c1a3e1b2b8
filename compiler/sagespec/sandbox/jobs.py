"""The Job API: AgentRFT and AgentRFTEvaluation jobs that advance with time."""

from __future__ import annotations

import json
from typing import Any

from sagespec.checking import foreign_schema
from sagespec.sandbox import admission, documents, packages
from sagespec.sandbox.lifecycle import EPOCHS, JOBS, STEPS_PER_EPOCH, TOKENS, Course
from sagespec.sandbox.service import Region, ServiceError, not_found, operation, page, select


@operation
def create_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    name, category = request["JobName"], request["JobCategory"]
    if name in JOBS.known(region):
        raise ServiceError("ResourceInUse", f"Job {name} already exists.")
    document = _check_document(region, category, request["JobConfigSchemaVersion"], request["JobConfigDocument"])
    admission.check_role(region, request["RoleArn"], admission.JOB)
    missing = next(iter(admission.missing_data(region, document.get("InputDataConfig", ()))), "")
    flaw = f"ClientError: No objects found under S3 prefix {missing}" if missing else ""
    return {"JobArn": JOBS.begin(region, request, region.arn(f"job/{category}/{name}"), Flaw=flaw)}


def _check_document(region: Region, category: str, version: str, text: str) -> dict[str, Any]:
    wanted = documents.job_schemas(region).get(f"{category}/{version}")
    if wanted is None or not documents.has_jobs(category):
        raise ServiceError("ValidationException", f"There is no schema {version} of {category}.")
    try:
        document: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise ServiceError("ValidationException", f"JobConfigDocument is not JSON: {error}") from None
    problems = foreign_schema.load({"type": "object", **wanted}).check(document)
    if problems:
        first = problems[0]
        where = ".".join(str(step) for step in first.path) or "the document"
        raise ServiceError("ValidationException", f"JobConfigDocument validation failed at {where}: {first.message}")
    if reason := documents.unknown_hyperparameters(region, category, document):
        raise ServiceError("ValidationException", f"JobConfigDocument validation failed at {reason}")
    return document


def current(region: Region, job: dict[str, Any]) -> dict[str, Any]:
    """Return a job at this moment, which depends only on its creation time."""
    course = JOBS.course(region, job)
    answer = {
        **{k: job[k] for k in ("JobName", "JobArn", "RoleArn", "JobCategory", "JobConfigSchemaVersion")},
        "JobConfigDocument": _with_output(region, job, course),
        "CreationTime": course.started,
        "LastModifiedTime": course.changed,
        "JobStatus": course.status,
        "SecondaryStatus": course.secondary,
        "SecondaryStatusTransitions": list(course.transitions),
        "Tags": region.table("tags")[job["JobArn"]],
    }
    if course.end is not None:
        answer["EndTime"] = course.end
    if course.reason:
        answer["FailureReason"] = course.reason
    return answer


def _with_output(region: Region, job: dict[str, Any], course: Course) -> str:
    """Return the job's document with the ServiceOutput that the service adds."""
    document, progress = json.loads(job["JobConfigDocument"]), course.progress
    is_training = job["JobCategory"] == "AgentRFT"
    output: dict[str, Any] = {
        "MlflowDetails": documents.mlflow_run(job["JobName"], documents.mlflow_config(document)),
        "BillableTokenUsage": {
            "TrainTokenCount": int(progress * TOKENS) if is_training else 0,
            "PrefillTokenCount": int(progress * 250_000),
            "SampleTokenCount": int(progress * 150_000),
        },
    }
    is_done = course.status == "Completed"
    if is_training:
        epoch, step = course.position
        output["ProgressInfo"] = {
            "MaxEpoch": EPOCHS,
            "StepsPerEpoch": STEPS_PER_EPOCH,
            "CurrentEpoch": epoch,
            "CurrentStep": step,
        }
        output["RolloutInfo"] = {"Completed": int(progress * 160), "Total": 160}
        if is_done:
            group = document["ModelPackageConfig"]["OutputModelPackageGroupArn"]
            base_model = document["TrainingConfig"]["BaseModelArn"]
            end = course.started + region.timing.job
            output["OutputModelPackageArn"] = packages.of_job(region, job["JobArn"], group, base_model, end)
    else:
        output["ProgressInfo"] = {"MaxSteps": 10, "CurrentStep": int(progress * 10)}
        if is_done:
            given = document["EvaluationConfig"].get("HyperParameters", {})
            output["EvaluationMetrics"] = documents.evaluation_metrics(job["JobName"], given)
    return json.dumps({**document, "ServiceOutput": output})


def _find(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    job = JOBS.known(region).get(request["JobName"])
    if job is None or job["JobCategory"] != request["JobCategory"]:
        raise not_found(f"job {request['JobName']}")
    return job


@operation
def describe_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    return current(region, _find(region, request))


@operation
def list_jobs(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    ours = [current(region, j) for j in JOBS.known(region).values() if j["JobCategory"] == request["JobCategory"]]
    names = ("JobArn", "JobName", "JobCategory", "JobStatus", "CreationTime", "LastModifiedTime", "EndTime")
    chosen = select(request, ours, "JobName", "JobStatus")
    items = [{**{k: j[k] for k in names if k in j}, "JobSecondaryStatus": j["SecondaryStatus"]} for j in chosen]
    return page(request, items, "JobSummaries")


@operation
def stop_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    JOBS.stop(region, _find(region, request))
    return {}


@operation
def delete_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    JOBS.remove(region, _find(region, request))
    return {}


@operation
def list_job_schema_versions(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    versions = [
        {"JobConfigSchemaVersion": key.partition("/")[2]}
        for key in documents.job_schemas(region)
        if key.partition("/")[0] == request["JobCategory"]
    ]
    return page(request, versions, "JobConfigSchemas", default=5)


@operation
def describe_job_schema_version(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    category = request["JobCategory"]
    version = request.get("JobConfigSchemaVersion") or "1.0.0"
    job_schema = documents.job_schemas(region).get(f"{category}/{version}")
    if job_schema is None:
        raise not_found(f"schema {version} of {category}")
    text = json.dumps(job_schema, sort_keys=True)
    return {"JobCategory": category, "JobConfigSchemaVersion": version, "JobConfigSchema": text}
