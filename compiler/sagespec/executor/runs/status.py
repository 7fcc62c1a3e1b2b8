"""The full status of a run of any sort. Unknown statuses are shown unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sagespec.executor.answers import at
from sagespec.executor.runs.run import State, state_of


@dataclass(frozen=True)
class Step:
    """One step of an execution; `job_arn` is that of the job behind it, of whatever sort."""

    name: str
    display_name: str | None
    status: str
    start_time: Any = None
    end_time: Any = None
    failure_reason: str | None = None
    job_arn: str | None = None


@dataclass(frozen=True)
class Status:
    """The status of one target; `details` has the values that only its sort has, by name."""

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
        """The service's finer word for what a job is doing."""
        return str(self.details.get("secondary_status") or "")

    @property
    def has_steps(self) -> bool:
        """Whether other jobs do its work, as its steps; none of them may have begun."""
        return "step_count" in self.details

    @property
    def running_steps(self) -> str:
        """The steps of an execution that run."""
        return ", ".join(step.name for step in self.steps if state_of(step.status) == "running")


def elapsed(status: Status, now: datetime) -> timedelta | None:
    """How long something has run, or ran; None where its start is not known. AWS's clock may be ahead of ours."""
    if status.creation_time is None:
        return None
    end = None if status.state == "running" else status.end_time or status.last_modified_time
    since: timedelta = (end or now) - status.creation_time
    return max(timedelta(0), since)


def progress(status: Status) -> str:
    """Say how far something is: `epoch 1/2, step 3/5`, or `3 of 4 steps`."""
    info = status.details.get("progress_info")
    epochs, step = at(info, "MaxEpoch"), at(info, "CurrentStep") or 0
    # steps are counted anew in each epoch; training jobs have another word for how many there are
    steps = (at(info, "StepsPerEpoch") or at(info, "TotalStepCountPerEpoch")) if epochs else at(info, "MaxSteps")
    if steps:
        epoch = f"epoch {at(info, 'CurrentEpoch') or 0}/{epochs}, " if epochs else ""
        return f"{epoch}step {step}/{steps}"
    done = sum(state_of(step.status) == "done" for step in status.steps)
    return f"{done} of {status.details.get('step_count', len(status.steps))} steps" if status.steps else ""


def mapping(value: Any) -> dict[str, Any] | None:
    """What is an object in what others have written; None for anything else."""
    return value if isinstance(value, dict) else None
