"""Compare two documents: an earlier one with the current or compiled one.

In: two trees; the second may contain markers. Out: a `Difference` for each, which is a line of text. Long texts are
shortened around their difference, so that both sides never look alike. Secrets are masked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sagespec.diagnostics import KeyPath
from sagespec.diagnostics.escapes import cut
from sagespec.diagnostics.secrets import hidden
from sagespec.executor import answers
from sagespec.executor.answers import InvalidAnswer

_OF_USERS = {"Environment", "HyperParameters"}
"""Members to which the service adds nothing."""
_AROUND = 12
"""Characters of context around a difference in a text."""
_LONG = 60
_LONG_TEXT = 300


class Difference(str):
    """One difference in a line of text, with its key path and both values; None is absent. Secrets are masked."""

    path: KeyPath
    old: Any
    new: Any

    def __new__(cls, text: str, path: KeyPath, old: Any, new: Any) -> Difference:
        made = super().__new__(cls, text)
        made.path, made.old, made.new = path, old, new
        return made


def differences(old: Any, new: Any, path: KeyPath = (), *, defaults: bool = False) -> Iterator[Difference]:
    """Yield the differences of two documents; an output that is not known yet equals anything.

    With `defaults`, the old document may have additional members, and empty ones where the new has none: the service
    adds them.
    """
    if isinstance(new, dict) and set(new) == {"$output"}:
        return
    pointer = "".join(f"/{step}" for step in path)
    if isinstance(new, dict) and set(new) == {"$json"}:
        yield from differences(_parsed(old), new["$json"], path, defaults=defaults)
    elif isinstance(old, dict) and isinstance(new, dict):
        lenient = defaults and (not path or path[-1] not in _OF_USERS)
        for key in sorted(new if lenient else {*old, *new}):
            here = (*path, key)
            if key not in new:
                was = hidden(old[key], here)
                yield Difference(f"{pointer}/{key}: was {_short(was)}, now absent", here, was, None)
            elif key in old:
                yield from differences(old[key], new[key], here, defaults=defaults)
            elif new[key] or not lenient:
                now = hidden(new[key], here)
                yield Difference(f"{pointer}/{key}: new, {_short(now)}", here, None, now)
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) == len(new) and any(isinstance(item, dict | list) for item in new):
            for index, (before, after) in enumerate(zip(old, new, strict=True)):
                yield from differences(before, after, (*path, index), defaults=defaults)
        else:
            yield from _of_lists(old, new, path)
    elif old != new and (old or new or not defaults):
        was, now = hidden(old, path), hidden(new, path)
        yield Difference(f"{pointer}: {_of_values(was, now)}", path, was, now)


def _parsed(text: Any) -> Any:
    """Parse a document; a text that is not JSON is returned unchanged."""
    try:
        return answers.document(text, "the document") if isinstance(text, str) else text
    except InvalidAnswer:
        return text


def _of_values(old: Any, new: Any) -> str:
    """Describe the difference of two values; it may be masked."""
    if old == new:
        return "changed"
    before, after = _of_texts(old, new) if isinstance(old, str) and isinstance(new, str) else (old, new)
    return f"was {_short(before)}, now {_short(after)}"


def _of_lists(old: list[Any], new: list[Any], path: KeyPath) -> Iterator[Difference]:
    pointer = "".join(f"/{step}" for step in path)
    removed = [hidden(item, path) for item in old if item not in new]
    added = [hidden(item, path) for item in new if item not in old]
    if removed:
        yield Difference(f"{pointer}: no longer {', '.join(map(_text, removed))}", path, removed, None)
    if added:
        yield Difference(f"{pointer}: new, {', '.join(map(_text, added))}", path, None, added)
    if old != new and not removed and not added:
        was, now = hidden(old, path), hidden(new, path)
        yield Difference(f"{pointer}: {_of_values(was, now)}", path, was, now)


def _of_texts(old: str, new: str) -> tuple[str, str]:
    """Return two texts without the long parts that they have in common."""
    if len(old) <= _LONG and len(new) <= _LONG:
        return old, new
    start = max(0, _in_common(old, new) - _AROUND)
    end = max(0, _in_common(old[start:][::-1], new[start:][::-1]) - _AROUND)
    before, after = (text[start : len(text) - end] for text in (old, new))
    dots = ("..." if start else "", "..." if end else "")
    return f"{dots[0]}{before}{dots[1]}", f"{dots[0]}{after}{dots[1]}"


def _in_common(one: str, other: str) -> int:
    """Return the length of the common prefix of two texts."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _short(value: Any) -> str:
    """Format one value; a long one is cut."""
    text = _text(value)
    most = _LONG if isinstance(value, dict | list) else _LONG_TEXT
    return cut(text, most)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
