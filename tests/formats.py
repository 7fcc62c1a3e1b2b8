"""What commands write as JSON, held against the schemas in `schemas/v1/outputs/`.

A schema accepts members that it does not name, which a later version may write; `check` refuses them, so that all
that a command writes is described.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from sagespec.checking import acceptance

from tools import write_formats
from tools.write_formats import SHARED, Shape

LINES = "logs"
"""What is an object on each line, and may have none."""
_FORMS = {"-o", "--output", "--format"}
_OTHER = {"--help", "-h", "--explain", "--example", "--check-role"}
"""Options with which a command writes no such document, whatever form it is asked for."""


def check(args: tuple[str, ...], code: int, stdout: str) -> None:
    """Hold what a command has written against its schema; nothing where it was not asked for JSON."""
    name = document(args)
    if name is None:
        return
    if not stdout:
        assert code or name == LINES, f"{args}: no document"
    for one in read(name, stdout):
        if not accepts(name)(one):
            wrong = best_match(Draft202012Validator(closed(name)).iter_errors(one))
            raise AssertionError(f"{args}: {wrong.json_path}: {wrong.message}" if wrong else f"{args}: wrong type")


def read(name: str, stdout: str) -> list[Any]:
    """Read the documents of an output."""
    texts = stdout.splitlines() if name == LINES else [stdout] if stdout else []
    return [json.loads(text) for text in texts]


def document(args: tuple[str, ...]) -> str | None:
    """Return the name of the schema of what a command writes; None for what is not JSON of ours."""
    command = " ".join(args[:2] if args[:1] == ("catalog",) else args[:1])
    name = commands().get(command)
    if name is None or _OTHER & {*args}:
        return None
    forms = [other for one, other in pairwise(args) if one in _FORMS]
    forms += [one.partition("=")[2] for one in args if one.partition("=")[0] in _FORMS and "=" in one]
    form = forms[-1] if forms else "json" if command == "iam-policy" else ""
    return name if form == "json" or (command, form) == ("iam-policy", "trust") else None


@cache
def commands() -> dict[str, str]:
    """Return the names of the schemas by command."""
    return {command: name for name in write_formats.names() for command in write_formats.load(name)["x-commands"]}


@cache
def accepts(name: str) -> acceptance.Accepts:
    """Return a function that says whether a document has only members that are described, each with its type."""
    found = acceptance.of(closed(name))
    assert found is not None, name
    return found


@cache
def closed(name: str) -> Any:
    """Return the schema of a document without references to others, and without room for more members."""
    return _closed(write_formats.load(name))


def _closed(shape: Any) -> Any:
    if isinstance(shape, list):
        return [_closed(one) for one in shape]
    if not isinstance(shape, dict):
        return shape
    made = {key: _closed(value) for key, value in shape.items()}
    file, definition = write_formats.referred("", shape.get("$ref", ""))
    if file == SHARED:
        part = _closed(write_formats.load(SHARED)["$defs"][definition])
        made = {**part, **made, "properties": {**part["properties"], **made.get("properties", {})}}
        del made["$ref"]
    if "properties" in made:
        made.setdefault("additionalProperties", False)
    return made


def described(name: str) -> Iterator[str]:
    """Yield all members of a document and of its own definitions, or with `common/run` those of a shared one."""
    file, _, definition = name.partition("/")
    whole = write_formats.load(file)
    if definition:
        yield from _members(name, whole["$defs"][definition], "")
        return
    yield from _members(name, whole, "")
    for inner, shape in whole.get("$defs", {}).items():
        yield from _members(f"{name}/{inner}", shape, "")


def _members(owner: str, shape: Shape, before: str) -> Iterator[str]:
    for member, inner in shape.get("properties", {}).items():
        yield f"{owner} {before}{member}"
        yield from _members(owner, inner, f"{before}{member}.")
    if isinstance(shape.get("items"), dict):
        yield from _members(owner, shape["items"], f"{before}[].")


def seen(name: str, data: Any) -> set[str]:
    """Return the members that a document has, as `described` names them."""
    return {*_seen(name, write_formats.load(name), data, "")}


def _seen(owner: str, shape: Any, data: Any, before: str) -> Iterator[str]:
    file, definition = write_formats.referred(owner.partition("/")[0], shape.get("$ref", ""))
    if definition:
        yield from _seen(f"{file}/{definition}", write_formats.load(file)["$defs"][definition], data, "")
    for form in shape.get("oneOf", ()):
        if set(form) != {"required"} and _fits(owner, form, data):
            yield from _seen(owner, form, data, before)
    if isinstance(data, dict):
        for member, value in data.items():
            if member in shape.get("properties", {}):
                yield f"{owner} {before}{member}"
                yield from _seen(owner, shape["properties"][member], value, f"{before}{member}.")
            elif isinstance(shape.get("additionalProperties"), dict):
                yield from _seen(owner, shape["additionalProperties"], value, before)
    elif isinstance(data, list) and isinstance(shape.get("items"), dict):
        for value in data:
            yield from _seen(owner, shape["items"], value, f"{before}[].")


def _fits(owner: str, form: Shape, data: Any) -> bool:
    whole = closed(owner.partition("/")[0])
    accept = acceptance.of({**_closed(form), "$defs": whole.get("$defs", {})})
    return accept is not None and accept(data)
