"""Amazon Resource Names: reading, and building those that can be known beforehand."""

from __future__ import annotations

from typing import NamedTuple


class Arn(NamedTuple):
    """The parts of `arn:partition:service:region:account:resource`."""

    partition: str
    service: str
    region: str
    account: str
    resource: str


def parse(text: str) -> Arn | None:
    """Read an ARN; None for any other text."""
    parts = text.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or not parts[1].startswith("aws"):
        return None
    return Arn(*parts[1:])


def sagemaker(partition: str, region: str, account: str, resource: str) -> str:
    """Build the ARN of a SageMaker resource."""
    return f"arn:{partition}:sagemaker:{region}:{account}:{resource}"
