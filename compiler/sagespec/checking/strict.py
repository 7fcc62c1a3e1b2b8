"""The validator of our own schemas.

In: a schema and data. Out: all errors, as jsonschema has them. Integers are those of the service, and patterns are
searched in linear time. Only what `acceptance` refuses comes here: importing jsonschema takes a fifth of the time in
which a spec is compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from sagespec.checking import patterns


def is_integer(_checker: Any, value: Any) -> bool:
    """Return whether a value is an integer. To JSON Schema 1.0 is one, to the service it is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def _matches(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    if validator.is_type(instance, "string") and not patterns.finds(patterns.translated(pattern), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


Validator: Any = extend(  # type: ignore[no-untyped-call]  # untyped in its stubs
    Draft202012Validator,
    validators={"pattern": _matches},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer),
)
