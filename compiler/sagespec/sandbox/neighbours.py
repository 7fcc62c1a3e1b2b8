"""SageMaker's access to other services of the account: S3, IAM and ECR, which moto serves.

In: a region, and names. Out: whether something exists, or its content. A bucket of another region does not exist
here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from sagespec.sagemaker.images import Image
from sagespec.sandbox.service import MALFORMED, MOTO, Region


def put_object(region: Region, bucket: str, key: str, body: bytes) -> None:
    """Write an object, if the bucket exists."""
    s3 = _backend("s3", region, region.partition)
    with MOTO:
        if bucket in s3.buckets:
            s3.put_object(bucket, key, body)


def get_object(region: Region, uri: str) -> bytes | None:
    """Read an object by its `s3://` URI; None where it does not exist."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    s3 = _backend("s3", region, region.partition)
    with MOTO:
        stored = s3.get_object(bucket, key) if bucket in s3.buckets else None
        return None if stored is None else bytes(stored.value)


def has_objects(region: Region, uri: str) -> bool:
    """Return whether any object has the prefix of an `s3://` URI."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    s3 = _backend("s3", region, region.partition)
    with MOTO:
        if bucket not in s3.buckets or s3.buckets[bucket].region_name != region.region:
            return False
        return bool(s3.list_objects(s3.buckets[bucket], prefix, None, None, 1)[0])


def has_role(region: Region, arn: str) -> bool:
    """Return whether a role with this ARN exists."""
    return _role(region, arn) is not None


def policies_of(region: Region, arn: str) -> list[Any]:
    """Return the inline policies of a role."""
    role = _role(region, arn)
    return [json.loads(text) for text in role.policies.values()] if role else []


def may_assume(region: Region, arn: str, principal: str, actions: Iterable[str]) -> bool:
    """Whether there is a role, and its trust policy lets a service do what it takes to assume it."""
    role = _role(region, arn)
    try:
        policy = json.loads(role.assume_role_policy_document) if role else {}
        statements = policy.get("Statement", [])
        allowed = [_trusted(s, principal) for s in (statements if isinstance(statements, list) else [statements])]
    except MALFORMED:
        return False
    return role is not None and set(actions) <= set().union(*allowed)


def _trusted(statement: dict[str, Any], service: str) -> set[str]:
    """The actions that a statement of a trust policy lets a service do."""
    if statement.get("Effect") != "Allow":
        return set()
    principal = statement.get("Principal", {})
    services = [service] if principal == "*" else principal.get("Service", [])
    actions = statement.get("Action", [])
    return (
        {actions}
        if service in services and isinstance(actions, str)
        else {*actions}
        if service in services
        else set()
    )


def _role(region: Region, arn: str) -> Any:
    iam = _backend("iam", region, region.partition)
    with MOTO:
        return next((role for role in iam.roles.values() if role.arn == arn), None)


def has_repository(region: Region, name: str) -> bool:
    """Return whether a repository of ECR exists."""
    return name in _backend("ecr", region, region.region).repositories


def has_image(region: Region, image: Image) -> bool:
    """Return whether an image and its repository exist."""
    repository = _backend("ecr", region, region.region).repositories.get(image.repository)
    if repository is None:
        return False
    if image.digest:
        return any(known.get_image_digest() == image.digest for known in repository.images)
    return any(image.tag in known.image_tags for known in repository.images)


def push_image(region: Region, image: Image) -> None:
    """Create an image in ECR, unless it exists."""
    ecr = _backend("ecr", region, region.region)
    if not has_repository(region, image.repository):
        ecr.create_repository(image.repository, None, {}, {}, "MUTABLE", [])
    if not has_image(region, image):
        digest = image.digest or f"sha256:{hashlib.sha256(image.tag.encode()).hexdigest()}"
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": {"size": 1, "digest": digest}, "layers": []}
        ecr.put_image(image.repository, json.dumps(manifest), image.tag or None, _MANIFEST, digest)


_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def _backend(service: str, region: Region, region_name: str) -> Any:
    """Return moto's backend of a service, in a region or a partition."""
    from moto.backends import get_backend

    return get_backend(service)[region.account][region_name]  # type: ignore[call-overload]  # overloaded for each literal name
