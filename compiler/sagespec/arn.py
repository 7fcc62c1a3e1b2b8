"""ARNs and S3 URIs: parsing, and building ARNs of SageMaker."""

from __future__ import annotations

from typing import NamedTuple


class Arn(NamedTuple):
    """The parts of `arn:partition:service:region:account:resource`."""

    partition: str
    service: str
    region: str
    account: str
    resource: str


class HubContent(NamedTuple):
    """The parts of `hub-content/<hub>/<type>/<name>[/<version>]`; a missing version is ''."""

    hub: str
    type: str
    name: str
    version: str


def parse(text: str) -> Arn | None:
    """Parse an ARN; None for any other text."""
    parts = text.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or not parts[1].startswith("aws"):
        return None
    return Arn(*parts[1:])


def hub_content(text: str) -> HubContent | None:
    """Parse the ARN of hub content; None for any other text."""
    parsed = parse(text)
    if parsed is None or not parsed.resource.startswith("hub-content/"):
        return None
    return HubContent(*[*parsed.resource.split("/")[1:], "", "", "", ""][:4])


def name(text: str) -> str:
    """Return the last part of a resource's path, such as the name of a role."""
    return text.rpartition("/")[2]


def sagemaker(partition: str, region: str, account: str, resource: str) -> str:
    """Build the ARN of a SageMaker resource."""
    return f"arn:{partition}:sagemaker:{region}:{account}:{resource}"


def s3_location(uri: str) -> tuple[str, str]:
    """Split an S3 URI into bucket and key; the bucket may be the ARN of an access point, which contains a slash."""
    location = uri.removeprefix("s3://")
    if location.startswith("arn:"):
        point, _, rest = location.partition("/")
        name, _, key = rest.partition("/")
        return f"{point}/{name}", key
    bucket, _, key = location.partition("/")
    return bucket, key
