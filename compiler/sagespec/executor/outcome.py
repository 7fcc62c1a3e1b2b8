"""What apply and whoever follows runs report: events on the way, failures, and the outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sagespec.diagnostics import KeyPath, Problem
from sagespec.executor.runs.run import Run
from sagespec.executor.runs.status import Status

BLIND_SECONDS = 600.0
"""The longest time that runs are followed while every status request fails; after it the command ends."""


@dataclass(frozen=True)
class Event:
    """A change of a request of a file, or of its run, which then has a `status`."""

    address: str
    word: str
    what: str = ""
    request: str = ""
    status: Status | None = None


@dataclass(frozen=True)
class Failure:
    """Why a file failed; `path` is the key path in the parameters of `request`; `problem` is its rule, if known."""

    address: str
    reason: str
    hint: str = ""
    by_aws: bool = False
    request: str = ""
    path: KeyPath = ()
    problem: Problem | None = None


@dataclass(frozen=True)
class Outcome:
    """The result of an apply: runs by address, failures, and the dependencies that each unsent file waits for.

    `unknown` are the files that were being sent when a second interrupt ended the apply: their runs may have started.
    """

    runs: Mapping[str, Run] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    waiting: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()

    @property
    def aws_refused(self) -> bool:
        return any(f.by_aws for f in self.failures)


class TimedOut(Exception):
    """Waiting took longer than allowed; runs continue."""


OnEvent = Callable[[Event], None]
