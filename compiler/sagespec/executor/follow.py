"""Wait for runs, of sagespec or of other tools.

In: targets. Out: their last statuses; each change is reported by an event. Ending the wait stops no run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sagespec.executor import pauses
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.outcome import BLIND_SECONDS, Event, TimedOut
from sagespec.executor.patience import Patience
from sagespec.executor.runs import sorts, track
from sagespec.executor.runs.run import Target
from sagespec.executor.runs.status import Status


def follow(
    cloud: Cloud,
    targets: Mapping[str, Target],
    on_event: Callable[[Event], None],
    *,
    until: Sequence[str] = (),
    poll_seconds: float = 15.0,
    timeout_seconds: float | None = None,
) -> dict[str, Status]:
    """Poll until every target has ended or has had one of the statuses in `until`.

    Raises TimedOut, and CloudError for errors that are not transient or last too long.
    """
    started = seen = pauses.now()
    patience = {name: Patience() for name in targets}
    done: dict[str, Status] = {}
    while True:
        for name, target in targets.items():
            if name in done:
                continue
            try:
                status = track.look(cloud, target)
            except CloudError as error:
                if error.is_missing and not patience[name].is_over:
                    on_event(Event(name, "not shown yet", target.name))
                    continue
                if not error.is_passing or pauses.now() - seen > BLIND_SECONDS:
                    raise
                on_event(Event(name, "looking again", str(error)))
                continue
            seen = pauses.now()
            patience[name] = Patience()
            on_event(Event(name, status.status, status.name, status=status))
            if status.state != "running" or has_had(status, until):
                done[name] = status
        if len(done) == len(targets):
            return done
        pause = poll_seconds
        if timeout_seconds is not None:
            pause = min(pause, started + timeout_seconds - pauses.now())
            if pause <= 0:
                missing = ", ".join(name for name in targets if name not in done)
                raise TimedOut(f"not done after {timeout_seconds:g} seconds: {missing}; runs continue")
        pauses.pause(pause)


def has_had(status: Status, wanted: Sequence[str]) -> bool:
    """Return whether a run has, or has had since the last poll, one of the wanted statuses or secondary statuses."""
    passed = {t["Status"] for t in status.details.get("secondary_status_transitions") or ()}
    begun = sorts.of(status).BEGUN
    return not {status.status, status.details.get("secondary_status"), *passed, begun}.isdisjoint(wanted)
