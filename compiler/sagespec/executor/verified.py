"""The result of comparing a run with its compiled file."""

from __future__ import annotations

from dataclasses import dataclass


class CannotVerify(Exception):
    """A run without a record of its request, or files that have changed since they were compiled."""


@dataclass(frozen=True)
class Verified:
    """The differences of a run from its file, and a note."""

    differences: tuple[str, ...] = ()
    note: str = ""
