"""What an account holds when its sandbox starts: roles, groups, packages, buckets, finished jobs, as in a lock."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from compiler import assets
from compiler.sandbox import hub, registry
from compiler.sandbox.service import MOTO, Region

_MOTO_SERVICES = ("iam", "lambda", "logs", "s3", "sts")


def built_in() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((assets.data() / "sandbox" / "account.json").read_text("utf-8"))
    return found


def moto_application(account: str) -> Any:
    """moto's server, with a fresh state, for the services that it has."""
    os.environ["MOTO_ACCOUNT_ID"] = account  # read when moto is imported
    import logging

    from moto.backends import get_backend
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    for service in _MOTO_SERVICES:  # moto keeps its state in the process: a new sandbox starts from nothing
        for by_region in get_backend(service).values():  # type: ignore[call-overload]  # overloaded for each literal name
            for backend in by_region.values():
                backend.reset()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    return DomainDispatcherApplication(create_backend_app)


def seed(region: Region, buckets: Iterable[str]) -> None:
    """Create what a lock knows: roles, groups, packages, buckets, finished jobs."""
    from moto.backends import get_backend

    s3 = get_backend("s3")[region.account][region.partition]
    iam = get_backend("iam")[region.account][region.partition]

    def put_object(bucket: str, key: str, body: bytes) -> None:
        if bucket in s3.buckets:
            with MOTO:
                s3.put_object(bucket, key, body)

    region.put_object = put_object
    default = f"sagemaker-{region.region}-{region.account}"
    for bucket in (default, hub.recipe_bucket(region), *region.facts.get("buckets", ()), *buckets):
        if bucket not in s3.buckets:
            s3.create_bucket(bucket, region.region)
    for name in region.facts.get("roles", {}):
        if not any(role.name == name for role in iam.roles.values()):
            iam.create_role(name, _TRUST, "/", None, "", [], "3600")
    for name, arn in region.facts.get("model_package_groups", {}).items():
        registry.create_model_package_group(region, {"ModelPackageGroupName": name})
        region.table("groups")[name]["ModelPackageGroupArn"] = arn
    for arn, package in region.facts.get("model_packages", {}).items():
        _seed_package(region, arn, package["base_model_arn"])
    hub.seed(region)


_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {
                    "Service": [
                        "sagemaker.amazonaws.com",
                        "job.sagemaker.amazonaws.com",
                        "lambda.amazonaws.com",
                    ]
                },
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


def _seed_package(region: Region, arn: str, base_model_arn: str) -> None:
    name, _, version = arn.rpartition(":model-package/")[2].partition("/")
    region.table("packages")[arn] = {
        "ModelPackageArn": arn,
        "ModelPackageGroupName": name,
        "ModelPackageVersion": int(version or 1),
        "ModelPackageStatus": "Completed",
        "CreationTime": 1767225600.0,
        "BaseModelArn": base_model_arn,
    }
