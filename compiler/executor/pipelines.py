"""Pipelines and their executions, made so that repeating it changes nothing.

In: a submission, and a request of it filled in. Out: what was done. An execution is pinned to the version of the
pipeline that was compiled. Refuses pipelines that are not the spec's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from compiler.compiled import Request
from compiler.executor import existing, runs
from compiler.executor.cloud import CloudError
from compiler.executor.runs import Run
from compiler.executor.submission import Answer, Refused, Submission

TOKENS = 5
"""Deletions of one pipeline that an apply gets over."""


def pipeline(s: Submission, request: Request, parameters: dict[str, Any], _known: Mapping[str, Any]) -> Answer:
    """Create the pipeline, or give it the compiled definition; its version is what an execution is pinned to.

    Raises CloudError, Refused, Stopped.
    """
    name = parameters["PipelineName"]
    found = None if request.id in s.absent else s.shelf.pipeline(name)
    if found is None:
        if arn := _create(s, parameters):
            return "created", {"PipelineArn": arn, "Version": _version(s, parameters)}
        found = s.seen(lambda: s.shelf.pipeline(name))
    if found is None:
        raise Refused(f"AWS says that the pipeline {name} exists, but does not show it; apply again later")
    if not s.shelf.is_of(found, s.file.address):
        raise Refused(f"a pipeline {found['PipelineName']} exists that this spec has not made")
    if existing.same_definition(found, parameters) and found["RoleArn"] == parameters["RoleArn"]:
        return "kept", {"PipelineArn": found["PipelineArn"], "Version": _version(s, parameters)}
    changes = {k: parameters[k] for k in ("PipelineName", "PipelineDefinition", "RoleArn")}
    answer = s.call("sagemaker", "UpdatePipeline", **changes)
    version = answer.get("PipelineVersionId") or _version(s, parameters)
    return "updated", {"PipelineArn": found["PipelineArn"], "Version": version}


def _create(s: Submission, parameters: dict[str, Any]) -> str | None:
    """Create the pipeline, and give its ARN; None where there is one of this name."""
    name = parameters["PipelineName"]
    for token in _tokens(parameters):
        try:
            arn = s.call("sagemaker", "CreatePipeline", **{**parameters, "ClientRequestToken": token})["PipelineArn"]
        except CloudError as error:
            if error.is_taken:
                return None
            if not error.is_token_mismatch:
                raise
        else:
            if s.shelf.pipeline(name) is not None:
                return str(arn)
    raise Refused(f"the pipeline {name} was deleted, and AWS still remembers its creation; apply again later")


def _tokens(parameters: Mapping[str, Any]) -> Iterator[str]:
    """The compiled token, then others made from it: AWS answers from memory for what was deleted since."""
    first = parameters["ClientRequestToken"]
    for number in range(TOKENS):
        yield first if number == 0 else hashlib.sha256(f"{first}/{number}".encode()).hexdigest()


def _version(s: Submission, parameters: Mapping[str, Any]) -> int:
    """The newest version of the pipeline whose definition is ours: nothing starts that is not pinned to it."""
    name, key = parameters["PipelineName"], "PipelineVersionSummaries"
    listed = s.cloud.pages(
        "sagemaker", "ListPipelineVersions", key, s.region, PipelineName=name, SortOrder="Descending"
    )
    for page in listed:
        for summary in page:
            version: int = summary["PipelineVersionId"]
            found = s.call("sagemaker", "DescribePipeline", PipelineName=name, PipelineVersionId=version)
            if existing.same_definition(found, parameters):
                return version
    raise Refused(f"no version of the pipeline {name} is what was compiled; apply again")


def execution(s: Submission, _request: Request, parameters: dict[str, Any], known: Mapping[str, Any]) -> Answer:
    """Start the execution of the pipeline's version that the request before has given.

    Raises CloudError, Refused, Stopped.
    """
    name = parameters["PipelineExecutionDisplayName"]
    pinned = {**parameters, "PipelineVersionId": known["requests.pipeline.Version"]}
    for token in _tokens(parameters):
        try:
            answer = s.call("sagemaker", "StartPipelineExecution", **{**pinned, "ClientRequestToken": token})
        except CloudError as error:
            if not error.is_token_mismatch:
                raise
            # used for the same execution of another version: another apply has won, or all was deleted since
            if run := s.seen(lambda: runs.find(s.cloud, [s.file]).runs.get(s.file.address)):
                return "kept", {"Run": run}
            break
        arn = answer["PipelineExecutionArn"]
        if s.seen(partial(s.shelf.look, "sagemaker", "DescribePipelineExecution", PipelineExecutionArn=arn)):
            return "started", {"Run": Run(name, arn, "Executing")}
    raise Refused(f"the execution {name} was deleted, and AWS still remembers its start; raise metadata.run")
