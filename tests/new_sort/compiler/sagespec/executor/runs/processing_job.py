"""Processing jobs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from sagespec.documents.compiled import Request
from sagespec.executor.answers import at, rely_on
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.differences import differences
from sagespec.executor.files import File
from sagespec.executor.runs import job_lists, streams
from sagespec.executor.runs.entries import Entry, Filter
from sagespec.executor.runs.job_lists import Listing
from sagespec.executor.runs.run import Run, Target
from sagespec.executor.runs.status import Status
from sagespec.executor.runs.streams import Place
from sagespec.executor.submission import Answer, Refused, Submission, taken
from sagespec.executor.verified import Verified
from sagespec.project.settings import Project

NAME = "processing-job"
OPERATION = TAGGED = "CreateProcessingJob"
MEMBER = "ProcessingJobName"
ACTION: Final = "start"
AGAIN = "`sagespec apply` runs the same content again"
BEGUN = "InProgress"
STATUSES = frozenset({"InProgress", "Completed", "Failed", "Stopping", "Stopped"})
_LISTING = Listing("ListProcessingJobs", "ProcessingJobSummaries", MEMBER, "ProcessingJobArn", "ProcessingJobStatus")
_ARN = re.compile(r"arn:[^:]+:sagemaker:(?P<region>[^:]+):\d+:processing-job/(?P<name>[^/]+)")
rely_on(
    {
        "CreateProcessingJob": ("ProcessingJobArn",),
        "DeleteProcessingJob": (),
        "DescribeProcessingJob": ("CreationTime", "ProcessingJobArn", "ProcessingJobName", "ProcessingJobStatus"),
        "ListProcessingJobs": (
            "ProcessingJobSummaries.CreationTime",
            "ProcessingJobSummaries.ProcessingJobArn",
            "ProcessingJobSummaries.ProcessingJobName",
            "ProcessingJobSummaries.ProcessingJobStatus",
        ),
        "StopProcessingJob": (),
    }
)


def submit(s: Submission, request: Request, parameters: dict[str, Any], _known: Mapping[str, Any]) -> Answer:
    name = parameters[MEMBER]
    try:
        arn = s.call("sagemaker", OPERATION, **parameters)["ProcessingJobArn"]
        return "started", {"Run": Run(name, arn, BEGUN)}
    except CloudError as error:
        if not error.is_taken:
            raise
    found = taken(s, request, name, "DescribeProcessingJob", ProcessingJobName=name)
    if any(differences(found, _compared(parameters), defaults=True)):
        raise Refused(f"a processing job {name} exists with other content; raise metadata.run")
    return "kept", {"Run": _run(found)}


def _run(found: Mapping[str, Any]) -> Run:
    name, arn, status = (found[member] for member in (MEMBER, "ProcessingJobArn", "ProcessingJobStatus"))
    return Run(name, arn, status, found.get("FailureReason", ""), found)


def _compared(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in parameters.items() if key not in (MEMBER, "Tags")}


def find(cloud: Cloud, region: str, files: Sequence[File]) -> Iterator[tuple[File, Run]]:
    return job_lists.find(cloud, _LISTING, region, files)


def target(file: File, run: Run) -> Target:
    return Target(NAME, run.name, run.arn, region=file.content.region, file=file)


def of_arn(text: str) -> Target | None:
    found = _ARN.fullmatch(text)
    return Target(NAME, found["name"], text, region=found["region"]) if found else None


def shown(cloud: Cloud, target: Target) -> Target | None:
    found = _look(cloud, target.name, target.region)
    return found if found and found.arn.lower() == target.arn.lower() else None


def looks(cloud: Cloud, name: str) -> list[partial[Target | None]]:
    return [partial(_look, cloud, name)]


def _look(cloud: Cloud, name: str, region: str | None = None) -> Target | None:
    try:
        found = cloud.call("sagemaker", "DescribeProcessingJob", region, ProcessingJobName=name)
    except CloudError as error:
        if error.is_missing:
            return None
        raise
    return Target(NAME, name, found["ProcessingJobArn"], region=region)


def describe(cloud: Cloud, target: Target) -> Run:
    return _run(recorded(cloud, target))


def status(cloud: Cloud, target: Target) -> Status:
    found = recorded(cloud, target)
    return Status(
        kind=NAME,
        name=found["ProcessingJobName"],
        arn=found["ProcessingJobArn"],
        status=found["ProcessingJobStatus"],
        address=target.file.address if target.file else None,
        failure_reason=found.get("FailureReason"),
        creation_time=found["CreationTime"],
        last_modified_time=found.get("LastModifiedTime"),
        end_time=found.get("ProcessingEndTime"),
        details={"role_arn": found.get("RoleArn"), "image": at(found, "AppSpecification", "ImageUri")},
    )


def outputs(run: Run) -> dict[str, Any]:
    return {name: value for name, value in run.details.items() if isinstance(value, str)}


def recorded(cloud: Cloud, target: Target) -> dict[str, Any]:
    return cloud.call("sagemaker", "DescribeProcessingJob", target.region, ProcessingJobName=target.name)


def compiled(file: File) -> Any:
    return _compared(file.requests[-1].parameters)


def verify(cloud: Cloud, file: File, target: Target, _project: Project) -> Verified:
    return Verified(tuple(differences(recorded(cloud, target), compiled(file), defaults=True)))


def stop(cloud: Cloud, target: Target, _seen: Status) -> None:
    cloud.call("sagemaker", "StopProcessingJob", target.region, ProcessingJobName=target.name)


def removed(_cloud: Cloud, target: Target, _file: File, seen: Status) -> Iterable[str]:
    return (f"processing job {target.name} ({seen.status})",)


def delete(cloud: Cloud, target: Target) -> str:
    cloud.call("sagemaker", "DeleteProcessingJob", target.region, ProcessingJobName=target.name)
    return "deleted"


def listed(cloud: Cloud, kinds: Mapping[str, str], wanted: Filter) -> Iterator[Entry]:
    (kind,) = kinds.values()
    given = {"MaxResults": 100, **wanted.api(STATUSES)}
    for page in cloud.pages("sagemaker", "ListProcessingJobs", "ProcessingJobSummaries", **given):
        for job in page:
            name, status = job["ProcessingJobName"], job["ProcessingJobStatus"]
            yield Entry(kind, name, status, job["CreationTime"], job["ProcessingJobArn"])


def logs(status: Status) -> list[Place]:
    return streams.of_job(status.arn)
