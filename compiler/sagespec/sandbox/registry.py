"""Model package groups, and the tags of all resources."""

from __future__ import annotations

from typing import Any

from sagespec.sandbox.service import Region, ServiceError, not_found, operation, page, select


@operation
def create_model_package_group(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    groups, name = region.table("groups"), request["ModelPackageGroupName"]
    if name in groups:
        raise ServiceError("ValidationException", f"Model Package Group already exists: {region.arn(name)}")
    groups[name] = {
        **{k: v for k, v in request.items() if k != "Tags"},
        "ModelPackageGroupArn": region.arn(f"model-package-group/{name}"),
        "ModelPackageGroupStatus": "Completed",
        "CreationTime": region.now(),
        "CreatedBy": {},
    }
    region.table("tags")[groups[name]["ModelPackageGroupArn"]] = list(request.get("Tags", ()))
    return {"ModelPackageGroupArn": groups[name]["ModelPackageGroupArn"]}


@operation
def describe_model_package_group(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    name = request["ModelPackageGroupName"].rpartition("/")[2]
    group: dict[str, Any] | None = region.table("groups").get(name)
    if group is None:
        raise ServiceError("ValidationException", f"ModelPackageGroup {name} does not exist.")
    return group


@operation
def list_model_package_groups(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    name, status = "ModelPackageGroupName", "ModelPackageGroupStatus"
    groups = select(request, list(region.table("groups").values()), name, status)
    keys = (name, "ModelPackageGroupArn", "CreationTime", status)
    return page(request, [{k: g[k] for k in keys} for g in groups], "ModelPackageGroupSummaryList", default=10)


@operation
def list_tags(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    return page(request, _tags(region, request), "Tags")


@operation
def add_tags(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    merged = {t["Key"]: t for t in [*_tags(region, request), *request["Tags"]]}
    region.table("tags")[request["ResourceArn"]] = list(merged.values())
    return {"Tags": list(merged.values())}


@operation
def delete_tags(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    left = [t for t in _tags(region, request) if t["Key"] not in request["TagKeys"]]
    region.table("tags")[request["ResourceArn"]] = left
    return {}


def _tags(region: Region, request: dict[str, Any]) -> list[dict[str, str]]:
    tags: list[dict[str, str]] | None = region.table("tags").get(request["ResourceArn"])
    if tags is None:
        raise not_found(f"resource {request['ResourceArn']}")
    return tags
