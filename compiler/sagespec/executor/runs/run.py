"""Runs as AWS shows them, and the targets of commands.

Names of runs end in the identity, so AWS itself records what has run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sagespec.documents.compiled import DIGITS, Compiled, Request
from sagespec.executor.files import File

State = Literal["running", "done", "failed"]
_DONE = {"Completed", "Succeeded", "Active", "Inactive"}  # Lambda calls an idle function Inactive
_FAILED = {"Failed", "Stopped", "CompletedWithFailures", "DeleteFailed", "Deleting"}
_END = re.compile(rf"-[0-9a-f]{{{DIGITS}}}")
"""The end of the names of our runs."""


class NotOurs(Exception):
    """A resource that the spec's identity has not made; `others` are lines that name foreign ones."""

    def __init__(self, message: str, hint: str = "", others: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.hint, self.others = hint, tuple(others)


class CannotStop(Exception):
    """A run that does not end by itself, and so cannot be stopped."""


@dataclass(frozen=True)
class Run:
    """A job, execution or function as AWS shows it; unknown statuses count as running."""

    name: str
    arn: str
    status: str
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def state(self) -> State:
        return state_of(self.status)


@dataclass(frozen=True)
class Target:
    """The object of a command: `kind` is the name of its sort, `category` that of a job."""

    kind: str
    name: str
    arn: str = ""
    category: str = ""
    region: str | None = None
    file: File | None = field(default=None, repr=False)


def state_of(status: str) -> State:
    """Map a status of a job, an execution or a function to a state."""
    return "done" if status in _DONE else "failed" if status in _FAILED else "running"


def main_request(file: File) -> Request | None:
    """Return the request that starts a file's run: its last one; None for a file without requests."""
    return file.requests[-1] if file.requests else None


def suffix(compiled: Compiled) -> str:
    """Return the end of the run's name: a dash and the first digits of the identity."""
    return f"-{compiled.identity[:DIGITS]}"


def base(file: File, member: str) -> str:
    """Return the name of a file's run without the identity; `member` is the parameter with the name."""
    request = main_request(file)
    name: str = request.parameters[member] if request else ""
    return name[: -(DIGITS + 1)]


def is_earlier(file: File, member: str, name: str) -> bool:
    """Return whether a name is that of a run of the same spec with another identity."""
    end = name[-(DIGITS + 1) :]
    return name == base(file, member) + end and bool(_END.fullmatch(end)) and end != suffix(file.content)
