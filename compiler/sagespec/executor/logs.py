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
from sagespec.executor.runs import sorts
from sagespec.executor.runs.status import Status
from sagespec.executor.runs.streams import Place

LATE_MS = 5 * 60 * 1000
"""How much later than its time an event may be found: streams are written and collected independently."""


@dataclass(frozen=True)
class Line:
    """One event of a log stream."""

    time: datetime
    stream: str
    text: str


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
    """When something was written; raises CloudError for what is out of range."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    except (OSError, OverflowError, ValueError):
        raise invalid(f"{milliseconds} is no time", "FilterLogEvents") from None
