"""Reviews in words that text and Markdown share: costs, values, places, the verdict."""

from __future__ import annotations

import json
from typing import Any

from sagespec.diagnostics.escapes import cut
from sagespec.review.changes import FILE
from sagespec.review.entry import MEANINGS, STARTING, Change, Cost, Entry, Exempted, Review

_LONGEST = 60
_AROUND = 12
_SECONDS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def cost(entry: Entry) -> str:
    """What a start costs at most, and what it did before."""
    now, before = entry.cost, entry.cost_before
    if now is None:
        return ""
    text = shape(now)
    if now.hours:
        text += f": {instance_hours(now.hours)}"
        if now.usd is not None:
            text += f", at most {number(now.usd)} USD"
        if before is not None and before.hours is not None and before.hours != now.hours:
            text += f" (was {number(before.hours)})"
    return text


def meaning(entry: Entry) -> str:
    """What the sign of an entry means, with the names of what it starts after."""
    return f"starts after {', '.join(entry.because)}" if entry.sort == "after" else MEANINGS[entry.sort]


def outcome(entry: Entry) -> str:
    """What becomes of an address, without its changes."""
    if entry.sort == "gone":
        return "removed; what it ran stays"
    if entry.sort == "back":
        return f"as in {entry.commit[:7]}: starts nothing where that was applied"
    if entry.sort == "refused":
        return f"does not compile: {entry.reason}"
    if entry.sort == "quiet":
        return "new; runs nothing itself" if entry.old is None else "starts nothing"
    return start(entry)


def start(entry: Entry) -> str:
    """What a start takes, and why it is one."""
    text = cost(entry) if entry.cost else "runs nothing itself"
    if entry.sort == "renamed":
        text += f"; was {entry.was}"
    elif entry.old is None:
        text += "; new"
    if entry.sort == "after" and any(change.starts for change in entry.changes):
        text += "; changed itself too"
    return text


def shape(one: Cost) -> str:
    """What a run takes, and how long at most: instances, or a model and its data; steps, or jobs."""
    parts = [*_what(one)]
    limit = duration(one.seconds) if one.seconds else ""
    if one.steps:
        each = " each" if one.steps > 1 else ""
        parts.append(f"{one.steps} step{'' if one.steps == 1 else 's'}{f', at most {limit}{each}' if limit else ''}")
    elif one.jobs:
        each = f", at most {limit} each" if limit else ""
        parts.append(f"{one.jobs} jobs, {one.at_once or one.jobs} at once{each}")
    elif limit:
        parts.append(f"at most {limit}")
    return ", ".join(part for part in parts if part)


def instance_hours(hours: float) -> str:
    """Instance-hours in words."""
    return f"{number(hours)} instance-hour{'' if hours == 1 else 's'}"


def _what(one: Cost) -> list[str]:
    if one.instances:
        return [" + ".join(f"{number} x {name}" for number, name in one.instances)]
    if one.serverless:
        data = one.data[0] + (f" and {len(one.data) - 1} more" if len(one.data) > 1 else "") if one.data else ""
        return ["serverless" if not one.steps else "", one.model if not one.steps else "", data, one.rounds]
    return [] if one.steps or one.jobs else [f"{thing(one.operation)}, which costs nothing while it stands"]


def thing(operation: str) -> str:
    """What an operation makes, in lower case: `CreateFunction` makes a function."""
    noun = operation.removeprefix("Create").removeprefix("Start")
    return "".join(f" {c.lower()}" if c.isupper() else c for c in noun).strip()


def duration(seconds: int) -> str:
    """Seconds as `1 d 12 h`, in at most two units."""
    parts: list[str] = []
    left = seconds
    for size, unit in _SECONDS:
        if left >= size and len(parts) < 2:
            parts.append(f"{left // size} {unit}")
            left %= size
    if parts == ["1 d"]:
        return "24 h"
    return " ".join(parts) or "0 s"


def number(value: float) -> str:
    """A number without more digits than anybody needs."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def count(number: int, noun: str) -> str:
    """A number of things: `1 group`, `2 groups`, `2 hub entries`."""
    several = f"{noun.removesuffix('y')}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else several}"


def size(number: int) -> str:
    """Bytes as `48 KiB`."""
    value, units = float(number), ["bytes", "KiB", "MiB", "GiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:,.0f} {units[0]}" if value >= 10 or units[0] == "bytes" else f"{value:.1f} {units[0]}"


def values(change: Change) -> str:
    """`old -> new`; of long texts only the part that differs."""
    old, new = _text(change.old), _text(change.new)
    if change.note == FILE:
        word = "new" if change.old is None else "removed" if change.new is None else "changed"
        return f"file {word}"
    note = f" ({change.note})" if change.note else ""
    if change.old is None:
        return f"new: {cut(new, _LONGEST)}{note}"
    if change.new is None:
        return f"{cut(old, _LONGEST)} -> none{note}"
    if old == new:
        return f"{cut(old, _LONGEST)}, changed{note}"
    old, new = _shortened(old, new)
    return f"{old} -> {new}{note}"


def _text(value: Any) -> str:
    if isinstance(value, str) and value and value == value.strip():
        return value
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return f"[{', '.join(map(_text, value))}]"
    return json.dumps(value, ensure_ascii=False, default=str)


def _shortened(old: str, new: str) -> tuple[str, str]:
    if len(old) <= _LONGEST and len(new) <= _LONGEST:
        return old, new
    same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    start = max(0, same - _AROUND)
    dots = "..." if start else ""
    return dots + cut(old[start:], _LONGEST), dots + cut(new[start:], _LONGEST)


def place(change: Change) -> str:
    """Where a change is said, and by whom if not by the spec."""
    where = f"{change.file}:{change.line}" if change.file else ""
    return where if change.source == "spec" else f"{where} ({change.source})".strip()


def head(review: Review) -> str:
    """What is compared with what."""
    parts = [f"{review.ref} {review.commit[:7]} .. work tree" if review.ref else f"{review.commit[:7]} .. work tree"]
    parts += [f"environment {review.environment}"] if review.environment else []
    if review.accounts:
        parts.append(f"account{'s' if len(review.accounts) > 1 else ''} {', '.join(review.accounts)}")
    return ", ".join(parts) + ("" if review.is_compiled else ", which has no compiled files: its specs were compiled")


def verdict(review: Review) -> str:
    """How many start, are removed, changed quietly, and refused; first, how many exceptions from policies are new."""
    starting = review.count(*STARTING)
    after = review.count("after")
    number_new = len(review.exceptions)
    parts = [f"{number_new} new exception{'' if number_new == 1 else 's'} from policies"] if number_new else []
    parts += [
        f"{starting} start{'s' if starting == 1 else ''}" + (f" ({after} of them after another)" if after else "")
    ]
    parts += [f"{n} back to what has run" for n in [review.count("back")] if n]
    parts.append(f"{review.count('gone')} removed, {review.count('quiet')} changed quietly")
    parts.append(f"{review.count('refused')} refused")
    return ", ".join(parts)


def exception(one: Exempted) -> str:
    """An exception from a policy, with its last day and reason."""
    longer = f" instead of {one.before}" if one.before else ""
    return f"{one.address} is excepted from {one.policy} until {one.until}{longer}: {one.reason}"


def line(entry: Entry) -> str:
    """The file and line of what refuses a spec; empty where another spec does."""
    return f"{entry.file}:{entry.line}" if entry.line else entry.file


def totals(review: Review) -> str:
    """What all starts together take at most, as far as instances can be counted."""
    costs = [entry.cost for entry in review.counted if entry.starts and entry.cost]
    hours = sum(one.hours or 0 for one in costs)
    priced = [one.usd for one in costs if one.usd is not None]
    part = " for those with a price" if any(one.hours and one.usd is None for one in costs) else ""
    text = f"at most {instance_hours(hours)}" if hours else ""
    return text + (f", {number(sum(priced))} USD{part}" if priced and text else "")
