"""What jobs write to CloudWatch Logs, as a function of how far they are.

Groups of SageMaker are answered here, since nothing runs that could write; all others are moto's. Pages are as
the service's: short, and now and then an empty one that is not the last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from compiler.sandbox import jobs, training
from compiler.sandbox.service import Region, ServiceError, number

PREFIX = "/aws/sagemaker/"
PAGE = 10
"""Events of a page at most, so that every log has several."""


def filter_log_events(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    """Answer FilterLogEvents for a group of SageMaker."""
    group = request["logGroupName"]
    if not any(True for _ in _jobs(region, group)):
        raise ServiceError("ResourceNotFoundException", "The specified log group does not exist.")
    prefix, since = str(request.get("logStreamNamePrefix", "")), number(request, "startTime") or 0
    events = [
        event
        for name, job in _jobs(region, group)
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
