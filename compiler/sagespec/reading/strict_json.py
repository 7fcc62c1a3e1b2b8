"""Hooks for `json` that refuse duplicate keys and NaN, which a reviewer may read differently from a program."""

from __future__ import annotations

from typing import Any, NoReturn


class DoubledKey(ValueError):
    """An object with a duplicate key: readers notice the first value, parsers take the last."""


class NotANumber(ValueError):
    """NaN or an infinity: `json` accepts them, the JSON standard does not."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object from pairs, as `object_pairs_hook`.

    Raises DoubledKey.
    """
    members = dict(pairs)
    if len(members) < len(pairs):
        keys = [key for key, _ in pairs]
        raise DoubledKey(f"has the key {next(k for k in keys if keys.count(k) > 1)!r} twice")
    return members


def no_number(text: str) -> NoReturn:
    """Refuse NaN and infinities, as `parse_constant`.

    Raises NotANumber.
    """
    raise NotANumber(f"{text} is not a number")
