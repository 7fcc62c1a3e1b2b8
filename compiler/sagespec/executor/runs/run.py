"""Runs as AWS shows them, and the targets of commands.

In: the request that makes it. Out: `Run`, `Target`. Names end in the identity, so that AWS itself is the record of
what has run, whatever the names start with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sagespec.documents.compiled import DIGITS, Compiled, Request
from sagespec.executor.files import File

State = Literal["running", "done", "failed"]
_DONE = {"Completed", "Succeeded", "Active", "Inactive"}  # Lambda calls a function inactive that is only idle
_FAILED = {"Failed", "Stopped", "CompletedWithFailures", "DeleteFailed", "Deleting"}
_END = re.compile(rf"-[0-9a-f]{{{DIGITS}}}")
"""What the names of our runs end in."""


class NotOurs(Exception):
    """Something that the spec's identity has not made; `others` are lines that name what others have made."""

    def __init__(self, message: str, hint: str = "", others: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.hint, self.others = hint, tuple(others)


class CannotStop(Exception):
    """Something that never ends by itself, and so cannot be ended early."""


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
    """What a command is about: `kind` is the name of its sort, `category` that of a job."""

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
    """The request that makes a file's run: its last one; None for a file that only others use."""
    return file.requests[-1] if file.requests else None


def suffix(compiled: Compiled) -> str:
    """What the name of the run ends in."""
    return f"-{compiled.identity[:DIGITS]}"


def base(file: File, member: str) -> str:
    """What the name of a file's run begins with, whatever the identity; `member` is the parameter that names it."""
    request = main_request(file)
    name: str = request.parameters[member] if request else ""
    return name[: -(DIGITS + 1)]


def is_earlier(file: File, member: str, name: str) -> bool:
    """Whether a name is that of a run of the same spec, with another identity."""
    end = name[-(DIGITS + 1) :]
    return name == base(file, member) + end and bool(_END.fullmatch(end)) and end != suffix(file.content)
