"""What jobs and functions have written to CloudWatch Logs.

In: the status of a target. Out: `Line`s in the order of their times, as far as they have come.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.cloud_errors import invalid
from sagespec.executor.track import Status

LATE_MS = 5 * 60 * 1000
"""How much later than its time an event may be found: streams are written and collected independently."""

_GROUPS = {
    "training-job": "TrainingJobs",
    "processing-job": "ProcessingJobs",
    "transform-job": "TransformJobs",
}


@dataclass(frozen=True)
class Line:
    """One event of a log stream."""

    time: datetime
    stream: str
    text: str


@dataclass(frozen=True)
class Place:
    """Where a job's streams are: their group, and what their names start with."""

    group: str
    prefix: str = ""


@dataclass
class Tail:
    """Reads a target's logs from where it stopped; what it has given once it gives never again."""

    cloud: Cloud
    region: str | None
    since_ms: int = 0
    _seen: dict[Place, dict[str, int]] = field(default_factory=dict)
    """The ids of events that a next look may find again, and their times."""

    def read(self, status: Status) -> Iterator[Line]:
        """Read what is new, oldest first within a place.

        Raises CloudError; a group that does not exist yet has no lines.
        """
        for place in places(status):
            try:
                yield from self._read(place)
            except CloudError as error:
                if not error.is_missing:
                    raise

    def _read(self, place: Place) -> Iterator[Line]:
        seen = self._seen.setdefault(place, {})
        since = max(self.since_ms, max(seen.values(), default=0) - LATE_MS)
        parameters: dict[str, Any] = {"logGroupName": place.group}
        if place.prefix:
            parameters["logStreamNamePrefix"] = place.prefix
        if since:
            parameters["startTime"] = since
        for page in self.cloud.pages("logs", "FilterLogEvents", "events", self.region, **parameters):
            for event in page:
                if event["eventId"] not in seen:
                    seen[event["eventId"]] = event["timestamp"]
                    yield Line(_time(event["timestamp"]), event["logStreamName"], event["message"].rstrip("\n"))
        self._seen[place] = {identity: at for identity, at in seen.items() if at >= since}


def _time(milliseconds: int) -> datetime:
    """When something was written; raises CloudError for what is beyond all time."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    except (OSError, OverflowError, ValueError):
        raise invalid(f"{milliseconds} is no time", "FilterLogEvents") from None


def places(status: Status) -> list[Place]:
    """Where the logs of a target are: its own, or those of the jobs behind an execution's steps."""
    if status.kind == "function":
        return [Place(f"/aws/lambda/{status.name}")]
    arns = [step.job_arn for step in status.steps if step.job_arn] if status.kind == "execution" else [status.arn]
    return [place for place in map(_place, arns) if place is not None]


def _place(arn: str) -> Place | None:
    """Where a job writes; None for sorts of jobs that have no streams of their own."""
    kind, *category = arn.split(":", 5)[-1].split("/")
    name = category.pop() if category else ""
    group = f"Job/{category[0]}" if kind == "job" and category else _GROUPS.get(kind)
    return Place(f"/aws/sagemaker/{group}", f"{name}/") if group else None
