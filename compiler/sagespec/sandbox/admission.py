"""Check what SageMaker checks with a job's own role before it accepts the job: the role, its data, its image.

In: the members of a request. Refuses, in the service's words, a role that does not exist or may not be assumed, data
without objects, and an image that is not in the account's registry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sagespec.sagemaker import images
from sagespec.sandbox import neighbours
from sagespec.sandbox.service import Region, ServiceError

TRAINING, JOB = "sagemaker.amazonaws.com", "job.sagemaker.amazonaws.com"
_ASSUMING = {TRAINING: ("sts:AssumeRole",), JOB: ("sts:AssumeRole", "sts:TagSession")}
"""What each of them calls, and the trust policy of a role has to allow."""
_PULL = "ecr:BatchCheckLayerAvailability, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer"


def check_role(region: Region, role: str, principal: str = TRAINING) -> None:
    """Check that SageMaker may assume a role.

    Raises ServiceError.
    """
    if not neighbours.may_assume(region, role, principal, _ASSUMING[principal]):
        hint = f"Please ensure that the role exists and allows principal '{principal}' to assume the role."
        raise ServiceError("ValidationException", f"Could not assume role {role}. {hint}")


def check_data(region: Region, channels: Iterable[Mapping[str, Any]], role: str) -> None:
    """Check that each channel whose data is in S3 has an object.

    Raises ServiceError.
    """
    for uri in missing_data(region, channels):
        bucket = uri.removeprefix("s3://").partition("/")[0]
        message = (
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
            f"exists in the selected region ({region.region}), that objects exist under that S3 prefix, and that the "
            f'role "{role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
        )
        raise ServiceError("ValidationException", message)


def missing_data(region: Region, channels: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Yield the URIs of channels without objects in S3."""
    for channel in channels:
        uri = channel.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri", "")
        if uri.startswith("s3://") and not neighbours.has_objects(region, uri):
            yield uri


def check_image(region: Region, text: str, role: str) -> None:
    """Check that an image of the account's own registry exists; others are accepted.

    Raises ServiceError.
    """
    image = images.parse(text)
    if image is None or (image.account, image.region) != (region.account, region.region):
        return
    if not neighbours.has_repository(region, image.repository):
        message = (
            f"Cannot find repository: {image.repository} in registry ID: {image.account} Please check if your ECR "
            f"repository exists and role {role} has proper pull permissions for SageMaker: {_PULL}"
        )
        raise ServiceError("ValidationException", message)
    if not neighbours.has_image(region, image):
        raise ServiceError("ValidationException", f"Requested image {text} not found.")
