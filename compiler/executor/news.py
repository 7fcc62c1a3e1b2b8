"""What is new in a lock: the facts that AWS now gives, beside those that are locked.

In: contexts as they are locked, and as they would be locked now. Out: lines, one a difference; text and lists are
told by what differs in them, never cut so that both sides look alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.executor import lookup

Contexts = Mapping[str, Mapping[str, Any]]
_AROUND = 12
"""Characters of context around what differs in a text."""
_LONG = 60


def unlocked(before: Contexts, after: Contexts) -> Iterator[str]:
    """Name the facts that the lock has not got yet."""
    for key, section, name, fact in _facts(after):
        if fact is not None and _at(before, key, section, name) is None:
            yield _place(key, section, name)


def changed(before: Contexts, after: Contexts) -> Iterator[str]:
    """Say what AWS now answers otherwise; what nobody asks for any more is no news."""
    for key, section, name, fact in _facts(after):
        old = _at(before, key, section, name)
        if old is not None:
            yield from _differences(old, fact, _place(key, section, name))


def _facts(contexts: Contexts) -> Iterator[tuple[str, str, str, Any]]:
    for key, context in sorted(contexts.items()):
        for section in sorted(lookup.SOURCES.keys() & context.keys()):
            facts = {"": context[section]} if section in lookup.SINGLE else context[section]
            for name, fact in sorted(facts.items()):
                yield key, section, name, fact


def _at(contexts: Contexts, key: str, section: str, name: str) -> Any:
    facts = contexts.get(key, {}).get(section)
    return facts.get(name) if name and isinstance(facts, dict) else facts


def _place(*steps: str) -> str:
    return "".join(f"/{step}" for step in steps if step)


def _differences(old: Any, new: Any, place: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            if key not in new:
                yield f"{place}/{key}: was {_short(old[key])}, now absent"
            elif key not in old:
                yield f"{place}/{key}: new, {_short(new[key])}"
            else:
                yield from _differences(old[key], new[key], f"{place}/{key}")
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_lists(old, new, place)
    elif old != new:
        before, after = _of_texts(old, new) if isinstance(old, str) and isinstance(new, str) else (old, new)
        yield f"{place}: was {_text(before)}, now {_text(after)}"


def _of_lists(old: list[Any], new: list[Any], place: str) -> Iterator[str]:
    removed, added = [item for item in old if item not in new], [item for item in new if item not in old]
    if removed:
        yield f"{place}: no longer {', '.join(map(_text, removed))}"
    if added:
        yield f"{place}: new, {', '.join(map(_text, added))}"
    if old != new and not removed and not added:
        yield f"{place}: was {_text(old)}, now {_text(new)}"


def _of_texts(old: str, new: str) -> tuple[str, str]:
    """Two texts without the long parts that they have in common."""
    if len(old) <= _LONG and len(new) <= _LONG:
        return old, new
    start = max(0, _in_common(old, new) - _AROUND)
    end = max(0, _in_common(old[start:][::-1], new[start:][::-1]) - _AROUND)
    before, after = (text[start : len(text) - end] for text in (old, new))
    dots = ("..." if start else "", "..." if end else "")
    return f"{dots[0]}{before}{dots[1]}", f"{dots[0]}{after}{dots[1]}"


def _in_common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _short(value: Any) -> str:
    """A value that stands alone; one with many members is only begun."""
    text = _text(value)
    return f"{text[: _LONG - 3]}..." if isinstance(value, dict | list) and len(text) > _LONG else text


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
