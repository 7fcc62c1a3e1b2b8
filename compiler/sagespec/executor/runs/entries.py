"""Entries of the lists of runs, and filters for them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sagespec.documents.compiled import DIGITS

_TEXT = re.compile(r"[a-zA-Z0-9-]{1,63}")
"""The texts that NameContains accepts."""
_OF_A_STEP = re.compile(r"pipelines-[a-z0-9]{12}-.*-[a-zA-Z0-9]{10}")
"""Names of jobs of pipeline steps; their execution is listed instead."""


@dataclass(frozen=True)
class Entry:
    """One job or execution; `kind` is the spec's kind that makes such a run, else the job's category.

    `address` is that of the compiled file with its identity, `model` what it trains; both are None where unknown.
    """

    kind: str
    name: str
    status: str
    creation_time: datetime
    arn: str
    end_time: datetime | None = None
    address: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Filter:
    """A filter of entries; None and '' accept any.

    `known` are the compiled files' addresses by the ends of the names of their runs. `most` is how many entries are
    wanted of each sort, the oldest first unless `newest_first`; None is all.
    """

    kinds: tuple[str, ...]
    status: str | None = None
    name_contains: str = ""
    after: datetime | None = None
    before: datetime | None = None
    known: Mapping[str, str] = field(default_factory=dict)
    most: int | None = None
    newest_first: bool = True

    def address(self, name: str) -> str | None:
        """Return the address of the compiled file with a run's identity."""
        return self.known.get(name[-(DIGITS + 1) :])

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
