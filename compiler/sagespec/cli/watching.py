"""Show progress: one live table on a terminal, timestamped lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from sagespec.cli import output
from sagespec.executor.outcome import Event
from sagespec.executor.runs.status import Status, elapsed, progress

COLUMNS = ("spec", "status", "secondary", "step", "progress", "elapsed", "run")
NARROW, WIDE = 110, 160
"""Terminal columns that fit a line without the names of runs, and with them."""


class Watch:
    """Shows the events of an apply or a wait until it is closed."""

    def __init__(self, first: Iterable[Event], live: bool) -> None:
        """Begin with the first event of each row."""
        self._started = time.monotonic()
        self._last: dict[str, str] = {}
        self._rows = {event.address: event for event in first}
        self._live: Any = None
        if live:
            self._live = output.live(self._table)

    def event(self, event: Event) -> None:
        """Show one event, unless it equals the last one of its address."""
        if self._live is not None:
            if event.address in self._rows and not event.request:
                self._rows[event.address] = replace(event, status=event.status or self._rows[event.address].status)
            return
        what = event.what.rpartition(":")[2] if event.request and event.what.startswith("arn:") else event.what
        words = (event.address, event.request, event.word, what, *_finer(event.status))
        text = " ".join(word for word in words if word)
        if self._last.get(event.address) != text:
            self._last[event.address] = text
            output.tell(f"{output.stamp(datetime.now(timezone.utc))} {text}")

    def _table(self, width: int) -> output.Table:
        shown = len(COLUMNS) if width >= WIDE else len(COLUMNS) - 1
        rows: list[tuple[str, ...]] = []
        # a low terminal cuts the end, so runs that are not running are last
        for name, row in sorted(self._rows.items(), key=lambda item: _is_still(item[1])):
            cells = (name, row.word, *_finer(row.status), _elapsed(row.status), row.what)
            if width >= NARROW:
                rows.append(cells[:shown])
            else:
                rows += [(cells[0],), ("  " + "  ".join(cell for cell in cells[1:shown] if cell),)]
        caption = f"watching for {timedelta(seconds=int(time.monotonic() - self._started))}"
        return output.Table(COLUMNS[: shown if width >= NARROW else 1], rows, caption, header=width >= NARROW)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()


def _is_still(event: Event) -> bool:
    """Return whether a run has not begun or has ended."""
    return event.status is None or event.status.state != "running"


def _finer(status: Status | None) -> tuple[str, str, str]:
    """Return the details of a run: secondary status, steps, progress."""
    if status is None:
        return "", "", ""
    secondary = "" if status.secondary == status.status else status.secondary
    return secondary, status.running_steps, progress(status)


def _elapsed(status: Status | None) -> str:
    since = elapsed(status, datetime.now(timezone.utc)) if status else None
    return "" if since is None else str(timedelta(seconds=int(since.total_seconds())))
