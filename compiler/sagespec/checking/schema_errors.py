"""Convert errors of a JSON Schema validator to messages for the author of the data.

In: the errors of jsonschema. Out: problems, each at its own key. `x-message` of a schema completes "... is not" for
patterns and alternatives.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

from sagespec.diagnostics import Hint, KeyPath, Problem, Problems, did_you_mean, dotted, nearest
from sagespec.diagnostics.escapes import cut


class Failure(Protocol):
    """The attributes of jsonschema's ValidationError that this module reads."""

    instance: Any
    schema: Any
    validator: Any
    validator_value: Any
    absolute_path: Iterable[str | int]
    relative_path: Sequence[str | int]
    schema_path: Sequence[str | int]
    context: Sequence[Failure] | None
    message: str


_IS_REQUIRED = " is required"
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def explained(errors: Iterable[Any]) -> Problems:
    """Convert the errors of a validator to problems, without duplicates.

    A misspelt key is reported as unknown, and not also as missing; text that does not match its pattern is not also
    too short or too long.
    """
    problems = dict.fromkeys(problem for error in errors for problem in _explain(error))
    meant = {(p.path[:-1], p.hint) for p in problems if p.rule == "unknown-key"}
    unlike = {(p.path, p.on_key) for p in problems if p.rule == "bad-pattern"}
    return Problems(
        p
        for p in problems
        if not (p.rule == "missing-field" and (p.path, _meant(p)) in meant)
        and not (p.rule == "wrong-length" and (p.path, p.on_key) in unlike)
    )


def _meant(missing: Problem) -> str:
    """Return the hint of an unknown key that is a misspelling of a missing one."""
    return f"did you mean {missing.message.removesuffix(_IS_REQUIRED)}?"


def _explain(error: Failure) -> Iterator[Problem]:
    path: KeyPath = tuple(error.absolute_path)
    if list(error.schema_path)[-2:-1] == ["propertyNames"] and path[-1:] != ("propertyNames",):
        for problem in _of_value(error, path):  # the path of an error in a key ends at the mapping
            yield replace(problem, path=(*path, error.instance), on_key=True)
    else:
        yield from _of_value(error, path)


def _of_value(error: Failure, path: KeyPath) -> Iterator[Problem]:
    explain = _EXPLAIN.get(str(error.validator))
    if explain is None:
        yield Problem("bad-value", _not_that(error), path)
    else:
        yield from explain(error, path)


def _additional(error: Failure, path: KeyPath) -> Iterator[Problem]:
    known = list(error.schema.get("properties", {}))
    patterns, others = error.schema.get("patternProperties", {}), error.schema.get("x-not-fields", {})
    for key in error.instance:
        if key not in known and not any(re.search(p, key) for p in patterns):
            hint = others.get(key) or did_you_mean(str(key), known)
            yield Problem("unknown-key", f"{key!r} is not a field here", (*path, key), hint, on_key=True)


def _required(error: Failure, path: KeyPath) -> Iterator[Problem]:
    for key in error.validator_value:
        if key not in error.instance:
            yield Problem("missing-field", f"{key!r}{_IS_REQUIRED}", path)


def _dependent(error: Failure, path: KeyPath) -> Iterator[Problem]:
    for key, needed in error.validator_value.items():
        for other in needed if key in error.instance and isinstance(needed, list) else ():
            if other not in error.instance:
                yield Problem("missing-field", f"{key!r} needs {other!r} beside it", (*path, key), on_key=True)


def _type(error: Failure, path: KeyPath) -> Iterator[Problem]:
    wanted = error.validator_value
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    expected = " or ".join(_TYPES[n] for n in names)
    hint = Hint()
    if "string" in names and isinstance(error.instance, int | float):
        hint = Hint("put it in quotes", "quote")
    elif isinstance(error.instance, str) and "boolean" in names:
        is_quoted = error.instance in ("true", "false")
        hint = Hint("write true or false", "source", error.instance, ("true", "false"))
        hint = Hint("write true or false, without quotes", "unquote") if is_quoted else hint
    elif isinstance(error.instance, str) and {"integer", "number"} & set(names):
        hint = Hint("write it without quotes", "unquote") if error.instance.replace(".", "", 1).isdigit() else hint
    yield Problem("wrong-type", f"expected {expected}, found {_found(error.instance)}", path, hint)


def _enum(error: Failure, path: KeyPath) -> Iterator[Problem]:
    allowed = [str(value) for value in error.validator_value]
    hint = did_you_mean(str(error.instance), allowed)
    yield Problem("bad-value", f"{_shown(error.instance)} is not one of the allowed values", path, hint)


def _const(error: Failure, path: KeyPath) -> Iterator[Problem]:
    wanted, found = error.validator_value, error.instance
    is_text = isinstance(wanted, str) and isinstance(found, str)
    hint = Hint("", "word", found, [wanted]) if is_text else ""  # the message says it
    yield Problem("bad-value", f"must be {_shown(wanted)}, found {_shown(found)}", path, hint)


def _pattern(error: Failure, path: KeyPath) -> Iterator[Problem]:
    yield Problem("bad-pattern", _not_that(error), path)


def _any_of(error: Failure, path: KeyPath) -> Iterator[Problem]:
    """Report the errors of the alternative that the data are nearest to.

    That is the one that a constant key such as `type` selects, else the only one whose shape fits, else the only one
    with a key that the data misspell.
    """
    branches: list[Any] = error.validator_value
    if isinstance(error.instance, dict) and all(_only_requires(branch) for branch in branches):
        given = [key for key in error.instance if any(key in branch["required"] for branch in branches)]
        culprit = (*path, given[-1]) if len(given) > 1 else path  # the last of the exclusive keys
        message = f"needs {error.schema.get('x-message') or _choice(error)}"
        yield Problem("exclusive-fields", message, culprit, on_key=culprit != path)
        return
    failures: dict[int, list[Failure]] = {}
    for inner in error.context or ():
        failures.setdefault(int(inner.schema_path[0]), []).append(inner)
    tags = [_tags(branch) for branch in branches]
    named = [n for n in failures if _named(tags[n], error.instance)]
    fitting = named or [n for n, errors in failures.items() if not any(_wrong_shape(e) for e in errors)]
    fitting = fitting or [n for n in failures if not tags[n] and _knows(branches[n], error.instance)]
    fitting = fitting or [n for n in failures if _misspelt(branches[n], error.instance)]
    key = next((k for t in tags for k in t if isinstance(error.instance, dict) and k in error.instance), None)
    if len(fitting) == 1:
        for problem in (p for inner in failures[fitting[0]] for p in _explain(inner)):
            yield _owner(problem, path, branches, tags)
    elif key is not None and not fitting:
        allowed = [str(t[key]) for t in tags if key in t]
        message = f"{_shown(error.instance[key])} is not one of the allowed values"
        yield Problem("bad-value", message, (*path, key), did_you_mean(str(error.instance[key]), allowed))
    elif not failures:
        yield Problem("bad-value", f"{_shown(error.instance)} fits several alternatives, and may fit only one", path)
    elif "x-message" in error.schema:
        yield Problem("bad-pattern" if isinstance(error.instance, str) else "wrong-type", _not_that(error), path)
    else:
        here = [e for errors in failures.values() for e in errors if not e.relative_path]
        if expected := sorted({_TYPES[t] for e in here for t in _wanted(e)}):
            yield Problem("wrong-type", f"expected {' or '.join(expected)}, found {_found(error.instance)}", path)
        else:
            reasons = [_first(errors, path) for errors in failures.values()]
            yield Problem("bad-value", f"fits no alternative: {'; or '.join(dict.fromkeys(reasons))}", path)


def _first(errors: Sequence[Failure], path: KeyPath) -> str:
    """Return the first problem of an alternative, with its key path."""
    problem = next(p for e in errors for p in _explain(e))
    return f"{dotted(problem.path[len(path) :])}: {problem.message}".removeprefix(": ")


def _only_requires(branch: Any) -> bool:
    return isinstance(branch, dict) and set(branch) == {"required"}


def _choice(error: Failure) -> str:
    """Return the fields of which one is needed, as text."""
    several = [" and ".join(repr(key) for key in branch["required"]) for branch in error.validator_value]
    return f"{'exactly one' if error.validator == 'oneOf' else 'one'} of {' or '.join(several)}"


def _tags(branch: Any) -> dict[str, Any]:
    """Return the keys of an alternative that have a constant value, as `type` has."""
    members = branch.get("properties", {}) if isinstance(branch, dict) else {}
    return {key: s["const"] for key, s in members.items() if isinstance(s, dict) and "const" in s}


def _named(tags: dict[str, Any], instance: Any) -> bool:
    return isinstance(instance, dict) and any(key in instance and instance[key] == tags[key] for key in tags)


def _knows(branch: Any, instance: Any) -> bool:
    """Return whether an alternative has all keys of a mapping, whatever their values are."""
    known = branch.get("properties", {}) if isinstance(branch, dict) else {}
    return isinstance(instance, dict) and bool(instance) and all(key in known for key in instance)


def _misspelt(branch: Any, instance: Any) -> bool:
    """Return whether a mapping has a misspelt key of an alternative."""
    known = list(branch.get("properties", {})) if isinstance(branch, dict) and isinstance(instance, dict) else []
    others = [str(key) for key in instance if key not in known] if known else []
    return any(nearest(key, known) for key in others)


def _owner(problem: Problem, path: KeyPath, branches: list[Any], tags: list[dict[str, Any]]) -> Problem:
    """Add to an unknown key the hint which alternative has it."""
    if problem.rule != "unknown-key" or problem.path[:-1] != path:
        return problem
    for branch, named in zip(branches, tags, strict=True):
        if named and problem.path[-1] in branch.get("properties", {}):
            owner = ", ".join(f"{key}: {value}" for key, value in named.items())
            return replace(problem, hint=f"only {{{owner}}} has it")
    return problem


def _wrong_shape(error: Failure) -> bool:
    deepest = {"type": 0, "required": 0, "const": 1}.get(str(error.validator), -1)
    return len(error.relative_path) <= deepest


def _wanted(error: Failure) -> list[str]:
    if error.validator != "type":
        return []
    wanted = error.validator_value
    return [wanted] if isinstance(wanted, str) else list(wanted)


def _not(error: Failure, path: KeyPath) -> Iterator[Problem]:
    if error.validator_value == {}:  # `not: {}` allows nothing
        yield Problem("unknown-key", f"{dotted(path[-1:]) or 'it'} is not allowed here", path, on_key=True)
    else:
        yield Problem("bad-value", _not_that(error), path)


def _minimum(error: Failure, path: KeyPath) -> Iterator[Problem]:
    yield Problem("out-of-range", f"{_shown(error.instance)} is less than {error.validator_value}", path)


def _maximum(error: Failure, path: KeyPath) -> Iterator[Problem]:
    yield Problem("out-of-range", f"{_shown(error.instance)} is more than {error.validator_value}", path)


def _too_short(error: Failure, path: KeyPath) -> Iterator[Problem]:
    yield Problem("wrong-length", f"needs at least {error.validator_value} {_units(error)}", path)


def _too_long(error: Failure, path: KeyPath) -> Iterator[Problem]:
    message = f"has {len(error.instance)} {_units(error)}, at most {error.validator_value} are allowed"
    yield Problem("wrong-length", message, path)


def _units(error: Failure) -> str:
    unit = "character" if isinstance(error.instance, str) else "entry"
    return unit if error.validator_value == 1 else {"character": "characters", "entry": "entries"}[unit]


def _unique(_error: Failure, path: KeyPath) -> Iterator[Problem]:
    yield Problem("duplicate-item", "has the same entry twice", path)


def _contains(_error: Failure, path: KeyPath) -> Iterator[Problem]:
    yield Problem("bad-value", "does not have the required entries, or has too many of them", path)


def _multiple(error: Failure, path: KeyPath) -> Iterator[Problem]:
    yield Problem("bad-value", f"{_shown(error.instance)} is not a multiple of {error.validator_value}", path)


def _unevaluated(error: Failure, path: KeyPath) -> Iterator[Problem]:
    """Report unknown keys: the validator names them only in its message."""
    for key in error.instance:
        if repr(key) in error.message:
            yield Problem("unknown-key", f"{key!r} is not a field here", (*path, key), on_key=True)


def _not_that(error: Failure) -> str:
    return f"{_shown(error.instance)} is not {error.schema.get('x-message', 'allowed here')}"


def _shown(value: Any) -> str:
    return cut(json.dumps(value, ensure_ascii=False), 80)


def _found(value: Any) -> str:
    if value is None:
        return "nothing"
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else _shown(value)


_EXPLAIN = {
    "additionalProperties": _additional,
    "anyOf": _any_of,
    "const": _const,
    "contains": _contains,
    "dependencies": _dependent,
    "dependentRequired": _dependent,
    "enum": _enum,
    "exclusiveMaximum": _maximum,
    "exclusiveMinimum": _minimum,
    "maxContains": _contains,
    "maxItems": _too_long,
    "maxLength": _too_long,
    "maxProperties": _too_long,
    "maximum": _maximum,
    "minContains": _contains,
    "minItems": _too_short,
    "minLength": _too_short,
    "minProperties": _too_short,
    "minimum": _minimum,
    "multipleOf": _multiple,
    "not": _not,
    "oneOf": _any_of,
    "pattern": _pattern,
    "required": _required,
    "type": _type,
    "unevaluatedProperties": _unevaluated,
    "uniqueItems": _unique,
}
