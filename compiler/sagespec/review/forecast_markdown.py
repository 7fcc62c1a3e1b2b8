"""A forecast as Markdown, for a comment on a pull request.

In: a `Forecast` and the most characters. Out: text whose first line is a marker, by which a CI job finds its comment
again. What there is no room for is left out, and counted: details first, then rows of the table,
then other lines; never the verdict.
"""

from __future__ import annotations

from collections.abc import Iterator

from sagespec.review import forecast as forecasts
from sagespec.review import words
from sagespec.review.comment import NAMED, bounded, code, fitting, named, table_row
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


def write(forecast: Forecast, most: int) -> str:
    """Write a forecast in at most `most` characters, but for its title."""
    detailed = [row for row in forecast.starting if row.changes]
    rows, details = len(forecast.starting), len(detailed)
    if len(text := _write(forecast, detailed, rows, details)) <= most:
        return text
    if len(_write(forecast, detailed, rows, 0)) <= most:
        return fitting(details, most, lambda n: _write(forecast, detailed, rows, n))
    return bounded(fitting(rows, most, lambda n: _write(forecast, detailed, n, 0)), most)


def _write(forecast: Forecast, detailed: list[Row], rows: int, details: int) -> str:
    return "\n".join(_lines(forecast, detailed, rows, details)) + "\n"


def _lines(forecast: Forecast, detailed: list[Row], rows: int, details: int) -> Iterator[str]:
    environments = ",".join(forecast.environments)
    yield f"<!-- sagespec:plan{f':{environments}' if environments else ''} -->"
    yield f"### sagespec plan: {forecasts.verdict(forecast)}"
    yield f"\n{code(head(forecast))}"
    if forecast.starting[:rows]:
        yield "\n| | starts | takes | since |\n|---|---|---|---|"
    for row in forecast.starting[:rows]:
        cells = (SIGNS[row.group], row.address, takes(row), rest(row))
        yield table_row(cells)
    if prepared := forecasts.preparation(forecast.prepared):
        yield f"\nPrepared: {code(prepared)}"
    for group, text in _OTHERS.items():
        yield from _group(forecast.of(group), group, text)
    if tagged := [row for row in forecast.rows if row.tags]:
        yield f"\n{code('*')} {len(tagged)} with tags to set: {named([row.address for row in tagged])}"
    yield from _details(detailed[:details])
    left = [f"{n} of those that start" for n in [len(forecast.starting) - rows] if n]
    left += [f"the changes of {n} specs" for n in [len(detailed) - details] if n]
    if left:
        yield f"\nLeft out for length: {', '.join(left)}."


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
