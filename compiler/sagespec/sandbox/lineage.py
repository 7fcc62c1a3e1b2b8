"""Lineage: artifacts that clients create, and what the lineage steps of pipelines create."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sagespec.sandbox.service import Region, matching, not_found, operation, page

KINDS = {"Actions": "Action", "Artifacts": "Artifact", "Contexts": "Context"}
"""What a lineage step may create: the member of its arguments, and the singular."""


def record(region: Region, arguments: dict[str, Any]) -> dict[str, Any]:
    """Create and associate the actions, artifacts and contexts of a lineage step; return their ARNs by name."""
    outputs: dict[str, Any] = {}
    for kind, single in KINDS.items():
        made = {}
        for entry in arguments.get(kind, ()):
            name = entry[f"{single}Name"]
            arn = region.arn(f"{single.lower()}/{name.lower()}")
            times = {"CreationTime": region.now(), "LastModifiedTime": region.now()}
            region.table("lineage")[arn] = {**entry, f"{single}Arn": arn, **times}
            made[name] = arn
        if made:
            outputs[f"{single}Arns"] = made
    if "Associations" in arguments:
        outputs["Associations"] = [
            _associate(region, association, outputs) for association in arguments["Associations"]
        ]
    return outputs


def _associate(region: Region, wanted: dict[str, Any], outputs: dict[str, Any]) -> dict[str, str]:
    ends = {"SourceArn": _end(wanted["Source"], outputs), "DestinationArn": _end(wanted["Destination"], outputs)}
    kind = wanted.get("AssociationType", "ContributedTo")
    region.table("associations")[f"{ends['SourceArn']} {ends['DestinationArn']}"] = {
        **ends,
        "AssociationType": kind,
        "CreationTime": region.now(),
    }
    return ends


def _end(end: dict[str, Any], outputs: dict[str, Any]) -> str:
    """Return the ARN of one end of an association, given by ARN or by a name in the same step."""
    if "Arn" in end:
        return str(end["Arn"])
    return str(outputs[f"{end['Type']}Arns"][end["Name"]])


@operation
def create_artifact(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    artifact = region.new_id(f"artifact {request['Source']['SourceUri']}", 32)
    arn = region.arn(f"artifact/{artifact}")
    times = {"CreationTime": region.now(), "LastModifiedTime": region.now()}
    region.table("artifacts")[arn] = {**request, "ArtifactArn": arn, **times}
    return {"ArtifactArn": arn}


@operation
def list_artifacts(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    return _page(request, region.table("artifacts").values(), "Artifact")


def _page(request: dict[str, Any], items: Iterable[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Answer with a page of the artifacts or actions of the requested source and type."""
    uri = request.get("SourceUri")
    names = ("Arn", "Name", "Type")
    keys = (*(kind + name for name in names), "Source", "Status", "CreationTime", "LastModifiedTime")
    summaries = [
        {key: item[key] for key in keys if key in item}
        for item in matching(request, items, f"{kind}Type")
        if uri in (None, item.get("Source", {}).get("SourceUri"))
    ]
    return page(request, summaries, f"{kind}Summaries", default=10)


@operation
def describe_artifact(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    artifact: dict[str, Any] | None = region.table("artifacts").get(request["ArtifactArn"])
    if artifact is None:
        raise not_found(f"artifact {request['ArtifactArn']}")
    return artifact


@operation
def delete_artifact(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    arn = request.get("ArtifactArn", "")
    if region.table("artifacts").pop(arn, None) is None:
        raise not_found(f"artifact {arn}")
    return {"ArtifactArn": arn}


@operation
def list_actions(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    actions = [item for item in region.table("lineage").values() if "ActionArn" in item]
    return _page(request, actions, "Action")


@operation
def list_associations(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    members = ("SourceArn", "DestinationArn", "AssociationType")
    associations = matching(request, region.table("associations").values(), *members)
    return page(request, associations, "AssociationSummaries", default=10)
