"""Hooks for `json` that refuse what it takes and a reviewer could read in another way: keys given twice, NaN."""

from __future__ import annotations

from typing import Any, NoReturn


class DoubledKey(ValueError):
    """An object that has a key twice: people see the first, programs take the last."""


class NotANumber(ValueError):
    """NaN or an infinity, which `json` takes for a number, and JSON has not."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of pairs, as `object_pairs_hook`.

    Raises DoubledKey.
    """
    members = dict(pairs)
    if len(members) < len(pairs):
        keys = [key for key, _ in pairs]
        raise DoubledKey(f"has the key {next(k for k in keys if keys.count(k) > 1)!r} twice")
    return members


def no_number(text: str) -> NoReturn:
    """Refuse a constant, as `parse_constant`.

    Raises NotANumber.
    """
    raise NotANumber(f"{text} is not a number")
