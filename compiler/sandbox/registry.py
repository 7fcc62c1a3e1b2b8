"""What SageMaker keeps besides jobs and pipelines: groups and packages of models, artifacts, tags."""

from __future__ import annotations

from typing import Any

from compiler.sandbox.service import Region, ServiceError, not_found, operation, page, select


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
    found: dict[str, Any] | None = region.table("groups").get(name)
    if found is None:
        raise ServiceError("ValidationException", f"ModelPackageGroup {name} does not exist.")
    return found


@operation
def list_model_package_groups(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    name, status = "ModelPackageGroupName", "ModelPackageGroupStatus"
    found = select(request, list(region.table("groups").values()), name, status)
    keys = (name, "ModelPackageGroupArn", "CreationTime", status)
    return page(request, [{k: g[k] for k in keys} for g in found], "ModelPackageGroupSummaryList", default=10)


@operation
def describe_model_package(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    name = request["ModelPackageName"]
    found: dict[str, Any] | None = region.table("packages").get(name)
    if found is None:
        raise ServiceError("ValidationException", f"ModelPackage {name} does not exist.")
    base = found["BaseModelArn"].partition(":hub-content/")[2].split("/")
    content = {"HubContentName": base[2], "HubContentArn": found["BaseModelArn"]}
    container = {"BaseModel": {**content, "HubContentVersion": base[3] if len(base) > 3 else "1.0.0"}}
    answer = {k: v for k, v in found.items() if k not in ("BaseModelArn", "CreatedBy")}
    return {
        **answer,
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "InferenceSpecification": {"Containers": [container]},
    }


@operation
def list_model_packages(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    group = request.get("ModelPackageGroupName")
    keys = (
        "ModelPackageArn",
        "ModelPackageGroupName",
        "ModelPackageVersion",
        "ModelPackageStatus",
        "CreationTime",
    )
    ours = [p for p in region.table("packages").values() if group in (None, p["ModelPackageGroupName"])]
    return page(request, [{k: p[k] for k in keys} for p in ours], "ModelPackageSummaryList", default=10)


@operation
def create_artifact(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    artifact = region.new_id(f"artifact {request['Source']['SourceUri']}", 32)
    arn = region.arn(f"artifact/{artifact}")
    region.table("artifacts")[arn] = {
        **request,
        "ArtifactArn": arn,
        "CreationTime": region.now(),
        "LastModifiedTime": region.now(),
    }
    return {"ArtifactArn": arn}


@operation
def list_artifacts(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    uri, wanted = request.get("SourceUri"), request.get("ArtifactType")
    keys = ("ArtifactArn", "ArtifactName", "Source", "ArtifactType", "CreationTime", "LastModifiedTime")
    ours = [
        {k: a[k] for k in keys if k in a}
        for a in region.table("artifacts").values()
        if uri in (None, a["Source"]["SourceUri"]) and wanted in (None, a["ArtifactType"])
    ]
    return page(request, ours, "ArtifactSummaries", default=10)


@operation
def describe_artifact(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] | None = region.table("artifacts").get(request["ArtifactArn"])
    if found is None:
        raise not_found(f"artifact {request['ArtifactArn']}")
    return found


@operation
def delete_artifact(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    arn = request.get("ArtifactArn", "")
    if region.table("artifacts").pop(arn, None) is None:
        raise not_found(f"artifact {arn}")
    return {"ArtifactArn": arn}


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
    found: list[dict[str, str]] | None = region.table("tags").get(request["ResourceArn"])
    if found is None:
        raise not_found(f"resource {request['ResourceArn']}")
    return found
