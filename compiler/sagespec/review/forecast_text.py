"""A forecast as lines of text: a group for each thing that can happen, one line an address, the sums at the end.

In: a `Forecast`. Out: lines. Groups that nobody has to act on are only counted, long ones are cut and counted; with
`whole` neither is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sagespec.diagnostics.report import Line, Styled
from sagespec.review import forecast as forecasts
from sagespec.review import words
from sagespec.review.forecast import Forecast, Group, Row

SIGNS: Mapping[Group, str] = {
    "start": ">",
    "then": ".",
    "running": "~",
    "prepare": "+",
    "failed": "!",
    "refused": "!",
    "blocked": "!",
    "stale": "!",
    "changed": "?",
    "unchanged": "=",
}
_COLORS: Mapping[Group, str] = {
    "start": "green",
    "then": "cyan",
    "running": "cyan",
    "failed": "red",
    "refused": "red",
    "blocked": "red",
    "stale": "warning",
    "changed": "warning",
}
_TITLES: Mapping[Group, str] = {
    "start": "START",
    "then": "THEN, each when what it waits for has completed",
    "running": "RUNNING",
    "failed": "FAILED, and not run again",
    "refused": "REFUSED, so that nothing is sent",
    "blocked": "BLOCKED",
    "stale": "STALE, and not run again",
    "changed": "CHANGED by others since it ran",
}
_BEFORE: Sequence[Group] = ("start", "then", "running")
_AFTER: Sequence[Group] = ("failed", "refused", "blocked", "stale", "changed")
_COUNTED: Sequence[Group] = ("blocked", "stale", "unchanged")
"""Groups that the last lines name even where they are empty."""
MOST = 40
"""Rows of one group that are shown without --verbose."""
_WIDEST = 58
_KINDS = 5


def lines(forecast: Forecast, whole: bool = False) -> Iterator[Line]:
    """Write a forecast."""
    yield head(forecast)
    for group in _BEFORE:
        yield from _group(forecast, group, whole)
    yield f"{'PREPARE':<10}{forecasts.preparation(forecast.prepared) or '-'}"
    for group in _AFTER:
        yield from _group(forecast, group, whole)
    yield from _tags(forecast, whole)
    yield "        ".join(
        f"{group.upper():<9} {len(forecast.of(group)) or '-'}"
        for group in _COUNTED
        if group == "unchanged" or not forecast.of(group)
    )
    is_all = forecast.starting and not forecast.of("running", "refused")
    yield f"{forecasts.verdict(forecast)}.{' Nothing else costs.' if is_all else ''}"


def head(forecast: Forecast) -> str:
    """What the plan is of."""
    parts = [*forecast.projects, *(f"environment {name}" for name in forecast.environments)]
    if forecast.accounts:
        parts.append(f"account{'s' if len(forecast.accounts) > 1 else ''} {', '.join(forecast.accounts)}")
    return f"{', '.join([*parts, *forecast.regions])}: {words.count(len(forecast.rows), 'spec')}"


def _group(forecast: Forecast, group: Group, whole: bool) -> Iterator[Line]:
    rows = forecast.of(group)
    if not rows:
        return
    yield Styled(_TITLES[group], "bold")
    shown = rows if whole else rows[:MOST]
    names = min(max(len(row.address) for row in shown), _WIDEST)
    costs = {row.address: takes(row) for row in shown}
    width = min(max(map(len, costs.values())), _WIDEST)
    for row in shown:
        cost = f"  {costs[row.address]:<{width}}" if width else ""
        text = f" {row.address:<{names}}{cost}  {rest(row)}"
        yield (Styled(f"  {SIGNS[group]}", _COLORS.get(group, "cyan")), text.rstrip())
    if len(rows) > len(shown):
        yield f"    and {_folded(rows[len(shown) :])}: see --verbose"


def takes(row: Row) -> str:
    """What a run takes; its data is in the spec."""
    if row.cost is None:
        return ""
    text = words.shape(row.cost._replace(data=()))
    return text if row.cost.usd is None else f"{text}, at most {words.number(row.cost.usd)} USD"


def rest(row: Row) -> str:
    """When a run starts, whether it ran before, and what else there is to know."""
    parts = [f"after {', '.join(row.waits)}"] if row.waits else []
    if row.group == "start" or row.earlier:
        parts.append(forecasts.since(row))
    return "; ".join([*parts, *([row.note] if row.note else [])])


def _folded(rows: Sequence[Row]) -> str:
    """How many rows are not shown, and of which kinds."""
    kinds = Counter(row.address.partition("/")[0] for row in rows)
    named = [f"{count:,} {kind}" for kind, count in kinds.most_common(_KINDS)]
    others = len(kinds) - len(named)
    return f"{len(rows):,} more ({', '.join(named)}{f' and {others} more kinds' if others else ''})"


def _tags(forecast: Forecast, whole: bool) -> Iterator[Line]:
    tagged = [(row.address, tag) for row in forecast.rows for tag in row.tags]
    if not tagged:
        return
    yield Styled("TAGS", "bold")
    for address, tag in tagged if whole else tagged[:MOST]:
        yield f"  * {address:<{_WIDEST if len(address) > _WIDEST else len(address)}}  {tag}"
    if not whole and len(tagged) > MOST:
        yield f"    and {len(tagged) - MOST:,} more: see --verbose"
