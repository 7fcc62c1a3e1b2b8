"""What is there already of all that jobs and executions stand on: buckets, groups, artifacts, objects, pipelines.

In: the parameters of a request. Out: what AWS has of it, or nothing. Reads only.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from compiler.executor.cloud import Cloud, CloudError
from compiler.submitted import ADDRESS


@dataclass(frozen=True)
class Shelf:
    """The resources of one region."""

    cloud: Cloud
    region: str

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.cloud.call(service, operation, self.region, **parameters)

    def look(self, service: str, operation: str, **parameters: Any) -> dict[str, Any] | None:
        """Describe something; None where it does not exist."""
        try:
            return self.call(service, operation, **parameters)
        except CloudError as error:
            if error.is_missing:
                return None
            raise

    def group(self, name: str) -> str | None:
        """The ARN of a model package group."""
        found = self.look("sagemaker", "DescribeModelPackageGroup", ModelPackageGroupName=name)
        return None if found is None else str(found["ModelPackageGroupArn"])

    def artifact(self, parameters: Mapping[str, Any]) -> str | None:
        """The ARN of the oldest artifact with this source: whoever has made several, all go on with the same."""
        source, wanted = parameters["Source"]["SourceUri"], parameters["ArtifactType"]
        given = {"SourceUri": source, "ArtifactType": wanted}
        pages = self.cloud.pages("sagemaker", "ListArtifacts", "ArtifactSummaries", self.region, **given)
        listed = [artifact for page in pages for artifact in page]
        oldest = min(listed, key=lambda a: (a["CreationTime"], a["ArtifactArn"]), default=None)
        return None if oldest is None else str(oldest["ArtifactArn"])

    def object(self, parameters: Mapping[str, Any]) -> Literal["same", "other", "absent"]:
        """Whether an object with this very content is there, or another's; to those who may not look it is absent."""
        place = {name: parameters[name] for name in ("Bucket", "Key", "ExpectedBucketOwner") if name in parameters}
        try:
            found = self.look("s3", "HeadObject", **place, ChecksumMode="ENABLED")
        except CloudError as error:
            if error.is_denied:  # what S3 says of an absent object, too, to those who may not list the bucket
                return "absent"
            raise
        if found is None:
            return "absent"
        there = found.get("ChecksumSHA256")
        if there is None or found.get("ChecksumType") == "COMPOSITE":  # others upload otherwise
            there = checksum(self.cloud.content(place["Bucket"], place["Key"], self.region))
        return "same" if there == checksum(parameters["Body"]) else "other"

    def pipeline(self, name: str) -> dict[str, Any] | None:
        return self.look("sagemaker", "DescribePipeline", PipelineName=name)

    def is_of(self, pipeline: Mapping[str, Any], address: str) -> bool:
        """Whether a pipeline is this spec's: one that others have made is never touched."""
        arn = {"ResourceArn": pipeline["PipelineArn"], "MaxResults": 100}
        pages = self.cloud.pages("sagemaker", "ListTags", "Tags", self.region, **arn)
        return any(tag == {"Key": ADDRESS, "Value": address} for page in pages for tag in page)


def user(context: Mapping[str, Any] | None) -> str | None:
    """Who has made or changed something, where SageMaker says it: a profile of Studio, or an identity of IAM."""
    known = context or {}
    found = known.get("UserProfileName") or (known.get("IamIdentity") or {}).get("Arn")
    return str(found) if found else None


def checksum(body: str | bytes) -> str:
    """A content's SHA-256, as S3 writes it."""
    content = body.encode() if isinstance(body, str) else body
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def same_definition(found: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Whether a pipeline is defined as wanted; the text may differ."""
    return bool(json.loads(found["PipelineDefinition"]) == json.loads(parameters["PipelineDefinition"]))
