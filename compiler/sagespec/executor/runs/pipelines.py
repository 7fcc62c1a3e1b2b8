"""Create and update pipelines idempotently.

In: a submission and a filled request. Out: what was done, and the version that an execution is pinned to. A pipeline
that AWS has created is looked up until it is shown. Refuses pipelines that are not the spec's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagespec.documents.compiled import Request
from sagespec.executor import resources
from sagespec.executor.cloud import CloudError
from sagespec.executor.submission import Answer, Refused, Submission


def submit(s: Submission, request: Request, parameters: dict[str, Any], _known: Mapping[str, Any]) -> Answer:
    """Create the pipeline or update its definition; the result has its version.

    Raises CloudError, Refused, Stopped.
    """
    name = parameters["PipelineName"]
    described = None if request.id in s.absent else s.shelf.pipeline(name)
    if described is None:
        if arn := _create(s, parameters):
            return "created", {"PipelineArn": arn, "Version": _version(s, request, parameters)}
        described = s.seen(request, name, lambda: s.shelf.pipeline(name))
    if described is None:
        raise Refused(f"AWS says that there is, or was, a pipeline {name}, but does not show it; {_AGAIN}")
    if not s.shelf.is_of(described, s.file.address, resources.steps_of(resources.definition(parameters))):
        raise Refused(f"a pipeline {described['PipelineName']} exists that this spec has not made")
    if resources.same_definition(described, parameters) and described["RoleArn"] == parameters["RoleArn"]:
        return "kept", {"PipelineArn": described["PipelineArn"], "Version": _version(s, request, parameters)}
    changes = {k: parameters[k] for k in ("PipelineName", "PipelineDefinition", "RoleArn")}
    answer = s.call("sagemaker", "UpdatePipeline", **changes)
    version = answer.get("PipelineVersionId") or _version(s, request, parameters)
    return "updated", {"PipelineArn": described["PipelineArn"], "Version": version}


_AGAIN = "if it was deleted, AWS remembers its creation for a while: raise metadata.run, or apply again later"


def _create(s: Submission, parameters: dict[str, Any]) -> str | None:
    """Create the pipeline and return its ARN; None where the name or the token is taken."""
    try:
        return str(s.call("sagemaker", "CreatePipeline", **parameters)["PipelineArn"])
    except CloudError as error:
        if error.is_taken or error.is_token_mismatch:
            return None
        raise


def _version(s: Submission, request: Request, parameters: Mapping[str, Any]) -> int:
    """Return the newest version of the pipeline with our definition, to which the execution is pinned."""
    name, key = parameters["PipelineName"], "PipelineVersionSummaries"
    given = {"PipelineName": name, "SortOrder": "Descending"}

    def look() -> int | None:
        try:
            for page in s.cloud.pages("sagemaker", "ListPipelineVersions", key, s.region, **given):
                for summary in page:
                    version: int = summary["PipelineVersionId"]
                    described = s.call("sagemaker", "DescribePipeline", PipelineName=name, PipelineVersionId=version)
                    if resources.same_definition(described, parameters):
                        return version
        except CloudError as error:
            if not error.is_missing:
                raise
        return None

    version = s.seen(request, name, look)
    if version is None:
        raise Refused(f"AWS shows no version of the pipeline {name} that is what was compiled; {_AGAIN}")
    return version
