"""The logs of jobs in CloudWatch Logs, computed from their progress.

Log groups of SageMaker are answered here, because no process writes to them; all others by moto. Pages are short, and
some before the last are empty, as with the service.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sagespec.sandbox import customization, metrics
from sagespec.sandbox.lifecycle import EPOCHS, JOBS, PHASES, STEPS_PER_EPOCH, TRAINING_JOBS, Course, Family
from sagespec.sandbox.service import Handler, Region, ServiceError, number, page

PREFIX = "/aws/sagemaker/"
GET_PAGE = 10_000
PAGE = 10
"""The most events of a page; few, so that every log has several pages."""


def is_of_sagemaker(request: Mapping[str, Any]) -> bool:
    """Return whether a request is for the log groups of SageMaker."""
    return str(request.get("logGroupName") or request.get("logGroupNamePrefix") or "").startswith(PREFIX)


def describe_log_groups(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    """Answer DescribeLogGroups for a prefix of SageMaker's groups: those with events."""
    prefix = request["logGroupNamePrefix"]
    names = {_group(family, job) for family in _FAMILIES for job in family.of(region).values()}
    arn = f"arn:{region.partition}:logs:{region.region}:{region.account}:log-group"
    groups = [{"logGroupName": n, "arn": f"{arn}:{n}:*"} for n in sorted(names) if n.startswith(prefix)]
    return _paged(request, groups, "logGroups")


def describe_log_streams(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    """Answer DescribeLogStreams: one stream for each job."""
    group, prefix = request["logGroupName"], str(request.get("logStreamNamePrefix", ""))
    streams: list[dict[str, Any]] = []
    for log in _existing(region, group):
        events = list(log.events())
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
    """Answer GetLogEvents: one stream from either end; a repeated token marks the end."""
    stream = request["logStreamName"]
    start, end = number(request, "startTime") or 0, number(request, "endTime") or float("inf")
    events = [
        {name: event[name] for name in ("ingestionTime", "message", "timestamp")}
        for log in _existing(region, request["logGroupName"])
        for event in log.events()
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


def _existing(region: Region, group: str) -> list[Log]:
    """Return the logs of a group.

    Raises ServiceError where there is none: a group is created by the first job that writes to it.
    """
    existing = [
        Log(family, job, family.course(region, job), region.timing.job)
        for family in _FAMILIES
        for job in family.of(region).values()
        if _group(family, job) == group
    ]
    if not existing:
        raise ServiceError("ResourceNotFoundException", "The specified log group does not exist.")
    return existing


def _paged(request: Mapping[str, Any], items: list[Any], key: str) -> dict[str, Any]:
    renamed = {"NextToken": request.get("nextToken"), "MaxResults": request.get("limit")}
    return {("nextToken" if k == "NextToken" else k): v for k, v in page(renamed, items, key).items()}


def filter_log_events(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    """Answer FilterLogEvents for a log group of SageMaker."""
    prefix, since = str(request.get("logStreamNamePrefix", "")), number(request, "startTime") or 0
    events = [
        event
        for log in _existing(region, request["logGroupName"])
        for event in log.events()
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


_FAMILIES = (JOBS, TRAINING_JOBS)


def _group(family: Family, job: dict[str, Any]) -> str:
    """Return the log group of a job."""
    return f"{PREFIX}TrainingJobs" if family is TRAINING_JOBS else f"{PREFIX}Job/{job['JobCategory']}"


@dataclass(frozen=True)
class Log:
    """The log of a job so far; `seconds` is the job's duration."""

    family: Family
    job: dict[str, Any]
    course: Course
    seconds: float

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield the events; the time of an event does not depend on when it is read."""
        name = self.job[self.family.name]
        stream = f"{name}/algo-1-1767225600"
        shares = dict(PHASES[self.family.category(self.job)])
        for transition in self.course.transitions:
            start, lines = transition["StartTime"], [transition["Status"], transition.get("StatusMessage", "")]
            if transition["Status"] in ("Training", "Evaluating"):
                lines += [self._line(name, step) for step in range(1, EPOCHS * STEPS_PER_EPOCH + 1)]
            for nth, line in enumerate(filter(None, lines)):
                at = start + shares.get(transition["Status"], 0) * self.seconds * nth / len(lines)
                if at > self.course.changed:
                    break
                identity = f"{name}{transition['Status']}{nth}"
                yield {
                    "eventId": hashlib.sha256(identity.encode()).hexdigest()[:56],
                    "ingestionTime": int(at * 1000),
                    "logStreamName": stream,
                    "message": line,
                    "timestamp": int(at * 1000),
                }

    def _line(self, name: str, step: int) -> str:
        if customization.is_nova(self.job):
            return metrics.line(name, customization.technique(self.job), step)
        return f"step {step}: reward {0.3 + step / 40:.3f}"


OPERATIONS: dict[str, Handler] = {
    "DescribeLogGroups": describe_log_groups,
    "DescribeLogStreams": describe_log_streams,
    "FilterLogEvents": filter_log_events,
    "GetLogEvents": get_log_events,
}
"""Operations of CloudWatch Logs that are answered here, for the log groups of SageMaker."""
