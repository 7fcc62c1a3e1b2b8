"""Check requests as the service does before it carries them out.

In: an operation and its parameters. Refuses members that are missing, unknown, of another type, or outside their
pattern, range or enum; a value outside an enum is a warning for the compiler, and an error for the service.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sagespec.checking import api
from sagespec.sandbox import shapes
from sagespec.sandbox.service import ServiceError

_INVALID = {"sagemaker": "ValidationException", "logs": "InvalidParameterException"}
_schema = cache(shapes.schema)


def check(service: str, operation: str, request: Mapping[str, Any]) -> None:
    """Check a request.

    Raises ServiceError for the first mistake.
    """
    for problem in api.check_against(_schema(service, operation), request):
        where = ".".join(str(step) for step in problem.path)
        if problem.rule == "api-type":
            raise ServiceError("SerializationException", f"{where}: {problem.message}")
        failed = f"Value at '{where}' failed to satisfy constraint: {problem.message}"
        raise ServiceError(_INVALID[service], f"1 validation error detected: {failed}")
