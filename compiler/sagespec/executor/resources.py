"""Look up existing resources: buckets, groups, artifacts, objects, pipelines.

In: the parameters of a request. Out: what exists in AWS. Reads only.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from sagespec.documents.submitted import ADDRESS
from sagespec.executor import documents
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.patience import SECONDS, look_for


@dataclass(frozen=True)
class Shelf:
    """The resources of one region."""

    cloud: Cloud
    region: str

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.cloud.call(service, operation, self.region, **parameters)

    def look(self, service: str, operation: str, **parameters: Any) -> dict[str, Any] | None:
        """Describe a resource; None where it does not exist.

        Raises CloudError.
        """
        try:
            return self.call(service, operation, **parameters)
        except CloudError as error:
            if error.is_missing:
                return None
            raise

    def group(self, name: str) -> str | None:
        """Return the ARN of a model package group, or None."""
        described = self.look("sagemaker", "DescribeModelPackageGroup", ModelPackageGroupName=name)
        return None if described is None else str(described["ModelPackageGroupArn"])

    def artifacts(self, parameters: Mapping[str, Any]) -> list[str]:
        """Return the ARNs of the artifacts with this source, oldest first: the oldest is used by all."""
        source, wanted = parameters["Source"]["SourceUri"], parameters["ArtifactType"]
        given = {"SourceUri": source, "ArtifactType": wanted}
        pages = self.cloud.pages("sagemaker", "ListArtifacts", "ArtifactSummaries", self.region, **given)
        listed = [artifact for page in pages for artifact in page]
        return [str(a["ArtifactArn"]) for a in sorted(listed, key=lambda a: (a["CreationTime"], a["ArtifactArn"]))]

    def object(self, parameters: Mapping[str, Any]) -> Literal["same", "other", "absent", "hidden"]:
        """Return whether an object has this content or other content, or is absent; hidden without permission."""
        location = {name: parameters[name] for name in ("Bucket", "Key", "ExpectedBucketOwner") if name in parameters}
        try:
            described = self.look("s3", "HeadObject", **location, ChecksumMode="ENABLED")
        except CloudError as error:
            if error.is_denied:  # without permission to list, S3 says the same of a missing object
                return "hidden"
            raise
        if described is None:
            return "absent"
        there = described.get("ChecksumSHA256")
        if there is None or described.get("ChecksumType") == "COMPOSITE":  # uploaded by another tool
            there = checksum_of(self.cloud.chunks(location["Bucket"], location["Key"], self.region))
        return "same" if there == checksum(parameters["Body"]) else "other"

    def pipeline(self, name: str) -> dict[str, Any] | None:
        return self.look("sagemaker", "DescribePipeline", PipelineName=name)

    def is_of(self, pipeline: Mapping[str, Any], address: str, steps: Iterable[str]) -> bool:
        """Return whether a pipeline belongs to this spec; others are never touched.

        Tags may be shown later than the pipeline: for the tags of a new one with the same `steps` it waits.
        """
        age = (datetime.now(timezone.utc) - pipeline["CreationTime"]).total_seconds()
        may_be_late = age < SECONDS and steps_of(definition(pipeline)) == list(steps)

        def look() -> bool | None:
            if tags_of(self.cloud, self.region, pipeline["PipelineArn"]).get(ADDRESS) == address:
                return True
            return None if may_be_late else False

        return bool(look_for(look))


def user(context: Mapping[str, Any] | None) -> str | None:
    """Return who made or changed a resource: a profile of Studio or an IAM identity; None where unknown."""
    known = context or {}
    name = known.get("UserProfileName") or (known.get("IamIdentity") or {}).get("Arn")
    return str(name) if name else None


def tags_of(cloud: Cloud, region: str | None, arn: str) -> dict[str, str]:
    """Return the tags of a job, a pipeline or a function.

    Raises CloudError.
    """
    if ":lambda:" in arn:
        tags: dict[str, str] = cloud.call("lambda", "GetFunction", region, FunctionName=arn).get("Tags", {})
        return tags
    pages = cloud.pages("sagemaker", "ListTags", "Tags", region, ResourceArn=arn, MaxResults=100)
    return {tag["Key"]: tag["Value"] for page in pages for tag in page}


def steps_of(definition: Any) -> list[str]:
    """Return the names of the steps of a pipeline definition; none where it has no list of steps."""
    steps = definition.get("Steps") if isinstance(definition, dict) else None
    return [str(step.get("Name")) for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []


def checksum(body: str | bytes) -> str:
    """Return the SHA-256 of a content in base64, as S3 writes it."""
    return checksum_of([body.encode() if isinstance(body, str) else body])


def checksum_of(chunks: Iterable[bytes]) -> str:
    """Return the SHA-256 of chunks in base64."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return base64.b64encode(digest.digest()).decode()


def same_definition(described: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Return whether a pipeline has the wanted definition; its text may differ."""
    return bool(definition(described) == definition(parameters))


def definition(of: Mapping[str, Any]) -> Any:
    """Parse the pipeline definition of an answer or a request.

    Raises CloudError where it is not JSON.
    """
    return documents.read(of["PipelineDefinition"], "PipelineDefinition")
