"""Read the logs of jobs and functions from CloudWatch Logs.

In: the status of a target. Out: the available `Line`s, by time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.cloud_errors import invalid
from sagespec.executor.runs import sorts
from sagespec.executor.runs.status import Status
from sagespec.executor.runs.streams import Place

LATE_MS = 5 * 60 * 1000
"""How much later than its time an event may appear: streams are written and collected independently."""


@dataclass(frozen=True)
class Line:
    """One event of a log stream."""

    time: datetime
    stream: str
    text: str


@dataclass
class Tail:
    """Reads a target's logs incrementally; no event is returned twice."""

    cloud: Cloud
    region: str | None
    since_ms: int = 0
    _seen: dict[Place, dict[str, int]] = field(default_factory=dict)
    """Ids and times of events that the next read may return again."""

    def read(self, status: Status) -> Iterator[Line]:
        """Yield new events, oldest first within a log group.

        Raises CloudError; a group that does not exist yet has no events.
        """
        for streams in sorts.of(status).logs(status):
            try:
                yield from self._read(streams)
            except CloudError as error:
                if not error.is_missing:
                    raise

    def _read(self, streams: Place) -> Iterator[Line]:
        seen = self._seen.setdefault(streams, {})
        since = max(self.since_ms, max(seen.values(), default=0) - LATE_MS)
        parameters: dict[str, Any] = {"logGroupName": streams.group}
        if streams.prefix:
            parameters["logStreamNamePrefix"] = streams.prefix
        if since:
            parameters["startTime"] = since
        for page in self.cloud.pages("logs", "FilterLogEvents", "events", self.region, **parameters):
            for event in page:
                if event["eventId"] not in seen:
                    seen[event["eventId"]] = event["timestamp"]
                    yield Line(_time(event["timestamp"]), event["logStreamName"], event["message"].rstrip("\n"))
        self._seen[streams] = {identity: at for identity, at in seen.items() if at >= since}


def _time(milliseconds: int) -> datetime:
    """Convert a time in milliseconds since 1970.

    Raises CloudError where it is out of range.
    """
    try:
        return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    except (OSError, OverflowError, ValueError):
        raise invalid(f"{milliseconds} is no time", "FilterLogEvents") from None
