"""Add to a request what only `apply` knows: idempotency tokens, and the tags of sagespec.

In: a compiled request. Out: the same with a token and tags that identify its spec. They are not in the compiled file,
so that a reviewer sees only what the spec says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagespec.documents import operations
from sagespec.documents.compiled import Request

ADDRESS = "sagespec:address"
IDENTITY = "sagespec:identity"
COMMIT = "sagespec:commit"
ANY_IDENTITY, ANY_COMMIT = "0" * 64, "0" * 40
"""Placeholders where only the form of a request is checked."""


def completed(request: Request, address: str, identity: str, commit: str | None) -> Request:
    """Add the idempotency token and the tags of sagespec to a request.

    Shared resources, and functions whose name the spec gives, get no tags.
    """
    added: dict[str, Any] = {}
    marks = {ADDRESS: address, IDENTITY: identity, **({COMMIT: commit} if commit else {})}
    given = request.parameters
    form = None if names_its_function(request) else operations.tags(request.operation)
    if form == "list":
        added["Tags"] = [*given.get("Tags", ()), *({"Key": key, "Value": value} for key, value in marks.items())]
    elif form == "map":
        added["Tags"] = {**given.get("Tags", {}), **marks}
    if operations.has_token(request.operation):
        added["ClientRequestToken"] = identity
    return replace(request, parameters={**given, **added})


def names_its_function(request: Request) -> bool:
    """Return whether a request creates a function whose name the spec gives.

    Other tools may use that function, too.
    """
    return isinstance(request.parameters.get("FunctionName"), str)
