"""The status of a run of any sort. Unknown statuses are shown unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sagespec.executor.answers import at
from sagespec.executor.runs.run import State, state_of


@dataclass(frozen=True)
class Step:
    """One step of an execution; `job_arn` is the ARN of its job, of any sort."""

    name: str
    display_name: str | None
    status: str
    start_time: Any = None
    end_time: Any = None
    failure_reason: str | None = None
    job_arn: str | None = None


@dataclass(frozen=True)
class Status:
    """The status of one target; `details` has the values of its sort only, by name."""

    kind: str
    name: str
    arn: str
    status: str
    address: str | None = None
    failure_reason: str | None = None
    creation_time: Any = None
    last_modified_time: Any = None
    end_time: Any = None
    details: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()

    @property
    def state(self) -> State:
        return state_of(self.status)

    @property
    def secondary(self) -> str:
        """The secondary status of a job, or ''."""
        return str(self.details.get("secondary_status") or "")

    @property
    def has_steps(self) -> bool:
        """Whether its work is done by jobs of steps, of which none may have begun yet."""
        return "step_count" in self.details

    @property
    def running_steps(self) -> str:
        """The names of the running steps of an execution, joined by commas."""
        return ", ".join(step.name for step in self.steps if state_of(step.status) == "running")


def elapsed(status: Status, now: datetime) -> timedelta | None:
    """Return how long something has run; None where its start is unknown.

    Never negative: AWS's clock may be ahead.
    """
    if status.creation_time is None:
        return None
    end = None if status.state == "running" else status.end_time or status.last_modified_time
    since: timedelta = (end or now) - status.creation_time
    return max(timedelta(0), since)


def progress(status: Status) -> str:
    """Return the progress as text: `epoch 1/2, step 3/5` or `3 of 4 steps`; '' where it is unknown."""
    info = status.details.get("progress_info")
    epochs, step = at(info, "MaxEpoch"), at(info, "CurrentStep") or 0
    # steps are counted from 0 in each epoch; training jobs name the total differently
    steps = (at(info, "StepsPerEpoch") or at(info, "TotalStepCountPerEpoch")) if epochs else at(info, "MaxSteps")
    if steps:
        epoch = f"epoch {at(info, 'CurrentEpoch') or 0}/{epochs}, " if epochs else ""
        return f"{epoch}step {step}/{steps}"
    done = sum(state_of(step.status) == "done" for step in status.steps)
    return f"{done} of {status.details.get('step_count', len(status.steps))} steps" if status.steps else ""


def mapping(value: Any) -> dict[str, Any] | None:
    """Return a value that is an object, or None."""
    return value if isinstance(value, dict) else None
