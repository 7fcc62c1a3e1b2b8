"""Hubs, and the contents that clients import into those of the account: evaluators, data sets, other documents.

In: requests. A hub is `Creating` and content `Importing` for a moment. Refuses hubs that do not exist or exist
already, versions of content that exist already, and documents that are not JSON objects.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sagespec import arn
from sagespec.sandbox.service import CREATED, Region, ServiceError, not_found, operation, page

PUBLIC_HUB = "SageMakerPublicHub"
_SUMMARY = (
    "HubContentName",
    "HubContentArn",
    "HubContentVersion",
    "HubContentType",
    "DocumentSchemaVersion",
    "HubContentDisplayName",
    "HubContentDescription",
    "HubContentSearchKeywords",
    "HubContentStatus",
    "CreationTime",
)
FIRST = "1.0.0"


def add(region: Region, content: arn.HubContent, document: str = "{}") -> None:
    """Create content with a document, and its hub, unless they exist."""
    if content.hub not in _hubs(region):
        create_hub(region, {"HubName": content.hub, "HubDescription": ""})
    if find(region, content.hub, content.type, content.name, content.version or None) is None:
        request = {
            "HubName": content.hub,
            "HubContentType": content.type,
            "HubContentName": content.name,
            "HubContentVersion": content.version or FIRST,
            "DocumentSchemaVersion": "2.0.0",
            "HubContentDocument": document,
        }
        import_hub_content(region, request)


@operation
def create_hub(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    name = request["HubName"]
    if name in _hubs(region):
        raise ServiceError("ResourceInUse", f"Hub {name} already exists.")
    times = {"CreationTime": region.now(), "LastModifiedTime": region.now()}
    given = {key: value for key, value in request.items() if key != "Tags"}
    region.table("hubs")[name] = {**_hub(region, name), **given, **times, "HubStatus": "Creating"}
    region.table("tags")[region.arn(f"hub/{name}")] = list(request.get("Tags", ()))
    return {"HubArn": region.arn(f"hub/{name}")}


@operation
def list_hubs(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    text = request.get("NameContains", "")
    keys = ("HubName", "HubArn", "HubDescription", "HubDisplayName", "HubStatus", "CreationTime", "LastModifiedTime")
    hubs = [hub for name, hub in sorted(_hubs(region).items()) if text in name]
    return page(request, [{k: hub[k] for k in keys if k in hub} for hub in hubs], "HubSummaries", default=10)


@operation
def describe_hub(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    return _named(region, request)


@operation
def delete_hub(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    name = _named(region, request)["HubName"]
    if any(content["HubName"] == name for content in region.table("hub_contents").values()):
        raise ServiceError("ResourceInUse", f"Hub {name} has contents.")
    if region.table("hubs").pop(name, None) is None:
        raise ServiceError("ValidationException", f"Hub {name} is not the account's to delete.")
    return {}


@operation
def import_hub_content(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    hub, kind, name = _named(region, request), request["HubContentType"], request["HubContentName"]
    version = request.get("HubContentVersion") or FIRST
    if hub["HubName"] == PUBLIC_HUB:
        raise ServiceError("ValidationException", f"Nothing can be imported into {PUBLIC_HUB}.")
    try:
        document = json.loads(request["HubContentDocument"])
    except (RecursionError, ValueError):
        document = None
    if not isinstance(document, dict):
        raise ServiceError("ValidationException", "HubContentDocument is not a JSON object.")
    own = region.arn(f"hub-content/{hub['HubName']}/{kind}/{name}/{version}")
    if own in region.table("hub_contents"):
        raise ServiceError("ResourceInUse", f"Hub content {own} already exists.")
    region.table("hub_contents")[own] = {
        **{key: value for key, value in request.items() if key != "Tags"},
        "HubName": hub["HubName"],
        "HubArn": hub["HubArn"],
        "HubContentArn": own,
        "HubContentVersion": version,
        "HubContentStatus": "Importing",
        "CreationTime": region.now(),
        "LastModifiedTime": region.now(),
    }
    region.table("tags")[own] = list(request.get("Tags", ()))
    return {"HubArn": hub["HubArn"], "HubContentArn": own}


@operation
def list_hub_content_versions(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    hub, name = _named(region, request)["HubName"], request["HubContentName"]
    contents = [c for c in _of(region, hub, request["HubContentType"]) if c["HubContentName"] == name]
    if not contents:
        raise not_found(f"hub content {name} of hub {hub}")
    return page(request, [_summary(content) for content in contents], "HubContentSummaries", default=10)


@operation
def delete_hub_content(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    hub, version = _named(region, request)["HubName"], request["HubContentVersion"]
    content = find(region, hub, request["HubContentType"], request["HubContentName"], version)
    if content is None:
        raise not_found(f"version {version} of hub content {request['HubContentName']} of hub {hub}")
    del region.table("hub_contents")[content["HubContentArn"]]
    return {}


def find(region: Region, hub: str, kind: str, name: str, version: str | None) -> dict[str, Any] | None:
    """Return imported content of a version, or the newest; None where there is none."""
    for content in _of(region, hub, kind):
        if content["HubContentName"] == name and version in (None, content["HubContentVersion"]):
            return content
    return None


def newest(region: Region, hub: str, kind: str) -> list[dict[str, Any]]:
    """Return the newest version of each imported content of a hub, in the form of a list."""
    contents: dict[str, dict[str, Any]] = {}
    for content in _of(region, hub, kind):
        contents.setdefault(content["HubContentName"], _summary(content))
    return [contents[name] for name in sorted(contents)]


def _of(region: Region, hub: str, kind: str) -> Iterator[dict[str, Any]]:
    """Yield the imported contents of a type, highest version first."""
    everything = (_now(region, content, "HubContentStatus", "Available") for content in _contents(region))
    ours = [c for c in everything if (c["HubName"], c["HubContentType"]) == (hub, kind)]
    yield from sorted(ours, key=lambda c: [int(part) for part in c["HubContentVersion"].split(".")], reverse=True)


def _contents(region: Region) -> Iterable[dict[str, Any]]:
    return region.table("hub_contents").values()


def _now(region: Region, record: dict[str, Any], member: str, ready: str) -> dict[str, Any]:
    """Return a hub or content at this moment: ready after its time of creation has passed."""
    is_ready = region.now() >= record["CreationTime"] + region.timing.lineage
    return {**record, member: ready} if is_ready else record


def _summary(content: dict[str, Any]) -> dict[str, Any]:
    return {key: content[key] for key in _SUMMARY if key in content}


def _named(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    """Return the hub of a request, given by name or ARN."""
    name = request["HubName"].rpartition("/")[2]
    hub = _hubs(region).get(name)
    if hub is None:
        raise not_found(f"hub {name}")
    return hub


def _hubs(region: Region) -> dict[str, dict[str, Any]]:
    there = {PUBLIC_HUB, *(model["hub"] for model in region.facts.get("hub_models", {}).values())}
    made = {name: _now(region, hub, "HubStatus", "InService") for name, hub in region.table("hubs").items()}
    return {**{name: _hub(region, name) for name in there}, **made}


def _hub(region: Region, name: str) -> dict[str, Any]:
    owner = "aws" if name == PUBLIC_HUB else region.account
    return {
        "HubName": name,
        "HubArn": f"arn:{region.partition}:sagemaker:{region.region}:{owner}:hub/{name}",
        "HubDescription": "",
        "HubStatus": "InService",
        "CreationTime": CREATED,
        "LastModifiedTime": CREATED,
    }
