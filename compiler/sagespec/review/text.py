"""A review as lines of text.

In: a `Review`. Out: lines: what starts, each with its cost and its changes, those that follow another below it; then
what is gone, quiet, back and refused. What is not of a spec's own is told once for all that it changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import NamedTuple

from sagespec.diagnostics.report import Line, Styled
from sagespec.review import words
from sagespec.review.entry import SIGNS, STARTING, Change, Class, Entry, Review

_COLORS: dict[Class, str] = {
    "start": "green",
    "after": "green",
    "renamed": "warning",
    "refused": "red",
    "gone": "red",
}
_MOST = 20
"""Changes of one spec, and addresses of one line, that are shown without --verbose."""
_WIDEST = 46


class Cause(NamedTuple):
    """What is told once: a change, and the entries that have it."""

    change: Change
    entries: list[Entry]

    @property
    def starts(self) -> bool:
        """Whether it starts any of them."""
        keys = (change for entry in self.entries if entry.starts for change in entry.changes)
        return any(change.starts for change in keys if change.cause == self.change.cause)


def lines(review: Review, verbose: bool = False) -> Iterator[Line]:
    """Write a review."""
    yield words.head(review)
    yield from (f"new exception: {words.exception(one)}  {one.file}:{one.line}" for one in review.exceptions)
    yield from (f"note: {remark}" for remark in review.remarks)
    yield ""
    yield from _Text(review, verbose).lines()
    total = words.totals(review)
    yield f"{words.verdict(review)}{'; ' + total if total else ''}."


def shared(entries: Sequence[Entry]) -> dict[tuple[str, ...], Cause]:
    """The changes that several entries have, and that no spec made itself."""
    causes: dict[tuple[str, ...], Cause] = {}
    for entry in entries:
        for change in entry.changes:
            if change.source != "spec":
                causes.setdefault(change.cause, Cause(change, [])).entries.append(entry)
    return {key: cause for key, cause in causes.items() if len(cause.entries) > 1}


class _Text:
    def __init__(self, review: Review, verbose: bool) -> None:
        self.entries = {entry.address: entry for entry in review.entries}
        self.verbose = verbose
        self.causes = shared(review.entries)
        self.depths = self._depths()
        self.after: Mapping[str, list[Entry]] = self._followers()
        names = [len(e.address) + 2 * self.depths[e.address] for e in review.entries if e.starts]
        self.width = min(max(names, default=0), _WIDEST)
        self.shown: set[str] = set()

    def _followers(self) -> Mapping[str, list[Entry]]:
        followers: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in self.entries.values():
            if entry.sort == "after":
                followers[self._first(entry)].append(entry)
        return followers

    def _first(self, entry: Entry) -> str:
        """The dependency that an entry is shown below: the last to start of those that it waits for."""
        known = (address for address in entry.because if address in self.entries)
        return max(known, key=lambda address: self.depths[address], default="")

    def _depths(self) -> dict[str, int]:
        """How many starts come before each; chains may be long, so nothing here calls itself."""
        edges = {
            address: [a for a in entry.because if a in self.entries] if entry.sort == "after" else []
            for address, entry in self.entries.items()
        }
        depths: dict[str, int] = {}
        for address in TopologicalSorter(edges).static_order():
            depths[address] = max((depths[above] + 1 for above in edges[address]), default=0)
        return depths

    def lines(self) -> Iterator[Line]:
        leading = [e for e in self.entries.values() if e.address in self.after and e.sort not in STARTING]
        for entry in self.entries.values():
            if entry.starts and not (entry.sort == "after" and self._first(entry)):
                yield from self._start(entry, 0)
        for entry in leading:
            yield from self._start(entry, 0)
        yield from self._causes()
        quiet = [e for e in self.entries.values() if e.sort == "quiet" and e not in leading]
        for entry in (e for e in self.entries.values() if e.sort == "gone"):
            yield self._line(entry, words.outcome(entry))
        for entry in (e for e in self.entries.values() if e.sort == "back"):
            yield self._line(entry, words.outcome(entry))
        yield from self._quiet(quiet)
        for entry in (e for e in self.entries.values() if e.sort == "refused"):
            yield self._line(entry, f"{words.outcome(entry)}  {words.line(entry)}".rstrip())
        if self.entries:
            yield ""

    def _line(self, entry: Entry, text: str, depth: int = 0) -> Line:
        sign = "  " * depth + SIGNS[entry.sort]
        name = entry.address.ljust(max(0, self.width - 2 * depth))
        return (Styled(sign, _COLORS.get(entry.sort, "cyan")), f" {name}  {text}".rstrip())

    def _start(self, first: Entry, depth: int) -> Iterator[Line]:
        """What starts, and below it what starts after it."""
        waiting = [(first, depth)]
        while waiting:
            entry, depth = waiting.pop()
            if entry.address not in self.shown:
                self.shown.add(entry.address)
                yield from self._started(entry, depth)
                waiting += [(follower, depth + 1) for follower in reversed(self.after.get(entry.address, ()))]

    def _started(self, entry: Entry, depth: int) -> Iterator[Line]:
        own = [change for change in entry.changes if change.cause not in self.causes]
        yield self._line(entry, words.start(entry), depth)
        yield from self._changes(own, depth)

    def _changes(self, changes: Sequence[Change], depth: int) -> Iterator[Line]:
        most = len(changes) if self.verbose else _MOST
        width = min(max((len(change.path) for change in changes[:most]), default=0), _WIDEST)
        for change in changes[:most]:
            quiet = "" if change.starts else "  (starts nothing)"
            text = f"{change.path.ljust(width)}  {words.values(change)}"
            yield f"{'  ' * depth}    {text}  {words.place(change)}{quiet}".rstrip()
        if len(changes) > most:
            yield f"{'  ' * depth}    and {len(changes) - most} more: see --verbose"

    def _causes(self) -> Iterator[Line]:
        """Causes outside the specs: of what starts, then of what does not."""
        for cause in sorted(self.causes.values(), key=lambda cause: not cause.starts):
            count, change = f"{len(cause.entries)} specs", cause.change
            if cause.starts:
                yield f"  {count}: {change.path}  {words.values(change)}  {words.place(change)}"
            else:
                yield self._once(count, change)

    def _quiet(self, quiet: Sequence[Entry]) -> Iterator[Line]:
        for entry in quiet:
            own = [change for change in entry.changes if change.cause not in self.causes]
            for change in own:
                yield self._once(entry.address, change)
            if not entry.changes:
                yield (Styled(SIGNS["quiet"], "cyan"), f" {entry.address}  {words.outcome(entry)}")

    def _once(self, who: str, change: Change) -> Line:
        text = f" {who}: {change.path}  {words.values(change)}  {words.place(change)}  starts nothing"
        return (Styled(SIGNS["quiet"], "cyan"), text)
