"""A forecast as Markdown, for a comment on a pull request.

In: a `Forecast` and the most characters. Out: text whose first line is a marker, by which a CI job finds its comment
again. What there is no room for is left out in this order, and counted: details, the graph, rows of the table, other
lines; never the verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sagespec.review import forecast as forecasts
from sagespec.review import words
from sagespec.review.comment import NAMED, bounded, code, fitting, graph, named, table_row
from sagespec.review.forecast import Forecast, Group, Row
from sagespec.review.forecast_text import SIGNS, head, rest, takes

_VALUES = 20
"""Changes of one spec that are shown."""
_OTHERS: dict[Group, str] = {
    "running": "running",
    "failed": "failed, not run again",
    "refused": "refused, so that nothing is sent",
    "blocked": "blocked",
    "stale": "stale, not run again",
    "changed": "changed by others since they ran",
    "unchanged": "unchanged",
}


class _Room(NamedTuple):
    """How much of each part there is room for; None is all of it."""

    details: int | None = None
    graph: bool = True
    rows: int | None = None


def write(forecast: Forecast, most: int) -> str:
    """Write a forecast in at most `most` characters, but for its title."""
    detailed = [row for row in forecast.starting if row.changes]

    def written(room: _Room) -> str:
        return "\n".join(_lines(forecast, detailed, room)) + "\n"

    if len(text := written(_Room())) <= most:
        return text
    if len(written(_Room(details=0))) <= most:
        return fitting(len(detailed), most, lambda n: written(_Room(n)))
    if len(text := written(_Room(0, graph=False))) <= most:
        return text
    return bounded(fitting(len(forecast.starting), most, lambda n: written(_Room(0, False, n))), most)


def _lines(forecast: Forecast, detailed: list[Row], room: _Room) -> Iterator[str]:
    environments = ",".join(forecast.environments)
    yield f"<!-- sagespec:plan{f':{environments}' if environments else ''} -->"
    yield f"### sagespec plan: {forecasts.verdict(forecast)}"
    yield f"\n{code(head(forecast))}"
    if forecast.starting[: room.rows]:
        yield "\n| | starts | takes | since |\n|---|---|---|---|"
    for row in forecast.starting[: room.rows]:
        cells = (SIGNS[row.group], row.address, takes(row), rest(row))
        yield table_row(cells)
    if prepared := forecasts.preparation(forecast.prepared):
        yield f"\nPrepared: {code(prepared)}"
    for group, text in _OTHERS.items():
        yield from _group(forecast.of(group), group, text)
    if tagged := [row for row in forecast.rows if row.tags]:
        yield f"\n{code('*')} {len(tagged)} with tags to set: {named([row.address for row in tagged])}"
    edges = [(above, row.address) for row in forecast.starting for above in row.waits]
    drawn = graph(edges, {row.address: SIGNS[row.group] for row in forecast.rows if row.group in SIGNS})
    if drawn and room.graph:
        yield f"\n```mermaid\n{drawn}\n```"
    yield from _details(detailed[: room.details])
    if left := [*_left_out(forecast, detailed, room, drawn)]:
        yield f"\nLeft out for length: {', '.join(left)}."


def _left_out(forecast: Forecast, detailed: list[Row], room: _Room, drawn: str) -> Iterator[str]:
    if room.details is not None and (n := len(detailed) - room.details):
        yield f"the changes of {n} specs"
    if drawn and not room.graph:
        yield "the graph"
    if room.rows is not None and (n := len(forecast.starting) - room.rows):
        yield f"{n} of those that start"


def _group(rows: list[Row], group: Group, text: str) -> Iterator[str]:
    """One line for what does not start, and one for each reason."""
    if rows:
        yield f"\n{code(SIGNS[group])} {len(rows)} {text}: {named([row.address for row in rows])}"
    for row in [row for row in rows if row.note][:NAMED]:
        yield f"\n{code(row.address)}: {code(row.note)}"


def _details(rows: list[Row]) -> Iterator[str]:
    """What differs from the earlier run, in the documents that are sent."""
    if not rows:
        return
    yield f"\n<details><summary>What differs from the earlier run: {words.count(len(rows), 'spec')}</summary>\n"
    yield "| spec | difference |\n|---|---|"
    for row in rows:
        for change in row.changes[:_VALUES]:
            yield table_row((row.address, change))
        if len(row.changes) > _VALUES:
            yield f"| {code(row.address)} | and {len(row.changes) - _VALUES} more |"
    yield "\n</details>"
