"""Model packages: existing ones, those that jobs make, and those that clients create."""

from __future__ import annotations

from typing import Any

from sagespec.sandbox.service import Region, ServiceError, operation, page, select

_HIDDEN = ("BaseModelArn", "CreatedBy")


def next_version(region: Region, group: str) -> int:
    """Return the next version of a group: one more than the highest existing one."""
    here = region.at(None).table("packages").values()
    return 1 + max((p["ModelPackageVersion"] for p in here if p["ModelPackageGroupName"] == group), default=0)


def of_job(region: Region, job: str, group: str, base_model: str, end: float) -> str:
    """Return the package that a finished job has made in a group; it is created on first use."""
    packages, name = region.at(None).table("packages"), group.rpartition("/")[2]
    for arn, package in packages.items():
        if package.get("CreatedBy") == job:
            return str(arn)
    version = next_version(region, name)
    arn = region.arn(f"model-package/{name}/{version}")
    packages.at(end)[arn] = {
        "ModelPackageArn": arn,
        "ModelPackageGroupName": name,
        "ModelPackageVersion": version,
        "ModelPackageStatus": "Completed",
        "CreationTime": end,
        "CreatedBy": job,
        "BaseModelArn": base_model,
    }
    return arn


@operation
def create_model_package(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    group = str(request.get("ModelPackageGroupName") or "").rpartition("/")[2]
    if not group:
        raise ServiceError("ValidationException", "The sandbox has no model packages without a group: name one.")
    if group not in region.table("groups"):
        raise ServiceError("ValidationException", f"Model Package Group {group} does not exist.")

    def make() -> dict[str, Any]:
        version = next_version(region, group)
        arn = region.arn(f"model-package/{group}/{version}")
        region.table("packages")[arn] = {
            **{name: value for name, value in request.items() if name not in ("Tags", "ClientToken")},
            "ModelPackageArn": arn,
            "ModelPackageGroupName": group,
            "ModelPackageVersion": version,
            "ModelPackageStatus": "Completed",
            "CreationTime": region.now(),
        }
        region.table("tags")[arn] = list(request.get("Tags", ()))
        return {"ModelPackageArn": arn}

    return region.once("CreateModelPackage", request, make)


@operation
def describe_model_package(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    name = request["ModelPackageName"]
    package: dict[str, Any] | None = region.table("packages").get(name)
    if package is None:
        raise ServiceError("ValidationException", f"ModelPackage {name} does not exist.")
    return shown(package)


def shown(package: dict[str, Any]) -> dict[str, Any]:
    """Return a package in the form of DescribeModelPackage; a job's package names its base model."""
    answer = {name: value for name, value in package.items() if name not in _HIDDEN}
    if base_model := package.get("BaseModelArn"):
        base = base_model.partition(":hub-content/")[2].split("/")
        content = {"HubContentName": base[2], "HubContentVersion": base[3] if len(base) > 3 else "1.0.0"}
        answer["InferenceSpecification"] = {"Containers": [{"BaseModel": content}]}
    name = package["ModelPackageGroupName"]
    return {**answer, "ModelPackageName": name, "ModelPackageStatusDetails": {"ValidationStatuses": []}}


@operation
def list_model_packages(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    group = str(request.get("ModelPackageGroupName") or "").rpartition("/")[2]
    name, status = "ModelPackageGroupName", "ModelPackageStatus"
    ours = [p for p in region.table("packages").values() if group in ("", p[name])]
    keys = ("ModelPackageArn", name, "ModelPackageVersion", status, "ModelApprovalStatus", "CreationTime")
    chosen = select(request, ours, name, status)
    return page(request, [{k: p[k] for k in keys if k in p} for p in chosen], "ModelPackageSummaryList", default=10)
