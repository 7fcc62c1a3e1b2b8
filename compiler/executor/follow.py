"""Waiting for what runs, ours and that of others.

In: targets. Out: their last statuses, each change told on the way. Nothing is stopped by no longer looking.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from compiler.executor import track
from compiler.executor.apply import Event, TimedOut
from compiler.executor.cloud import Cloud, CloudError
from compiler.executor.track import Status, Target


def follow(
    cloud: Cloud,
    targets: Mapping[str, Target],
    on_event: Callable[[Event], None],
    *,
    until: Sequence[str] = (),
    poll_seconds: float = 15.0,
    timeout_seconds: float | None = None,
) -> dict[str, Status]:
    """Look again and again until every target has come to its end, or to one of the statuses named.

    Raises TimedOut, and CloudError for trouble that does not pass.
    """
    started = time.monotonic()
    done: dict[str, Status] = {}
    while True:
        for name, target in targets.items():
            if name in done:
                continue
            try:
                status = track.status(cloud, target)
            except CloudError as error:
                if not error.is_passing:
                    raise
                on_event(Event(name, "looking again", str(error)))
                continue
            on_event(
                Event(name, status.status, status.name, "", status.secondary, track.progress(status)),
            )
            if status.state != "running" or {status.status, status.details.get("secondary_status")} & set(until):
                done[name] = status
        if len(done) == len(targets):
            return done
        if timeout_seconds is not None and time.monotonic() - started > timeout_seconds:
            raise TimedOut(f"not done after {timeout_seconds:g} seconds; what runs goes on")
        time.sleep(poll_seconds)
