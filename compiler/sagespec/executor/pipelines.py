"""Pipelines and their executions, made so that repeating it changes nothing.

In: a submission, and a request of it filled in. Out: what was done. An execution is pinned to the version of the
pipeline that was compiled. What AWS answers to have made exists, and is looked for until it is shown: an execution
has one token, whatever reads say. Refuses pipelines that are not the spec's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagespec.documents.compiled import Request
from sagespec.executor import resources, runs
from sagespec.executor.cloud import CloudError
from sagespec.executor.runs import Run
from sagespec.executor.submission import Answer, Refused, Submission


def pipeline(s: Submission, request: Request, parameters: dict[str, Any], _known: Mapping[str, Any]) -> Answer:
    """Create the pipeline, or give it the compiled definition; its version is what an execution is pinned to.

    Raises CloudError, Refused, Stopped.
    """
    name = parameters["PipelineName"]
    found = None if request.id in s.absent else s.shelf.pipeline(name)
    if found is None:
        if arn := _create(s, parameters):
            return "created", {"PipelineArn": arn, "Version": _version(s, request, parameters)}
        found = s.seen(request, name, lambda: s.shelf.pipeline(name))
    if found is None:
        raise Refused(f"AWS says that there is, or was, a pipeline {name}, but does not show it; {_AGAIN}")
    if not s.shelf.is_of(found, s.file.address, resources.steps_of(resources.definition(parameters))):
        raise Refused(f"a pipeline {found['PipelineName']} exists that this spec has not made")
    if resources.same_definition(found, parameters) and found["RoleArn"] == parameters["RoleArn"]:
        return "kept", {"PipelineArn": found["PipelineArn"], "Version": _version(s, request, parameters)}
    changes = {k: parameters[k] for k in ("PipelineName", "PipelineDefinition", "RoleArn")}
    answer = s.call("sagemaker", "UpdatePipeline", **changes)
    version = answer.get("PipelineVersionId") or _version(s, request, parameters)
    return "updated", {"PipelineArn": found["PipelineArn"], "Version": version}


_AGAIN = "if it was deleted, AWS remembers its creation for a while: raise metadata.run, or apply again later"


def _create(s: Submission, parameters: dict[str, Any]) -> str | None:
    """Create the pipeline, and give its ARN; None where there is one of this name, or was, by other words."""
    try:
        return str(s.call("sagemaker", "CreatePipeline", **parameters)["PipelineArn"])
    except CloudError as error:
        if error.is_taken or error.is_token_mismatch:
            return None
        raise


def _version(s: Submission, request: Request, parameters: Mapping[str, Any]) -> int:
    """The newest version of the pipeline whose definition is ours: nothing starts that is not pinned to it."""
    name, key = parameters["PipelineName"], "PipelineVersionSummaries"
    given = {"PipelineName": name, "SortOrder": "Descending"}

    def look() -> int | None:
        try:
            for page in s.cloud.pages("sagemaker", "ListPipelineVersions", key, s.region, **given):
                for summary in page:
                    version: int = summary["PipelineVersionId"]
                    found = s.call("sagemaker", "DescribePipeline", PipelineName=name, PipelineVersionId=version)
                    if resources.same_definition(found, parameters):
                        return version
        except CloudError as error:
            if not error.is_missing:
                raise
        return None

    version = s.seen(request, name, look)
    if version is None:
        raise Refused(f"AWS shows no version of the pipeline {name} that is what was compiled; {_AGAIN}")
    return version


def execution(s: Submission, request: Request, parameters: dict[str, Any], known: Mapping[str, Any]) -> Answer:
    """Start the execution of the pipeline's version that the request before has given.

    Raises CloudError, Refused, Stopped.
    """
    name = parameters["PipelineExecutionDisplayName"]
    pinned = {**parameters, "PipelineVersionId": known["requests.pipeline.Version"]}

    def start() -> str:  # the pipeline exists, even where the service does not know it yet
        return str(s.call("sagemaker", "StartPipelineExecution", **pinned)["PipelineExecutionArn"])

    def find() -> Run | None:
        return runs.find(s.cloud, [s.file]).runs.get(s.file.address)

    try:
        arn = s.seen(request, name, start)
        # the answer may be one that AWS remembers: only what is shown has not been deleted since
        word, run = "started", s.seen(request, name, lambda: _shown(s, name, str(arn)))
    except CloudError as error:
        if not error.is_token_mismatch:
            raise
        # used for the same execution of another version: another apply has won, or all was deleted since
        word, run = "kept", s.seen(request, name, find)
    if run is None:
        message = f"AWS says that it has started {name}, and has shown nothing of it for minutes: it was deleted"
        raise Refused(f"{message}, and AWS remembers its start for a while; raise metadata.run to run it once more")
    return word, {"Run": run}


def _shown(s: Submission, name: str, arn: str) -> Run | None:
    found = s.shelf.look("sagemaker", "DescribePipelineExecution", PipelineExecutionArn=arn)
    if found is None:
        return None
    return Run(name, arn, found["PipelineExecutionStatus"], found.get("FailureReason", ""))
