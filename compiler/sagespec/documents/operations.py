"""The operations that compiled files may contain, and the API's model of each.

In: the files of `schemas/v1/api/`, one for each operation, derived from botocore. They are the only list: compile and
apply refuse any other operation. Whether `apply` adds a token or tags to an operation follows from its members there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal

from sagespec import assets

Schema = dict[str, Any]

GROUND = (
    "CreateArtifact",
    "CreateHub",
    "CreateModelPackageGroup",
    "CreatePipeline",
    "ImportHubContent",
    "PutObject",
)
"""Operations that create what a run needs. Any other operation starts the run of its file, as its last request."""
SHARED = ("CreateArtifact", "CreateHub", "CreateModelPackageGroup", "ImportHubContent", "PutObject")
"""Operations on resources that several specs share, so that no tags of one spec are added."""


@cache
def services() -> Mapping[str, str]:
    """Return the service of each operation, by boto3's name of the service and the API's of the operation."""
    files = sorted((assets.schemas() / "api").glob("*.json"))
    pairs = (file.stem.partition(".") for file in files)
    return {operation: service for service, _, operation in pairs}


@cache
def runs() -> tuple[str, ...]:
    """Return the operations that start a run; one of them is the last request of a file."""
    return tuple(sorted(services().keys() - set(GROUND)))


@cache
def shapes(service: str, operation: str) -> Mapping[str, Schema]:
    """Return the shapes of an operation's input by name; the input itself has the name ''."""
    return by_name(assets.document(assets.schemas() / "api" / f"{service}.{operation}.json"))


def by_name(schema: Schema) -> dict[str, Schema]:
    """Return the shapes in the schema of an operation by name; the input itself has the name ''."""
    definitions: dict[str, Schema] = schema["$defs"]
    return {**definitions, "": definitions[schema["$ref"].rpartition("/")[2]]}


def has_token(operation: str) -> bool:
    """Return whether an operation takes a token that makes it idempotent."""
    return "ClientRequestToken" in _members(operation)


def tags(operation: str) -> Literal["list", "map"] | None:
    """Return how an operation writes tags, or None where none are added."""
    given = _members(operation).get("Tags")
    if given is None or operation in SHARED:
        return None
    shape = shapes(services()[operation], operation)[given["$ref"].rpartition("/")[2]] if "$ref" in given else given
    return "list" if shape["type"] == "array" else "map"


def _members(operation: str) -> Mapping[str, Schema]:
    """Return the members of an operation's input; none for an unknown operation."""
    service = services().get(operation)
    members: Mapping[str, Schema] = shapes(service, operation)[""]["properties"] if service else {}
    return members


def wrong(operations: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with the operations of a file: all are known, and only the last one starts a run."""
    for unknown in dict.fromkeys(one for one in operations if one not in services()):
        yield f"apply does not know the operation {unknown}"
    if operations and operations[-1] in GROUND:
        yield f"its last request, {operations[-1]}, starts no run"
    if any(operation in runs() for operation in operations[:-1]):
        yield "starts more than one run"
