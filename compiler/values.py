"""Substitution of `${name}` in parsed scalars.

In: a tree of plain data and the known values. Out: the same tree with values in their places.
Refuses: unknown names, values that contain themselves, lists and mappings inside longer text. Since scalars
are replaced after parsing, no value can change the structure around it. `$${` is a literal `${`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from compiler.diagnostics import Path, Problems, did_you_mean

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")


class UnknownValue(Exception):
    """A name that stands for nothing, or text that is not a reference at all."""

    def __init__(self, message: str, hint: str) -> None:
        self.message, self.hint = message, hint


def expand(values: Mapping[str, Any]) -> dict[str, Any]:
    """Let values use one another; say which is wrong by raising UnknownValue."""
    done: dict[str, Any] = {}

    def value(name: str, open_names: tuple[str, ...]) -> Any:
        if name in done:
            return done[name]
        if name in open_names:
            raise UnknownValue(f"the value {name!r} contains itself", "")
        if name not in values:
            raise _unknown(name, values)
        done[name] = _replace(values[name], lambda inner: value(inner, (*open_names, name)))
        return done[name]

    return {name: value(name, ()) for name in values}


def substitute(data: Any, values: Mapping[str, Any], problems: Problems, path: Path = ()) -> Any:
    """Fill values into a tree; what cannot be filled is reported and left as it is."""

    def value(name: str) -> Any:
        if name in values:
            return values[name]
        raise _unknown(name, values)

    return _walk(data, value, problems, path)


def _walk(data: Any, value: Any, problems: Problems, path: Path) -> Any:
    if isinstance(data, str):
        if "${" not in data:
            return data
        try:
            return _scalar(data, value)
        except UnknownValue as error:
            problems.error("unknown-value", error.message, path, error.hint)
            return data
    if isinstance(data, dict):
        return {key: _walk(item, value, problems, (*path, key)) for key, item in data.items()}
    if isinstance(data, list):
        return [_walk(item, value, problems, (*path, index)) for index, item in enumerate(data)]
    return data


def _replace(data: Any, value: Any) -> Any:
    if isinstance(data, str):
        return _scalar(data, value)
    if isinstance(data, dict):
        return {key: _replace(item, value) for key, item in data.items()}
    return [_replace(item, value) for item in data] if isinstance(data, list) else data


def _scalar(text: str, value: Any) -> Any:
    whole = _REFERENCE.fullmatch(text)
    if whole and whole[1] is not None:
        return value(whole[1].strip())
    return _REFERENCE.sub(lambda found: _inside(found, value), text)


def _inside(found: re.Match[str], value: Any) -> str:
    if found[0] == "$${":
        return "${"
    if found[1] is None:
        raise UnknownValue("'${' without a name and '}'", "write $${ for the text ${")
    inner = value(found[1].strip())
    if isinstance(inner, str):
        return inner
    if isinstance(inner, dict | list) or inner is None:
        kind = "a mapping" if isinstance(inner, dict) else "a list" if isinstance(inner, list) else "nothing"
        raise UnknownValue(f"${{{found[1]}}} is {kind} and cannot stand inside text", "")
    return json.dumps(inner)


def _unknown(name: str, known: Mapping[str, Any]) -> UnknownValue:
    hint = did_you_mean(name, [*known])
    return UnknownValue(f"no value is called {name!r}", hint or "write $${ for the text ${")
