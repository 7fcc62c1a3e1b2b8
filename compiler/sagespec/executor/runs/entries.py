"""Entries of the lists of runs, and filters for them."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_TEXT = re.compile(r"[a-zA-Z0-9-]{1,63}")
"""The texts that NameContains accepts."""
_OF_A_STEP = re.compile(r"pipelines-[a-z0-9]{12}-.*-[a-zA-Z0-9]{10}")
"""Names of jobs of pipeline steps; their execution is listed instead."""


@dataclass(frozen=True)
class Entry:
    """One job or execution; `kind` is the spec's kind that makes such a run, else the job's category."""

    kind: str
    name: str
    status: str
    creation_time: datetime
    arn: str


@dataclass(frozen=True)
class Filter:
    """A filter of entries; None and '' accept any."""

    kinds: tuple[str, ...]
    status: str | None = None
    name_contains: str = ""
    after: datetime | None = None
    before: datetime | None = None

    def takes(self, entry: Entry) -> bool:
        return (
            self.status in (None, entry.status)
            and self.name_contains in entry.name
            and (self.after is None or entry.creation_time > self.after)
            and (self.before is None or entry.creation_time < self.before)
        )

    def api(self, statuses: Collection[str]) -> dict[str, Any]:
        """Return the parts of the filter that the API applies itself; it refuses statuses other than these."""
        given = {
            "StatusEquals": self.status if self.status in statuses else None,
            "NameContains": self.name_contains if _TEXT.fullmatch(self.name_contains) else None,
            "CreationTimeAfter": self.after,
            "CreationTimeBefore": self.before,
        }
        return {name: value for name, value in given.items() if value is not None}


def is_of_a_step(name: str) -> bool:
    """Return whether a job belongs to a step of an execution, which is listed instead."""
    return bool(_OF_A_STEP.fullmatch(name))
