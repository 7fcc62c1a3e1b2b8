"""The outcome of comparing what really ran with what was reviewed."""

from __future__ import annotations

from dataclasses import dataclass


class CannotVerify(Exception):
    """Something that keeps no record of what it ran, or files that have changed since they were compiled."""


@dataclass(frozen=True)
class Verified:
    """What a run has otherwise than its file, and what is worth a note."""

    differences: tuple[str, ...] = ()
    note: str = ""
