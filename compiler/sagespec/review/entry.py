"""What a review is made of: one entry for each address that a change touches.

`Change` says what is different and where, `Cost` what a run takes at most, `Entry` what becomes of an address, and
`Review` is all of that for one environment. Whoever shows a review decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

Class = Literal["start", "after", "renamed", "quiet", "back", "gone", "refused"]
SIGNS: dict[Class, str] = {
    "start": ">",
    "after": "<-",
    "renamed": ">r",
    "quiet": "~",
    "back": "=",
    "gone": "-",
    "refused": "!",
}
MEANINGS: dict[Class, str] = {
    "start": "starts",
    "after": "starts after another",
    "renamed": "renamed, starts",
    "quiet": "starts nothing",
    "back": "back to what has run",
    "gone": "gone",
    "refused": "does not compile",
}
"""What each sign means."""
STARTING: tuple[Class, ...] = ("start", "after", "renamed")
"""The classes of what `apply` would start."""
GROUPS: dict[str, tuple[Class, ...]] = {
    "start": STARTING,
    "quiet": ("quiet", "back"),
    "gone": ("gone",),
    "refused": ("refused",),
}
"""What `--only` chooses."""
Origin = Literal["spec", "default", "value", "lock", "template"]
"""Who made a change: the spec, the project's defaults, a value of the environment, a fact of the lock; or what is
left, our own templates."""


class Change(NamedTuple):
    """One value that differs, in the author's terms; None is absent. Secrets are masked already.

    `place` is the file and line that say the new value. `origin` names the fact or value of a lock or environment.
    `note` is what else there is to know.
    """

    path: str
    old: Any
    new: Any
    file: str
    line: int
    starts: bool
    source: Origin
    origin: str = ""
    note: str = ""

    @property
    def cause(self) -> tuple[str, ...]:
        """What makes this change the same as that of another spec, where specs did not make it themselves."""
        return self.path, repr(self.old), repr(self.new), self.file, str(self.line), self.source, self.origin


class Instances(NamedTuple):
    """Machines of one type."""

    number: int
    type: str


class Cost(NamedTuple):
    """What a run takes at most.

    `seconds` is the longest run of a job, or of each of the `steps` of a pipeline or the `jobs` of a tuner, of which
    `at_once` run together. Where there are no instances it is serverless, or costs nothing.
    """

    operation: str
    instances: tuple[Instances, ...] = ()
    seconds: int | None = None
    hours: float | None = None
    usd: float | None = None
    serverless: bool = False
    model: str = ""
    data: tuple[str, ...] = ()
    rounds: str = ""
    steps: int = 0
    jobs: int = 0
    at_once: int = 0


class Entry(NamedTuple):
    """What becomes of one address.

    `because` are the dependencies that start before it; `commit` is the one that had this identity; `was` is the
    address that was renamed; `reason` says why a spec is refused. `cost` is None where nothing runs.
    """

    address: str
    sort: Class
    because: tuple[str, ...] = ()
    old: str | None = None
    new: str | None = None
    cost: Cost | None = None
    cost_before: Cost | None = None
    changes: tuple[Change, ...] = ()
    commit: str = ""
    was: str = ""
    reason: str = ""
    file: str = ""
    line: int = 0

    @property
    def starts(self) -> bool:
        return self.sort in STARTING


class Exempted(NamedTuple):
    """An exception from a policy that the commit does not have, or has with an earlier last day: `before`."""

    policy: str
    address: str
    reason: str
    until: str
    before: str
    file: str
    line: int


class Review(NamedTuple):
    """What a change of specs does in one environment, entries in the order of their addresses.

    `hidden` are entries that nobody asked to see: they count in the verdict as the others do.
    `is_compiled` is whether the base had compiled files: where not, its specs were compiled for the comparison.
    `remarks` are what whoever reads the review has to know besides; `exceptions` those from policies that are new.
    `stale` counts compiled files on disk that the specs do not compile to: `apply` sends those, not what is shown.
    """

    ref: str
    commit: str
    environment: str | None
    accounts: tuple[str, ...]
    entries: Sequence[Entry]
    is_compiled: bool = True
    remarks: Sequence[str] = ()
    exceptions: Sequence[Exempted] = ()
    hidden: Sequence[Entry] = ()
    stale: int = 0

    @property
    def counted(self) -> Sequence[Entry]:
        return (*self.entries, *self.hidden)

    def count(self, *sorts: Class) -> int:
        return sum(entry.sort in sorts for entry in self.counted)
