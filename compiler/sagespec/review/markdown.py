"""A review as Markdown, for a comment on a pull request.

In: a `Review` and the most characters. Out: text whose first line is a marker, by which a CI job finds its comment
again. What there is no room for is left out in this order, and counted: values beyond 20 of a spec, details, the
graph, rows of the table, all other lines; never the verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sagespec.review import words
from sagespec.review.comment import NAMED, bounded, code, fitting, graph, named, table_row
from sagespec.review.entry import SIGNS, Entry, Review
from sagespec.review.text import shared

_VALUES = 20
"""Changes of one spec that stay when there is no room for all."""


def write(review: Review, most: int) -> str:
    """Write a review in at most `most` characters, but for its title."""
    return _Comment(review).within(most)


def _specs(count: int) -> str:
    return f"{count} spec{'' if count == 1 else 's'}"


class _Room(NamedTuple):
    """How much of each part there is room for; None is all of it."""

    values: int | None = None
    details: int | None = None
    graph: bool = True
    rows: int | None = None


class _Comment:
    def __init__(self, review: Review) -> None:
        self.review = review
        self.starting = [entry for entry in review.entries if entry.starts]
        self.causes = shared(review.entries)
        self.detailed = [entry for entry in review.entries if self._own(entry)]
        edges = [(above, entry.address) for entry in self.starting for above in entry.because]
        self.graph = graph(edges, {entry.address: SIGNS[entry.sort] for entry in review.entries})

    def within(self, most: int) -> str:
        """Write as much as there is room for."""
        for room in (_Room(), _Room(values=_VALUES)):
            if len(text := self.write(room)) <= most:
                return text
        least = _Room(_VALUES, 0)
        if len(self.write(least)) <= most:
            return fitting(len(self.detailed), most, lambda n: self.write(_Room(_VALUES, n)))
        if len(text := self.write(least._replace(graph=False))) <= most:
            return text
        return bounded(fitting(len(self.starting), most, lambda n: self.write(_Room(_VALUES, 0, False, n))), most)

    def write(self, room: _Room) -> str:
        return "\n".join(self._lines(room)) + "\n"

    def _lines(self, room: _Room) -> Iterator[str]:
        review = self.review
        yield f"<!-- sagespec:diff{f':{review.environment}' if review.environment else ''} -->"
        total = words.totals(review)
        yield f"### sagespec: {words.verdict(review)}{'; ' + total if total else ''}"
        yield f"\n{code(words.head(review))}"
        for one in review.exceptions[:NAMED]:
            yield f"\nNew exception: {code(words.exception(one))} {code(f'{one.file}:{one.line}')}"
        if len(review.exceptions) > NAMED:
            yield f"\nand {len(review.exceptions) - NAMED} more new exceptions"
        yield from (f"\nNote: {code(remark)}" for remark in review.remarks[:NAMED])
        if review.stale:
            files = f"{review.stale} compiled file{' is' if review.stale == 1 else 's are'}"
            yield f"\n**{files} not what the specs compile to: apply would send something else.**"
        yield from self._table(room.rows)
        yield from self._causes()
        yield from self._others()
        if self.graph and room.graph:
            yield f"\n```mermaid\n{self.graph}\n```"
        yield from self._details(room)
        if left := [*self._left_out(room)]:
            yield f"\nLeft out for length: {', '.join(left)}."

    def _table(self, most: int | None) -> Iterator[str]:
        if self.starting[:most]:
            yield "\n| | starts | at most | since |\n|---|---|---|---|"
        for entry in self.starting[:most]:
            since = [f"was {entry.was}"] if entry.was else ["new"] if entry.old is None else []
            since += [f"after {address}" for address in entry.because[:NAMED]]
            since += ["changed itself"] if any(change.starts for change in entry.changes) else []
            cells = (SIGNS[entry.sort], entry.address, words.cost(entry), ", ".join(since))
            yield table_row(cells)

    def _causes(self) -> Iterator[str]:
        """What is not of specs' own, once for all that it touches."""
        lines = []
        for cause in [*self.causes.values()][:_VALUES]:
            count = sum(entry.starts for entry in cause.entries)
            effect = f"{count} of them start" if cause.starts else "starts nothing"
            said = f"{cause.change.path}  {words.values(cause.change)}"
            lines.append(f"- {len(cause.entries)} specs: {code(said)} {code(words.place(cause.change))}, {effect}")
        yield from ("", *lines) if lines else ()
        if len(self.causes) > _VALUES:
            yield f"- and {len(self.causes) - _VALUES} more"

    def _others(self) -> Iterator[str]:
        """What does not start, a line for each class."""
        told: Mapping[str, str] = {
            "quiet": "changed quietly, start nothing",
            "back": "back to what was applied, start nothing",
            "gone": "removed; what they ran stays",
            "refused": "do not compile",
        }
        for sort, text in told.items():
            entries = [entry for entry in self.review.entries if entry.sort == sort]
            if entries:
                names = named([entry.address for entry in entries])
                yield f"\n{code(SIGNS[entries[0].sort])} {len(entries)} {text}: {names}"
        for entry in [entry for entry in self.review.entries if entry.reason][:NAMED]:
            where = f" {code(words.line(entry))}" if entry.file else ""
            yield f"\n{code(entry.address)}{where}: {code(entry.reason)}"

    def _own(self, entry: Entry) -> int:
        return sum(change.cause not in self.causes for change in entry.changes)

    def _details(self, room: _Room) -> Iterator[str]:
        entries = self.detailed[: room.details]
        if not entries:
            return
        yield f"\n<details><summary>Changes of {_specs(len(entries))}</summary>\n"
        yield "| spec | field | change | where |\n|---|---|---|---|"
        for entry in entries:
            own = [change for change in entry.changes if change.cause not in self.causes]
            for change in own[: room.values]:
                quiet = "" if change.starts else ", starts nothing"
                cells = (entry.address, change.path, words.values(change), words.place(change) + quiet)
                yield table_row(cells)
        yield "\n</details>"

    def _left_out(self, room: _Room) -> Iterator[str]:
        shown = self.detailed[: room.details]
        if room.values is not None and (n := sum(max(0, self._own(entry) - room.values) for entry in shown)):
            yield f"{n} changes of specs that have more than {room.values}"
        if n := len(self.detailed) - len(shown):
            yield f"the changes of {_specs(n)}"
        if self.graph and not room.graph:
            yield "the graph"
        if room.rows is not None and (n := len(self.starting) - room.rows):
            yield f"{n} of those that start"
