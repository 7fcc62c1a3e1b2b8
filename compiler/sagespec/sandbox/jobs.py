"""The Job API: AgentRFT and AgentRFTEvaluation jobs that advance with time."""

from __future__ import annotations

import json
from typing import Any

from sagespec.checking import foreign_schema
from sagespec.sandbox import admission, documents
from sagespec.sandbox.packages import next_version
from sagespec.sandbox.service import Region, ServiceError, not_found, operation, page, select

PHASES = {
    "AgentRFT": (("Starting", 0.1), ("Downloading", 0.1), ("Training", 0.7), ("Uploading", 0.1)),
    "AgentRFTEvaluation": (("Starting", 0.2), ("Evaluating", 0.7), ("Uploading", 0.1)),
}
RUNNING = ("InProgress", "Stopping")
FAIL_TAG = "sandbox:fail"
EPOCHS, STEPS_PER_EPOCH = 2, 5


@operation
def create_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    jobs, name, category = region.table("jobs"), request["JobName"], request["JobCategory"]
    if name in known(region):
        raise ServiceError("ResourceInUse", f"Job {name} already exists.")
    document = _check_document(region, category, request["JobConfigSchemaVersion"], request["JobConfigDocument"])
    admission.check_role(region, request["RoleArn"], admission.JOB)
    _check_limit(region, category)
    jobs[name] = {
        **request,
        "JobArn": region.arn(f"job/{category}/{name}"),
        "MissingData": list(admission.missing_data(region, document.get("InputDataConfig", ()))),
        "CreationTime": region.now(),
        "StoppedAt": None,
    }
    region.table("tags")[jobs[name]["JobArn"]] = list(request.get("Tags", ()))
    return {"JobArn": jobs[name]["JobArn"]}


def _check_limit(region: Region, category: str) -> None:
    limit = region.limits.get(category)
    if limit is None:
        return
    ours = [job for job in region.table("jobs").values() if job["JobCategory"] == category]
    running = sum(current(region, job)["JobStatus"] in RUNNING for job in ours)
    if running >= limit:
        message = (
            f"The account-level service limit 'Number of concurrent {category} jobs' is {limit} jobs, "
            f"with current utilization of {running} jobs and a request delta of 1 jobs."
        )
        raise ServiceError("ResourceLimitExceeded", message)


def _check_document(region: Region, category: str, version: str, text: str) -> dict[str, Any]:
    wanted = documents.job_schemas(region).get(f"{category}/{version}")
    if wanted is None or category not in PHASES:
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
    """A job as it is at this moment: a function of its creation time alone."""
    started, category = job["CreationTime"], job["JobCategory"]
    end = started + region.timing.job
    reason = _failure(region, job)
    if reason is not None:
        end = started + region.timing.job / 2
    if job["StoppedAt"] is not None and job["StoppedAt"] < end:
        end, status, secondary = job["StoppedAt"], "Stopped", "Stopped"
    else:
        status, secondary = ("Failed", "Failed") if reason else ("Completed", "Completed")
    done = region.now() >= end
    transitions: list[dict[str, Any]] = []
    at = started
    for phase, share in PHASES[category]:
        if at > min(region.now(), end) and transitions:
            break
        after = at + share * region.timing.job
        transitions.append({"Status": phase, "StartTime": at, "EndTime": min(after, end)})
        at = after
    if done:
        transitions.append({"Status": secondary, "StartTime": end, "EndTime": end})
        if reason and secondary == "Failed":
            transitions[-1]["StatusMessage"] = reason
    else:
        transitions[-1].pop("EndTime")
        status, secondary = "InProgress", transitions[-1]["Status"]
    progress = 1.0 if status == "Completed" else (min(region.now(), end) - started) / region.timing.job
    answer = {
        **{k: job[k] for k in ("JobName", "JobArn", "RoleArn", "JobCategory", "JobConfigSchemaVersion")},
        "JobConfigDocument": _with_output(region, job, progress, status),
        "CreationTime": started,
        "LastModifiedTime": end if done else region.now(),
        "JobStatus": status,
        "SecondaryStatus": secondary,
        "SecondaryStatusTransitions": transitions,
        "Tags": region.table("tags")[job["JobArn"]],
    }
    if done:
        answer["EndTime"] = end
    if status == "Failed":
        answer["FailureReason"] = reason
    return answer


def _failure(region: Region, job: dict[str, Any]) -> str | None:
    tags = {t["Key"]: t["Value"] for t in region.table("tags")[job["JobArn"]]}
    for uri in job.get("MissingData", ()):
        return f"ClientError: No objects found under S3 prefix {uri}"
    return tags.get(FAIL_TAG)


def _with_output(region: Region, job: dict[str, Any], progress: float, status: str) -> str:
    """The document as it was given, with the ServiceOutput that the service adds."""
    document = json.loads(job["JobConfigDocument"])
    mlflow = documents.mlflow_config(document)
    run = documents.run_id(job["JobName"])
    experiment = mlflow.get("MlflowExperimentName", job["JobName"])
    output: dict[str, Any] = {
        "MlflowDetails": {
            "ExperimentName": experiment,
            "RunName": mlflow.get("MlflowRunName", job["JobName"]),
            "ExperimentId": documents.experiment_id(experiment),
            "RunId": run,
        },
        "BillableTokenUsage": {
            "TrainTokenCount": int(progress * 400_000) if job["JobCategory"] == "AgentRFT" else 0,
            "PrefillTokenCount": int(progress * 250_000),
            "SampleTokenCount": int(progress * 150_000),
        },
    }
    if job["JobCategory"] == "AgentRFT":
        # the step that runs, counted from 1 in each epoch
        epoch, step = divmod(
            min(EPOCHS * STEPS_PER_EPOCH - 1, int(progress * EPOCHS * STEPS_PER_EPOCH)), STEPS_PER_EPOCH
        )
        output["ProgressInfo"] = {
            "MaxEpoch": EPOCHS,
            "StepsPerEpoch": STEPS_PER_EPOCH,
            "CurrentEpoch": epoch + 1,
            "CurrentStep": step + 1,
        }
        output["RolloutInfo"] = {"Completed": int(progress * 160), "Total": 160}
        if status == "Completed":
            output["OutputModelPackageArn"] = _package(region, job, document)
    else:
        output["ProgressInfo"] = {"MaxSteps": 10, "CurrentStep": int(progress * 10)}
        if status == "Completed":
            given = document["EvaluationConfig"].get("HyperParameters", {})
            output["EvaluationMetrics"] = documents.evaluation_metrics(job["JobName"], given)
    return json.dumps({**document, "ServiceOutput": output})


def _package(region: Region, job: dict[str, Any], document: dict[str, Any]) -> str:
    """The model package that a finished job has put into its output group at its end; made when first looked at."""
    packages = region.at(None).table("packages")
    for arn, package in packages.items():
        if package.get("CreatedBy") == job["JobArn"]:
            return str(arn)
    group = document["ModelPackageConfig"]["OutputModelPackageGroupArn"].rpartition("/")[2]
    version = next_version(region, group)
    arn, end = region.arn(f"model-package/{group}/{version}"), job["CreationTime"] + region.timing.job
    packages.at(end)[arn] = {
        "ModelPackageArn": arn,
        "ModelPackageGroupName": group,
        "ModelPackageVersion": version,
        "ModelPackageStatus": "Completed",
        "CreationTime": end,
        "CreatedBy": job["JobArn"],
        "BaseModelArn": document["TrainingConfig"]["BaseModelArn"],
    }
    return arn


def known(region: Region) -> dict[str, dict[str, Any]]:
    """The jobs that were finished before the sandbox started, and its own."""
    return {**region.table("finished_jobs"), **region.table("jobs")}


def _find(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    job = known(region).get(request["JobName"])
    if job is None or job["JobCategory"] != request["JobCategory"]:
        raise not_found(f"job {request['JobName']}")
    return job


@operation
def describe_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    return current(region, _find(region, request))


@operation
def list_jobs(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    ours = [current(region, j) for j in known(region).values() if j["JobCategory"] == request["JobCategory"]]
    names = ("JobArn", "JobName", "JobCategory", "JobStatus", "CreationTime", "LastModifiedTime", "EndTime")
    chosen = select(request, ours, "JobName", "JobStatus")
    items = [{**{k: j[k] for k in names if k in j}, "JobSecondaryStatus": j["SecondaryStatus"]} for j in chosen]
    return page(request, items, "JobSummaries")


@operation
def stop_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    job = _find(region, request)
    if current(region, job)["JobStatus"] == "InProgress":
        region.table("jobs")[job["JobName"]] = {**job, "StoppedAt": region.now()}
    return {}


@operation
def delete_job(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    job = _find(region, request)
    if current(region, job)["JobStatus"] in RUNNING:
        raise ServiceError("ResourceInUse", f"Job {request['JobName']} is still running; stop it first.")
    for table in ("finished_jobs", "jobs"):
        region.table(table).pop(request["JobName"], None)
    packages = region.table("packages")
    for arn, package in list(packages.items()):
        if package.get("CreatedBy") == job["JobArn"]:  # it stays; a job of this name that comes later makes its own
            packages[arn] = {**package, "CreatedBy": ""}
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
