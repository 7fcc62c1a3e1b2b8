"""MLflow's search language: conditions on runs and experiments, and their order.

In: a filter such as `metrics.reward > 0.5 AND tags.team = 'a'`, an order such as `start_time DESC`, and items with
attributes, metrics, parameters and tags. Out: the matching items, in order. Refuses invalid syntax. An absent value
matches no condition, and is sorted last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from sagespec.sandbox.service import ServiceError

Thing = Mapping[str, Mapping[str, Any]]
"""A searched item: `attributes`, `metrics`, `params` and `tags` by name."""
_PARTS = {
    **dict.fromkeys(("attribute", "attributes", "attr", "run", "experiment"), "attributes"),
    **dict.fromkeys(("metric", "metrics"), "metrics"),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), "params"),
    **dict.fromkeys(("tag", "tags"), "tags"),
}
_NAME = r"(?:(?P<part>[A-Za-z]+)\.)?(?P<name>`[^`]*`|\"[^\"]*\"|[\w./-]+)"
_CONDITION = re.compile(
    rf"""\s*{_NAME}\s*(?P<how><=|>=|!=|=|<|>|(?:NOT\s+)?IN\b|I?LIKE\b)
    \s*(?P<value>'[^']*'|"[^"]*"|-?\d+(?:\.\d*)?(?:e[+-]?\d+)?|\([^()]*\))\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_AND = re.compile(r"AND\b", re.IGNORECASE)
_ORDER = re.compile(rf"\s*{_NAME}(?:\s+(?P<way>ASC|DESC))?\s*", re.IGNORECASE)
_COMPARE: dict[str, Any] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "IN": lambda a, b: a in b,
    "NOT IN": lambda a, b: a not in b,
    "LIKE": lambda a, b: fnmatchcase(a, b),
    "ILIKE": lambda a, b: fnmatchcase(a.lower(), b.lower()),
}
_OF_TEXT = ("=", "!=", "IN", "NOT IN", "LIKE", "ILIKE")


def select(things: Iterable[Thing], condition: str, order: Iterable[str]) -> list[Thing]:
    """Return the matching items, sorted by the keys of the order; by default the newest first.

    Raises ServiceError for invalid syntax.
    """
    tests = list(_conditions(condition))
    chosen = [thing for thing in things if all(_fits(thing, *test) for test in tests)]
    keys = [*(_order(key) for key in order), ("attributes", "start_time", True), ("attributes", "id", False)]
    for part, name, descending in reversed(keys):
        present = [thing for thing in chosen if thing[part].get(name) is not None]
        absent = [thing for thing in chosen if thing[part].get(name) is None]
        chosen = [*sorted(present, key=lambda t: t[part][name], reverse=descending), *absent]
    return chosen


def _conditions(text: str) -> Iterable[tuple[str, str, str, Any]]:
    at = 0
    while text[at:].strip():
        match = _CONDITION.match(text, at)
        if match is None:
            raise _invalid(f"the filter cannot be read from {text[at:]!r} on")
        yield (*_named(match), *_value(match))
        at = match.end()
        following = _AND.match(text, at)
        if following is None and at < len(text):
            raise _invalid(f"expected AND, not {text[at:]!r}")
        at = following.end() if following else at


def _named(match: re.Match[str]) -> tuple[str, str]:
    part = _PARTS.get((match["part"] or "attribute").lower())
    if part is None:
        raise _invalid(f"there are no {match['part']!r}: attributes, metrics, params and tags can be searched")
    name = match["name"].strip('`"')
    return part, name.replace(" ", "_").lower() if part == "attributes" else name


def _value(match: re.Match[str]) -> tuple[str, Any]:
    how, text = " ".join(match["how"].upper().split()), match["value"]
    if (text[0] == "(") != how.endswith("IN"):
        raise _invalid(f"{how} {text} compares nothing")
    if text[0] == "(":
        return how, [item.strip().strip("'\"") for item in text[1:-1].split(",")]
    value: Any = text[1:-1] if text[0] in "'\"" else float(text)
    if how.endswith("LIKE"):
        value = re.sub(r"[*?[]", r"[\g<0>]", str(value)).replace("%", "*").replace("_", "?")
    return how, value


def _fits(thing: Thing, part: str, name: str, how: str, value: Any) -> bool:
    value_there = thing[part].get(name)
    if value_there is None:
        return False
    if isinstance(value_there, str):
        if how not in _OF_TEXT or isinstance(value, float):
            raise _invalid(f"{part}.{name} is text, which is compared with quoted text by {', '.join(_OF_TEXT)}")
    elif not isinstance(value, float):
        raise _invalid(f"{part}.{name} is a number, which is compared with numbers")
    return bool(_COMPARE[how](value_there, value))


def _order(text: str) -> tuple[str, str, bool]:
    match = _ORDER.fullmatch(text)
    if match is None:
        raise _invalid(f"{text!r} is not an order")
    return (*_named(match), (match["way"] or "").upper() == "DESC")


def _invalid(message: str) -> ServiceError:
    return ServiceError("INVALID_PARAMETER_VALUE", message)
