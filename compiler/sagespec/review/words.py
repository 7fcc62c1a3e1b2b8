"""Reviews in words that text and Markdown share: costs, values, places, the verdict."""

from __future__ import annotations

import json
from typing import Any

from sagespec.review.changes import FILE
from sagespec.review.entry import STARTING, Change, Cost, Entry, Exempted, Review

_LONGEST = 60
_AROUND = 12
_SECONDS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def cost(entry: Entry) -> str:
    """What a start costs at most, and what it did before."""
    now, before = entry.cost, entry.cost_before
    if now is None:
        return ""
    parts = [*_what(now)]
    limit = duration(now.seconds) if now.seconds else ""
    if now.steps:
        parts.append(
            f"{now.steps} step{'' if now.steps == 1 else 's'}" + (f", at most {limit} each" if limit else "")
        )
    elif now.jobs:
        each = f", at most {limit} each" if limit else ""
        parts.append(f"{now.jobs} jobs, {now.at_once or now.jobs} at once{each}")
    elif limit:
        parts.append(f"at most {limit}")
    text = ", ".join(part for part in parts if part)
    if now.hours:
        text += f": {number(now.hours)} instance-hour{'' if now.hours == 1 else 's'}"
        if now.usd is not None:
            text += f", at most {number(now.usd)} USD"
        if before is not None and before.hours is not None and before.hours != now.hours:
            text += f" (was {number(before.hours)})"
    return text


def _what(one: Cost) -> list[str]:
    if one.instances:
        return [" + ".join(f"{number} x {name}" for number, name in one.instances)]
    if one.serverless:
        data = one.data[0] + (f" and {len(one.data) - 1} more" if len(one.data) > 1 else "") if one.data else ""
        return ["serverless" if not one.steps else "", one.model if not one.steps else "", data, one.rounds]
    return [] if one.steps or one.jobs else [f"{_plain(one.operation)}, which costs nothing while it stands"]


def _plain(operation: str) -> str:
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


def values(change: Change) -> str:
    """`old -> new`; of long texts only the part that differs."""
    old, new = _text(change.old), _text(change.new)
    if change.note == FILE:
        word = "new" if change.old is None else "removed" if change.new is None else "changed"
        return f"file {word}"
    note = f" ({change.note})" if change.note else ""
    if change.old is None:
        return f"new: {_cut(new)}{note}"
    if change.new is None:
        return f"{_cut(old)} -> none{note}"
    if old == new:
        return f"{_cut(old)}, changed{note}"
    old, new = _shortened(old, new)
    return f"{old} -> {new}{note}"


def _text(value: Any) -> str:
    if isinstance(value, str) and value and value == value.strip():
        return value
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return f"[{', '.join(map(_text, value))}]"
    return json.dumps(value, ensure_ascii=False, default=str)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _shortened(old: str, new: str) -> tuple[str, str]:
    if len(old) <= _LONGEST and len(new) <= _LONGEST:
        return old, new
    same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    start = max(0, same - _AROUND)
    dots = "..." if start else ""
    return dots + _cut(old[start:]), dots + _cut(new[start:])


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


def totals(review: Review) -> str:
    """What all starts together take at most, as far as instances can be counted."""
    costs = [entry.cost for entry in review.entries if entry.starts and entry.cost]
    hours = sum(one.hours or 0 for one in costs)
    priced = [one.usd for one in costs if one.usd is not None]
    text = f"at most {number(hours)} instance-hour{'' if hours == 1 else 's'}" if hours else ""
    return text + (f", {number(sum(priced))} USD" if priced and text else "")
