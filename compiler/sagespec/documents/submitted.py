"""What apply adds to the requests of a compiled file: tokens, and tags of ours.

In: a request as it is compiled. Out: the same with what tells whose it is. None of it stands in the file, so that a
reviewer sees what a spec says and nothing that follows from it.
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
"""What stands for both where only the form of a request is checked."""


def completed(request: Request, address: str, identity: str, commit: str | None) -> Request:
    """Add the token that keeps a request from being carried out twice, and what a resource of ours is tagged with.

    Resources that several specs share, and functions that have names of their own, carry no tags of ours.
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
    """Whether a request of a compiled file makes a function that the spec has named: others may know it, too."""
    return isinstance(request.parameters.get("FunctionName"), str)
