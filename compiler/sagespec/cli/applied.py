"""What became of each address of an apply, as data.

In: the plan, the events and the outcome, each as far as the apply came. Out: one document, as
`schemas/v1/outputs/apply.json` describes it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sagespec.cli import exits
from sagespec.cli.results import Told
from sagespec.documents.compiled import API_VERSION
from sagespec.executor.apply import Applying
from sagespec.executor.outcome import Event, Failure, Outcome
from sagespec.executor.plan import FilePlan, Plan
from sagespec.executor.runs.run import Run
from sagespec.executor.runs.status import Status
from sagespec.project.settings import Project
from sagespec.review import forecast

_CREATED = ("CreationTime", "StartTime")
_ENDED = ("EndTime", "TrainingEndTime")
_OUTCOMES = {"done": "completed", "running": "running", "failed": "failed"}
_PLANNED = {"refused": "refused", "blocked": "blocked", "nothing": "nothing to do"}
"""What the plan alone says of a file that was not sent; any other is `not sent`."""


class End(NamedTuple):
    """How the command ends: its exit code, and why, where that is no address's own failure."""

    code: int = exits.DEFECT
    message: str = "a defect of sagespec"
    hint: str = ""


@dataclass
class Record:
    """Takes down what happens; every part may be missing when the command ends early."""

    plan: Plan | None = None
    project: Project | None = None
    applying: Applying | None = None
    results: dict[str, Told] = field(default_factory=dict)
    statuses: dict[str, Status] = field(default_factory=dict)
    done: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def event(self, event: Event) -> None:
        """Take down an event."""
        if event.status is not None:
            self.statuses[event.address] = event.status
        if event.request:
            told = {"request": event.request, "action": event.word, "what": event.what}
            self.done.setdefault(event.address, []).append(told)

    def document(self, end: End) -> dict[str, Any]:
        """Write down what became of each address."""
        outcome = self.applying.end() if self.applying else Outcome()
        failures = {failure.address: failure for failure in outcome.failures}
        rows = zip(
            self.plan.targets() if self.plan else (),
            forecast.of(self.plan, self.project).rows if self.plan and self.project else (),
            strict=True,
        )
        entries = [self._entry(planned, row.group, outcome, failures) for planned, row in rows]
        return {
            "apiVersion": API_VERSION,
            "kind": "Applied",
            "exit": end.code,
            "error": {"message": end.message, "hint": end.hint} if end.message else None,
            "entries": entries,
            "counts": dict(sorted(Counter(entry["outcome"] for entry in entries).items())),
        }

    def _entry(
        self, planned: FilePlan, group: str, outcome: Outcome, failures: Mapping[str, Failure]
    ) -> dict[str, Any]:
        address, content = planned.address, planned.file.content
        run = outcome.runs.get(address) or planned.run
        status, failure = self.statuses.get(address), failures.get(address)
        told = self.results.get(address)
        root = self.project.root if self.project else Path()
        waits = outcome.waiting.get(address, planned.waits if run is None else ())
        became = _outcome(run, failure, bool(self.applying and waits), group)
        return {
            "address": address,
            "path": Path(os.path.relpath(planned.file.path, root)).as_posix(),
            "identity": content.identity,
            "digest": content.digest,
            "outcome": "unknown" if address in outcome.unknown else became,
            "started": self._has_started(planned, run),
            "run": {"name": run.name, "arn": run.arn} if run else None,
            "status": status.status if status else run.status if run else None,
            "creation_time": _time(status.creation_time if status else None, run, _CREATED),
            "end_time": _time(status.end_time if status else None, run, _ENDED),
            "waits_for": list(waits),
            "requests": self.done.get(address, []),
            "failure": _failure(planned, failure),
            "results": _results(told),
            "thresholds": [asdict(verdict) for verdict in told.verdicts] if told else [],
        }

    def _has_started(self, planned: FilePlan, run: Run | None) -> bool:
        """Return whether this apply has made the run, and no other did before."""
        main = planned.file.requests[-1] if planned.file.requests else None
        words = {told["action"] for told in self.done.get(planned.address, ()) if main and told["request"] == main.id}
        return bool(run and planned.run is None and words & {"started", "created"})


def _outcome(run: Run | None, failure: Failure | None, waits: bool, group: str) -> str:
    """Name what became of a file, in one word or two."""
    if failure is not None:
        return "failed" if run is not None or failure.by_aws or failure.request else "blocked"
    if run is not None:
        return _OUTCOMES[run.state]
    return _PLANNED.get(group) or ("waiting" if waits else "not sent")


def _time(seen: Any, run: Run | None, members: tuple[str, ...]) -> Any:
    """Return a time of the last status, else of what the plan has found."""
    found = (run.details.get(member) for member in members) if run else ()
    return seen or next((time for time in found if time is not None), None)


def _failure(planned: FilePlan, failure: Failure | None) -> dict[str, Any] | None:
    if failure is None and planned.obstacles:
        first = planned.obstacles[0]
        failure = Failure(planned.address, first.reason, first.hint, True, first.request, first.path, first.problem)
    if failure is None:
        return None
    told = {"reason": failure.reason, "hint": failure.hint, "by_aws": failure.by_aws, "request": failure.request}
    return {**told, "path": list(failure.path)}


def _results(told: Told | None) -> dict[str, Any] | None:
    if told is None:
        return None
    scores = [asdict(score) for score in told.scores]
    return {"output_model_package_arn": told.package, "scores": scores, "note": told.note}
