"""Tags of what exists, against those of the compiled files.

Tags start nothing and are no part of the identity, so they can drift; `apply --sync-tags` mends that. Tags that
others have put on a resource are theirs and stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from compiler.executor.cloud import Cloud
from compiler.executor.files import File
from compiler.executor.runs import Run


@dataclass(frozen=True)
class Drift:
    """Tags that a resource lacks or has otherwise: `wanted` by key."""

    address: str
    region: str
    arn: str
    wanted: dict[str, str]


def drifts(cloud: Cloud, file: File, run: Run) -> list[Drift]:
    """Compare the tags of a run, and of its pipeline, with those of its file.

    Raises CloudError.
    """
    found = []
    for request in file.requests:
        if request.operation in ("CreateJob", "CreateTrainingJob", "CreatePipeline"):
            arn = run.arn.partition("/execution/")[0]
            have = {
                tag["Key"]: tag["Value"]
                for page in cloud.pages("sagemaker", "ListTags", "Tags", file.content.region, ResourceArn=arn)
                for tag in page
            }
            wanted = {t["Key"]: t["Value"] for t in request.parameters.get("Tags", ())}
            missing = {key: value for key, value in wanted.items() if have.get(key) != value}
            if missing:
                found.append(Drift(file.address, file.content.region, arn, missing))
    return found


def repair(cloud: Cloud, drifts: Iterable[Drift]) -> None:
    """Put the tags right.

    Raises CloudError.
    """
    for drift in drifts:
        tags = [{"Key": key, "Value": value} for key, value in sorted(drift.wanted.items())]
        cloud.call("sagemaker", "AddTags", drift.region, ResourceArn=drift.arn, Tags=tags)
