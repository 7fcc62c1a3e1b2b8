"""What jobs write to CloudWatch Logs, as a function of how far they are.

Groups of SageMaker are answered here, since nothing runs that could write; all others are moto's. Pages are as
the service's: short, and now and then an empty one that is not the last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from sagespec.sandbox import jobs, training
from sagespec.sandbox.service import Handler, Region, ServiceError, number, page

PREFIX = "/aws/sagemaker/"
GET_PAGE = 10_000
PAGE = 10
"""Events of a page at most, so that every log has several."""


def is_of_sagemaker(request: Mapping[str, Any]) -> bool:
    """Whether a request is for groups that are answered here."""
    return str(request.get("logGroupName") or request.get("logGroupNamePrefix") or "").startswith(PREFIX)


def describe_log_groups(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    """Answer DescribeLogGroups for a prefix of SageMaker's groups: those in which something has been written."""
    prefix = request["logGroupNamePrefix"]
    names = {f"{PREFIX}Job/{job['JobCategory']}" for job in region.table("jobs").values()}
    if region.table("training_jobs"):
        names.add(training.LOG_GROUP)
    arn = f"arn:{region.partition}:logs:{region.region}:{region.account}:log-group"
    groups = [{"logGroupName": n, "arn": f"{arn}:{n}:*"} for n in sorted(names) if n.startswith(prefix)]
    return _paged(request, groups, "logGroups")


def describe_log_streams(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    """Answer DescribeLogStreams: one stream a job."""
    group, prefix = request["logGroupName"], str(request.get("logStreamNamePrefix", ""))
    streams: list[dict[str, Any]] = []
    for name, job in _existing(region, group):
        events = list(_events(name, job, region.timing.job))
        if events and events[0]["logStreamName"].startswith(prefix):
            times = {"firstEventTimestamp": events[0], "lastEventTimestamp": events[-1]}
            shown = {member: event["timestamp"] for member, event in times.items()}
            streams.append({"logStreamName": events[0]["logStreamName"], **shown})
    by_time = request.get("orderBy") == "LastEventTime"
    streams.sort(key=lambda stream: stream["lastEventTimestamp" if by_time else "logStreamName"])
    if request.get("descending"):
        streams.reverse()
    return _paged(request, streams, "logStreams")


def get_log_events(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    """Answer GetLogEvents: one stream from either end; a token that comes again says that there is no more."""
    stream = request["logStreamName"]
    start, end = number(request, "startTime") or 0, number(request, "endTime") or float("inf")
    events = [
        {name: event[name] for name in ("ingestionTime", "message", "timestamp")}
        for job_name, job in _existing(region, request["logGroupName"])
        for event in _events(job_name, job, region.timing.job)
        if event["logStreamName"] == stream and start <= event["timestamp"] < end
    ]
    limit = int(number(request, "limit") or GET_PAGE)
    way, _, at = str(request.get("nextToken") or "").partition("/")
    if way and (way not in ("f", "b") or not at.isdecimal()):
        raise ServiceError("InvalidParameterException", "The specified nextToken is invalid.")
    if way == "f" or (not way and request.get("startFromHead")):
        first = min(int(at or 0), len(events))
        last = min(len(events), first + limit)
    else:
        last = min(int(at or len(events)), len(events))
        first = max(0, last - limit)
    tokens = {"nextForwardToken": f"f/{last}", "nextBackwardToken": f"b/{first}"}
    return {"events": events[first:last], **tokens}


def _existing(region: Region, group: str) -> list[tuple[str, dict[str, Any]]]:
    """The jobs that write to a group.

    Raises ServiceError where there is none: a group comes to be with the first job that writes to it.
    """
    existing = list(_jobs(region, group))
    if not existing:
        raise ServiceError("ResourceNotFoundException", "The specified log group does not exist.")
    return existing


def _paged(request: Mapping[str, Any], items: list[Any], key: str) -> dict[str, Any]:
    renamed = {"NextToken": request.get("nextToken"), "MaxResults": request.get("limit")}
    return {("nextToken" if k == "NextToken" else k): v for k, v in page(renamed, items, key).items()}


def filter_log_events(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    """Answer FilterLogEvents for a group of SageMaker."""
    prefix, since = str(request.get("logStreamNamePrefix", "")), number(request, "startTime") or 0
    events = [
        event
        for name, job in _existing(region, request["logGroupName"])
        for event in _events(name, job, region.timing.job)
        if event["logStreamName"].startswith(prefix) and event["timestamp"] >= since
    ]
    events.sort(key=lambda e: (e["timestamp"], e["eventId"]))
    start, _, pause = str(request.get("nextToken") or "0").partition("-")
    if not start.isdecimal():
        raise ServiceError("InvalidParameterException", "The specified nextToken is invalid.")
    if pause:
        return {"events": [], "searchedLogStreams": [], "nextToken": start}
    end = int(start) + min(PAGE, int(number(request, "limit") or PAGE))
    answer: dict[str, Any] = {"events": events[int(start) : end], "searchedLogStreams": []}
    if end < len(events):
        answer["nextToken"] = f"{end}-empty"
    return answer


def _jobs(region: Region, group: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in region.table("jobs").items():
        if group == f"{PREFIX}Job/{job['JobCategory']}":
            yield name, jobs.current(region, job)
    for name, job in region.table("training_jobs").items():
        if group == training.LOG_GROUP:
            yield name, training.current(region, job)


def _events(name: str, job: dict[str, Any], seconds: float) -> Iterator[dict[str, Any]]:
    """What a job that takes so many seconds has written so far; each line has its time, whenever it is looked at."""
    stream = f"{name}/algo-1-1767225600"
    shares = dict(jobs.PHASES[job["JobCategory"]] if "JobCategory" in job else training.PHASES)
    for transition in job["SecondaryStatusTransitions"]:
        start = transition["StartTime"]
        lines = [f"{transition['Status']}", transition.get("StatusMessage", "")]
        if transition["Status"] in ("Training", "Evaluating"):
            lines += [
                f"step {n}: reward {0.3 + n / 40:.3f}" for n in range(1, jobs.EPOCHS * jobs.STEPS_PER_EPOCH + 1)
            ]
        for nth, line in enumerate(filter(None, lines)):
            at = start + shares.get(transition["Status"], 0) * seconds * nth / len(lines)
            if at > job["LastModifiedTime"]:
                break
            identity = f"{name}{transition['Status']}{nth}"
            yield {
                "eventId": hashlib.sha256(identity.encode()).hexdigest()[:56],
                "ingestionTime": int(at * 1000),
                "logStreamName": stream,
                "message": line,
                "timestamp": int(at * 1000),
            }


OPERATIONS: dict[str, Handler] = {
    "DescribeLogGroups": describe_log_groups,
    "DescribeLogStreams": describe_log_streams,
    "FilterLogEvents": filter_log_events,
    "GetLogEvents": get_log_events,
}
"""What is answered here of CloudWatch Logs, for the groups of SageMaker."""
