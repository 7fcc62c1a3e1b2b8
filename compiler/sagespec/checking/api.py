"""Check requests against the API's own model, without loading botocore.

In: a request's parameters as compiled, with markers. Out: problems at key paths in the parameters. The schemas in
`schemas/v1/api/` are derived from botocore. Only the few keywords that they use are implemented here: a pipeline has
hundreds of values, and every compile checks them all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sagespec.checking import patterns
from sagespec.diagnostics import KeyPath, Problem, did_you_mean
from sagespec.diagnostics.escapes import cut
from sagespec.documents import operations
from sagespec.documents.compiled import MARKERS, canonical, identified
from sagespec.documents.operations import Schema
from sagespec.documents.submitted import ANY_IDENTITY

Definitions = Mapping[str, Schema]

_STEP_OPERATIONS = {"Training": "CreateTrainingJob", "Job": "CreateJob"}
_STEP_NAMED_BY_SERVICE = {"TrainingJobName", "JobName"}
_EXPRESSIONS = ({"Get"}, {"Std:Join"}, {"Std:JsonGet"})


def check(service: str, operation: str, parameters: Any) -> Iterator[Problem]:
    """Check the parameters of an operation, and the steps of a pipeline definition in them."""
    definitions = operations.shapes(service, operation)
    yield from _check(parameters, definitions[""], definitions, (), in_pipeline=False)
    definition = parameters.get("PipelineDefinition")
    if isinstance(definition, dict) and "$json" in definition:
        for index, step in enumerate(definition["$json"]["Steps"]):
            path = ("PipelineDefinition", "$json", "Steps", index, "Arguments")
            yield from _check_step(step, path)


def check_against(schema: Schema, parameters: Any) -> Iterator[Problem]:
    """Check the parameters of an operation against a schema that is not in `schemas/v1/api/`."""
    definitions = operations.by_name(schema)
    yield from _check(parameters, definitions[""], definitions, (), in_pipeline=False)


def _check_step(step: Schema, path: KeyPath) -> Iterator[Problem]:
    operation = _STEP_OPERATIONS.get(step["Type"])
    if operation is None:
        return
    definitions = operations.shapes("sagemaker", operation)
    for problem in _check(step["Arguments"], definitions[""], definitions, path, in_pipeline=True):
        missing = problem.rule == "api-missing-member" and problem.path == path
        if not (missing and any(repr(name) in problem.message for name in _STEP_NAMED_BY_SERVICE)):
            yield problem


def _check(value: Any, schema: Schema, all_: Definitions, path: KeyPath, in_pipeline: bool) -> Iterator[Problem]:
    reference = schema.get("$ref")
    if reference is not None:
        schema = all_[reference.rpartition("/")[2]]
    if isinstance(value, dict) and len(value) == 1:
        (key,) = value
        if key == "$identity":
            value = identified(value, ANY_IDENTITY)
        elif key in MARKERS:
            if not _takes(schema, key):
                yield Problem("api-type", f"{key} cannot stand here", path)
            elif key == "$json":
                yield from _check_length(canonical(identified(value[key], ANY_IDENTITY)), schema, path)
            return
        elif in_pipeline and {key} in _EXPRESSIONS:
            return
    checker = _CHECKERS.get(schema.get("type", "")) if isinstance(schema.get("type"), str) else None
    if checker is not None:
        yield from checker(value, schema, all_, path, in_pipeline)


def _takes(schema: Schema, marker: str) -> bool:
    """Return whether a marker is allowed for a schema: its value is a text, or bytes."""
    wanted = ("$json", "$file", "$zip") if "x-blob" in schema else ("$json", "$output")
    return marker in wanted and ("x-blob" in schema or schema.get("type") == "string")


def _structure(value: Any, schema: Schema, all_: Definitions, path: KeyPath, in_pipeline: bool) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield _wrong_type("a structure", value, path)
        return
    members = schema.get("properties")
    if members is None:
        yield from _map(value, schema, all_, path, in_pipeline)
        return
    for name in schema.get("required", ()):
        if name not in value:
            yield Problem("api-missing-member", f"{name!r} is required", path)
    for name, item in value.items():
        if name not in members:
            hint = did_you_mean(name, list(members))
            yield Problem("api-unknown-member", "there is no such member", (*path, name), hint)
        else:
            yield from _check(item, members[name], all_, (*path, name), in_pipeline)


def _map(value: Any, schema: Schema, all_: Definitions, path: KeyPath, in_pipeline: bool) -> Iterator[Problem]:
    yield from _check_count(value, schema, "Properties", path)
    for name, item in value.items():
        yield from _check(name, schema["propertyNames"], all_, (*path, name), in_pipeline)
        yield from _check(item, schema["additionalProperties"], all_, (*path, name), in_pipeline)


def _list(value: Any, schema: Schema, all_: Definitions, path: KeyPath, in_pipeline: bool) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield _wrong_type("a list", value, path)
        return
    yield from _check_count(value, schema, "Items", path)
    for index, item in enumerate(value):
        yield from _check(item, schema["items"], all_, (*path, index), in_pipeline)


def _text(value: Any, schema: Schema, _all: Definitions, path: KeyPath, _in_pipeline: bool) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield _wrong_type("text", value, path)
        return
    yield from _check_length(value, schema, path)
    pattern = schema.get("pattern")
    if pattern is not None and not patterns.finds(rf"\A(?:{pattern})\Z", value):
        yield Problem("api-pattern", f"{_short(value)} does not match {pattern}", path)
    known = schema.get("x-enum")
    if known is not None and value not in known:
        message = f"{_short(value)} is not one of the values that the API is known to accept"
        yield Problem("api-enum", message, path, did_you_mean(value, known), "warning")


def _check_length(text: str, schema: Schema, path: KeyPath) -> Iterator[Problem]:
    longest, shortest = schema.get("maxLength"), schema.get("minLength", 0)
    if longest is not None and len(text) > longest:
        yield Problem("api-length", f"{len(text):,} characters, at most {longest:,} are allowed", path)
    elif len(text) < shortest:
        yield Problem("api-length", f"{len(text)} characters, at least {shortest} are needed", path)


def _check_count(value: Any, schema: Schema, what: str, path: KeyPath) -> Iterator[Problem]:
    most, least = schema.get(f"max{what}"), schema.get(f"min{what}", 0)
    if most is not None and len(value) > most:
        yield Problem("api-length", f"{len(value)} entries, at most {most} are allowed", path)
    elif len(value) < least:
        yield Problem("api-length", f"{len(value)} entries, at least {least} are needed", path)


def _integer(value: Any, schema: Schema, _all: Definitions, path: KeyPath, _in_pipeline: bool) -> Iterator[Problem]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield _wrong_type("a whole number", value, path)
    else:
        yield from _check_range(value, schema, path)


def _number(value: Any, schema: Schema, _all: Definitions, path: KeyPath, _in_pipeline: bool) -> Iterator[Problem]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        yield _wrong_type("a number", value, path)
    else:
        yield from _check_range(value, schema, path)


def _check_range(value: float, schema: Schema, path: KeyPath) -> Iterator[Problem]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and value < low:
        yield Problem("api-range", f"{value} is less than {low}", path)
    elif high is not None and value > high:
        yield Problem("api-range", f"{value} is more than {high}", path)


def _boolean(value: Any, _schema: Schema, _all: Definitions, path: KeyPath, _in_pipeline: bool) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield _wrong_type("true or false", value, path)


_CHECKERS = {
    "array": _list,
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "object": _structure,
    "string": _text,
}


def _wrong_type(wanted: str, value: Any, path: KeyPath) -> Problem:
    return Problem("api-type", f"expected {wanted}, found {_short(value)}", path)


def _short(value: Any) -> str:
    return cut(json.dumps(value, ensure_ascii=False), 60)
