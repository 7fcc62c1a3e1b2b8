"""Entries of an account's lists, and filters for them."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_TEXT = re.compile(r"[a-zA-Z0-9-]{1,63}")
"""The text that NameContains takes."""
_OF_A_STEP = re.compile(r"pipelines-[a-z0-9]{12}-.*-[a-zA-Z0-9]{10}")
"""Names of jobs behind steps, with the id of their execution: it is listed itself."""


@dataclass(frozen=True)
class Entry:
    """One job or execution; `kind` is the kind of spec that makes such a thing, else the job's category."""

    kind: str
    name: str
    status: str
    creation_time: datetime
    arn: str


@dataclass(frozen=True)
class Filter:
    """Which entries; None and empty text take any."""

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
        """The part of the filter that lists of jobs take over; they refuse to filter by other statuses."""
        given = {
            "StatusEquals": self.status if self.status in statuses else None,
            "NameContains": self.name_contains if _TEXT.fullmatch(self.name_contains) else None,
            "CreationTimeAfter": self.after,
            "CreationTimeBefore": self.before,
        }
        return {name: value for name, value in given.items() if value is not None}


def is_of_a_step(name: str) -> bool:
    """Whether a job belongs to a step of an execution, which is listed itself."""
    return bool(_OF_A_STEP.fullmatch(name))
