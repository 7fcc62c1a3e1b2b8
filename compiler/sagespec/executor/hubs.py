"""Hubs and what is imported into them, got or created: one hub an account, one content a name and version.

In: requests of CreateHub and ImportHubContent. Out: their ARNs, once AWS can use what they name. Refuses: content of
the same name and version that says something else, and what AWS could not create or import.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagespec.documents.compiled import Request
from sagespec.executor import documents
from sagespec.executor.cloud import CloudError
from sagespec.executor.resources import Shelf
from sagespec.executor.submission import Answer, Refused, Submission

_KEY = ("HubName", "HubContentType", "HubContentName", "HubContentVersion")


def create(s: Submission, request: Request, parameters: dict[str, Any], _known: Mapping[str, Any]) -> Answer:
    """Get a hub, or create it, and wait until content can be imported into it."""
    name = parameters["HubName"]

    def make() -> tuple[str, str]:
        word = "kept"
        if find_hub(s.shelf, parameters) is None:
            word = _sent(s, "CreateHub", parameters)
        ready = _ready(s, request, name, "HubStatus", "InService", "DescribeHub", HubName=name)
        return word, str(ready["HubArn"])

    word, arn = s.shared.get(f"{s.region} hub {name}", make)
    return word, {"HubArn": arn}


def import_content(s: Submission, request: Request, parameters: dict[str, Any], _known: Mapping[str, Any]) -> Answer:
    """Get the content of a name and version, or import it, and wait until it is available."""
    key, name = _key(parameters), parameters["HubContentName"]

    def make() -> tuple[str, str]:
        word = "kept"
        if find(s.shelf, parameters) is None:
            word = _sent(s, "ImportHubContent", parameters)
        ready = _ready(s, request, name, "HubContentStatus", "Available", "DescribeHubContent", **key)
        if not says_the_same(ready, parameters):
            raise Refused(f"{ready['HubContentArn']} exists and says something else; it is never overwritten")
        return word, str(ready["HubContentArn"])

    word, arn = s.shared.get(f"{s.region} hub content {key}", make)
    return word, {"HubContentArn": arn}


def find_hub(shelf: Shelf, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The hub of a name; None where it does not exist."""
    return shelf.look("sagemaker", "DescribeHub", HubName=parameters["HubName"])


def find(shelf: Shelf, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The content of a name and version; None where it, or its hub, does not exist."""
    return shelf.look("sagemaker", "DescribeHubContent", **_key(parameters))


def _key(parameters: Mapping[str, Any]) -> dict[str, str]:
    return {member: parameters[member] for member in _KEY}


def says_the_same(described: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Whether content has the document that a request has, however both are written."""
    return bool(_document(described) == _document(parameters))


def _document(of: Mapping[str, Any]) -> Any:
    """A document of a hub; what it has as text inside is a document too."""
    document = documents.read(of["HubContentDocument"], "HubContentDocument")
    inner = document.get("JsonContent") if isinstance(document, dict) else None
    if isinstance(inner, str):
        document = {**document, "JsonContent": documents.read(inner, "JsonContent")}
    return document


def _sent(s: Submission, operation: str, parameters: Mapping[str, Any]) -> str:
    """Create something, unless another apply has in the meantime."""
    s.go_on()
    try:
        s.call("sagemaker", operation, **parameters)
    except CloudError as error:
        if not error.is_taken:
            raise
        return "kept"
    return "created"


def _ready(
    s: Submission, request: Request, name: str, member: str, ready: str, operation: str, **key: Any
) -> dict[str, Any]:
    """Wait until what was created can be used."""

    def look() -> dict[str, Any] | None:
        described = s.shelf.look("sagemaker", operation, **key)
        status = described.get(member, ready) if described else ""
        if described is not None and status.endswith("Failed"):
            raise Refused(f"{name} is {status}: {described.get('FailureReason', 'AWS does not say why')}")
        return described if status == ready else None

    seen = s.seen(request, name, look)
    if seen is None:
        raise Refused(f"{name} is not {ready} yet; apply again later")
    return seen
