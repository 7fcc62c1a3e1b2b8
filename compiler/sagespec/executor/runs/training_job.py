"""Training jobs, such as those of ModelTrainer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from sagespec.arn import hub_content
from sagespec.documents.compiled import Request
from sagespec.executor import concurrently, rewards
from sagespec.executor.answers import at, rely_on
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.differences import differences
from sagespec.executor.files import File
from sagespec.executor.runs import drivers, job_lists, streams
from sagespec.executor.runs.entries import Entry, Filter, is_of_a_step
from sagespec.executor.runs.job_lists import Listing
from sagespec.executor.runs.run import Run, Target, suffix
from sagespec.executor.runs.status import Status
from sagespec.executor.runs.streams import Place
from sagespec.executor.submission import Answer, Pace, Refused, Submission, taken
from sagespec.executor.verified import Verified
from sagespec.project.settings import Project

NAME = "training-job"
OPERATION = TAGGED = "CreateTrainingJob"
MEMBER = "TrainingJobName"
ACTION: Final = "start"
AGAIN = "`sagespec apply` runs the same content again"
BEGUN = "InProgress"
STATUSES = frozenset({"InProgress", "Completed", "Failed", "Stopping", "Stopped", "Deleting"})
_LISTING = Listing("ListTrainingJobs", "TrainingJobSummaries", MEMBER, "TrainingJobArn", "TrainingJobStatus")
_ARN = re.compile(r"arn:[^:]+:sagemaker:(?P<region>[^:]+):\d+:training-job/(?P<name>[^/]+)")
_PACE = Pace(1.0)  # CreateTrainingJob is throttled to one call a second, and that quota cannot be raised
_NOT_DESCRIBED = {MEMBER, "SessionChainingConfig", "Tags"}
"""Members of the request that DescribeTrainingJob does not return, and the name, by which it is looked up."""
_COMPARED = ("HyperParameters", "InputDataConfig")
"""Members that distinguish a training job of ours from a foreign one of the same name."""
_ARTIFACTS = "S3ModelArtifacts"
_DETAILS = {
    "secondary_status": "SecondaryStatus",
    "secondary_status_transitions": "SecondaryStatusTransitions",
    "role_arn": "RoleArn",
    "resource_config": "ResourceConfig",
    "model_artifacts": "ModelArtifacts",
    "model_package_config": "ModelPackageConfig",
    "output_model_package_arn": "OutputModelPackageArn",
    "final_metric_data_list": "FinalMetricDataList",
    "billable_time_in_seconds": "BillableTimeInSeconds",
    "billable_token_count": "BillableTokenCount",
    "serverless_job_config": "ServerlessJobConfig",
    "hyper_parameters": "HyperParameters",
    "mlflow_config": "MlflowConfig",
    "progress_info": "ProgressInfo",
}
rely_on(
    {
        "CreateTrainingJob": ("TrainingJobArn",),
        "DeleteTrainingJob": (),
        "ListTrainingJobs": (
            "TrainingJobSummaries.CreationTime",
            "TrainingJobSummaries.TrainingJobArn",
            "TrainingJobSummaries.TrainingJobName",
            "TrainingJobSummaries.TrainingJobStatus",
        ),
        "StopTrainingJob": (),
    }
)


def submit(s: Submission, request: Request, parameters: dict[str, Any], _known: Mapping[str, Any]) -> Answer:
    name = parameters[MEMBER]
    check = rewards.of(s.file)
    if check and s.shelf.look("sagemaker", "DescribeTrainingJob", TrainingJobName=name) is None:
        rewards.verify(s, check)
    _PACE.keep(s.stopping)
    s.go_on()
    try:
        arn = s.call("sagemaker", OPERATION, **parameters)["TrainingJobArn"]
        return "started", {"Run": Run(name, arn, BEGUN)}
    except CloudError as error:
        if not error.is_taken:
            raise
    described = drivers.as_compiled(taken(s, request, name, "DescribeTrainingJob", TrainingJobName=name), parameters)
    for member in _COMPARED:
        if any(differences(described.get(member), parameters.get(member), (member,), defaults=True)):
            raise Refused(f"a training job {name} exists with other {member}; raise metadata.run")
    return "kept", {"Run": _run(described)}


def _run(described: Mapping[str, Any]) -> Run:
    name, arn, status = (described[member] for member in (MEMBER, "TrainingJobArn", "TrainingJobStatus"))
    return Run(name, arn, status, described.get("FailureReason", ""), described)


def find(cloud: Cloud, region: str, files: Sequence[File]) -> Iterator[tuple[File, Run]]:
    return job_lists.find(cloud, _LISTING, region, files)


def target(file: File, run: Run) -> Target:
    return Target(NAME, run.name, run.arn, region=file.content.region, file=file)


def of_arn(text: str) -> Target | None:
    match = _ARN.fullmatch(text)
    return Target(NAME, match["name"], text, region=match["region"]) if match else None


def shown(cloud: Cloud, target: Target) -> Target | None:
    """Look up by name, and compare the ARN: a job of another account may have the same name."""
    target_shown = _look(cloud, target.name, target.region)
    return target_shown if target_shown and target_shown.arn.lower() == target.arn.lower() else None


def looks(cloud: Cloud, name: str) -> list[partial[Target | None]]:
    return [partial(_look, cloud, name)]


def _look(cloud: Cloud, name: str, region: str | None = None) -> Target | None:
    try:
        described = cloud.call("sagemaker", "DescribeTrainingJob", region, TrainingJobName=name)
    except CloudError as error:
        if error.is_missing or error.code == "ValidationException":
            return None
        raise
    return Target(NAME, name, described["TrainingJobArn"], region=region)


def describe(cloud: Cloud, target: Target) -> Run:
    return _run(_described(cloud, target))


def _described(cloud: Cloud, target: Target) -> dict[str, Any]:
    return cloud.call("sagemaker", "DescribeTrainingJob", target.region, TrainingJobName=target.name)


def status(cloud: Cloud, target: Target) -> Status:
    described = _described(cloud, target)
    return Status(
        kind=NAME,
        name=described["TrainingJobName"],
        arn=described["TrainingJobArn"],
        status=described["TrainingJobStatus"],
        address=target.file.address if target.file else None,
        failure_reason=described.get("FailureReason"),
        creation_time=described["CreationTime"],
        last_modified_time=described.get("LastModifiedTime"),
        end_time=described.get("TrainingEndTime"),
        details={
            **{name: described.get(member) for name, member in _DETAILS.items()},
            "s3_output_path": at(described, "OutputDataConfig", "S3OutputPath"),
            "progress": _progress(described),
            "mlflow_details": _mlflow_details(described),
        },
    )


def _progress(job: Mapping[str, Any]) -> float | None:
    """Return the share of the steps of all epochs that are done or begun, 0 to 1; None where it is not known."""
    info = job.get("ProgressInfo", {})
    epochs, steps = info.get("MaxEpoch"), info.get("TotalStepCountPerEpoch")
    if not epochs or not steps:
        return None
    done = (info.get("CurrentEpoch", 1) - 1) * steps + info.get("CurrentStep", 0)
    share: float = round(done / (epochs * steps), 4)
    return min(1.0, max(0.0, share))


def _mlflow_details(job: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return where a training job logs to, with the member names of the Job API's documents."""
    if not job.get("MlflowDetails"):
        return None
    names, ids = job.get("MlflowConfig", {}), job["MlflowDetails"]
    return {
        "ExperimentName": names.get("MlflowExperimentName"),
        "RunName": names.get("MlflowRunName"),
        "ExperimentId": ids.get("MlflowExperimentId"),
        "RunId": ids.get("MlflowRunId"),
    }


def outputs(run: Run) -> dict[str, Any]:
    """Return the texts of a description, and the URI of the model artifacts where there are any."""
    members = {**run.details, _ARTIFACTS: at(run.details, "ModelArtifacts", _ARTIFACTS)}
    return {name: value for name, value in members.items() if isinstance(value, str) and value}


def recorded(cloud: Cloud, target: Target) -> Any:
    return _described(cloud, target)


def compiled(file: File) -> Any:
    return {k: v for k, v in file.requests[-1].parameters.items() if k not in _NOT_DESCRIBED}


def verify(cloud: Cloud, file: File, target: Target, _project: Project) -> Verified:
    job, wanted = recorded(cloud, target), compiled(file)
    if not target.name.endswith(suffix(file.content)):
        return Verified(tuple(differences(job, wanted, defaults=True)))
    described = drivers.as_compiled(job, wanted)
    note = "" if described == job else "it ran with the drivers of another version of sagespec"
    return Verified(tuple(differences(described, wanted, defaults=True)), note)


def stop(cloud: Cloud, target: Target, _seen: Status) -> None:
    cloud.call("sagemaker", "StopTrainingJob", target.region, TrainingJobName=target.name)


def removed(_cloud: Cloud, target: Target, _file: File, seen: Status) -> Iterable[str]:
    return (f"training job {target.name} ({seen.status})",)


def delete(cloud: Cloud, target: Target) -> str:
    cloud.call("sagemaker", "DeleteTrainingJob", target.region, TrainingJobName=target.name)
    return "deleted"


def listed(cloud: Cloud, kinds: Mapping[str, str], wanted: Filter) -> Iterator[Entry]:
    """List them by technique. A list does not say it: of jobs that no compiled file has made, each is described.

    No more are than the filter wants.
    """
    order = "Descending" if wanted.newest_first else "Ascending"
    given = {"MaxResults": 100, "SortBy": "CreationTime", "SortOrder": order, **wanted.api(STATUSES)}
    left = wanted.most
    for page in cloud.pages("sagemaker", "ListTrainingJobs", "TrainingJobSummaries", **given):
        entries = [_entry(job, wanted) for job in page if not is_of_a_step(job[MEMBER])]
        entries = [entry for entry in entries if wanted.takes(entry)]
        while entries and left != 0:
            size = len(entries) if left is None else left
            found = _of_kinds(cloud, entries[:size], kinds)
            del entries[:size]
            left = None if left is None else left - len(found)
            yield from found
        if left == 0:
            return


def _entry(job: Mapping[str, Any], wanted: Filter) -> Entry:
    name, end = job[MEMBER], job.get("TrainingEndTime")
    address = wanted.address(name)
    kind = address.partition("/")[0] if address else ""
    return Entry(kind, name, job["TrainingJobStatus"], job["CreationTime"], job["TrainingJobArn"], end, address)


def _of_kinds(cloud: Cloud, entries: Sequence[Entry], kinds: Mapping[str, str]) -> list[Entry]:
    """Return the entries of some kinds; those whose kind is unknown are described, concurrently."""
    known = concurrently.ask(lambda entry: entry if entry.kind else _described_entry(cloud, entry, kinds), entries)
    return [entry for entry in known if entry.kind in kinds.values()]


def _described_entry(cloud: Cloud, entry: Entry, kinds: Mapping[str, str]) -> Entry:
    """Add the kind and model of a job; nothing of what was just deleted."""
    try:
        job = cloud.call("sagemaker", "DescribeTrainingJob", TrainingJobName=entry.name)
    except CloudError as error:
        if error.is_missing:
            return entry
        raise
    technique = str(at(job, "ServerlessJobConfig", "CustomizationTechnique") or "")
    content = hub_content(str(at(job, "ServerlessJobConfig", "BaseModelArn") or ""))
    return replace(entry, kind=kinds.get(technique, ""), model=content.name if content else None)


def logs(status: Status) -> list[Place]:
    return streams.of_job(status.arn)
