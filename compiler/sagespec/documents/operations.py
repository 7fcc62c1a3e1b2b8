"""The operations that compiled files may hold, and what the API itself says of each.

In: the files of `schemas/v1/api/`, one an operation, derived from botocore. They are the one list: compile and apply
refuse every other operation. Which of them apply adds a token or tags to follows from their own members.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal

from sagespec import assets

Schema = dict[str, Any]

GROUND = ("CreateArtifact", "CreateModelPackageGroup", "CreatePipeline", "PutObject")
"""The operations that make what runs stand on; each of the others makes a file's run, and is its last request."""
SHARED = ("CreateArtifact", "CreateModelPackageGroup", "PutObject")
"""Those whose things several specs share: they carry no tag that says whose they are."""


@cache
def services() -> Mapping[str, str]:
    """The service of each operation, by the names of boto3 and of the API."""
    files = sorted((assets.schemas() / "api").glob("*.json"))
    pairs = (file.stem.partition(".") for file in files)
    return {operation: service for service, _, operation in pairs}


@cache
def runs() -> tuple[str, ...]:
    """The operations that make a file's run: one of them is the last request."""
    return tuple(sorted(services().keys() - set(GROUND)))


@cache
def shapes(service: str, operation: str) -> Mapping[str, Schema]:
    """The shapes of an operation's input by name; the input itself is called ''."""
    return by_name(assets.document(assets.schemas() / "api" / f"{service}.{operation}.json"))


def by_name(schema: Schema) -> dict[str, Schema]:
    """The shapes of a schema of an operation by name; the input itself is called ''."""
    definitions: dict[str, Schema] = schema["$defs"]
    return {**definitions, "": definitions[schema["$ref"].rpartition("/")[2]]}


def has_token(operation: str) -> bool:
    """Whether an operation takes a token that keeps AWS from carrying it out twice."""
    return "ClientRequestToken" in _members(operation)


def tags(operation: str) -> Literal["list", "map"] | None:
    """In which form an operation takes the tags that say whose its thing is; None where it takes none of ours."""
    given = _members(operation).get("Tags")
    if given is None or operation in SHARED:
        return None
    shape = shapes(services()[operation], operation)[given["$ref"].rpartition("/")[2]] if "$ref" in given else given
    return "list" if shape["type"] == "array" else "map"


def _members(operation: str) -> Mapping[str, Schema]:
    """The members of an operation's input; those of one that is not known are none."""
    service = services().get(operation)
    members: Mapping[str, Schema] = shapes(service, operation)[""]["properties"] if service else {}
    return members


def wrong(operations: Sequence[str]) -> Iterator[str]:
    """Say what is wrong with the operations of a file: all are known, and what runs is the last one alone."""
    for unknown in dict.fromkeys(one for one in operations if one not in services()):
        yield f"apply does not know the operation {unknown}"
    if operations and operations[-1] in GROUND:
        yield f"its last request, {operations[-1]}, makes nothing that runs"
    if any(operation in runs() for operation in operations[:-1]):
        yield "runs more than one thing"
