"""One file's requests, carried out so that repeating them changes nothing.

In: a compiled file whose dependencies are done. Out: its run. Every request is get-or-create, so that a kill at
any instant is mended by doing the same again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compiler.compiled import Request
from compiler.executor import markers, runs
from compiler.executor.cloud import Cloud, CloudError
from compiler.executor.files import File
from compiler.executor.runs import Run

OnRequest = Callable[[File, str, str, str], None]
"""Called with the file, the request's id, a word for what was done, and what it was done to."""


class Refused(Exception):
    """Something exists under our name that is not ours, or not what the file says."""


@dataclass
class Pace:
    """At most one call in an interval, over all threads."""

    seconds: float
    _next: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self) -> None:
        with self._lock:
            pause = self._next - time.monotonic()
            self._next = max(self._next, time.monotonic()) + self.seconds
        if pause > 0:
            time.sleep(pause)


_TRAINING_JOBS = Pace(1.0)  # CreateTrainingJob is throttled at one a second, and cannot be raised


@dataclass(frozen=True)
class Submission:
    """What carrying out requests needs; `outputs` are those of the specs that the file depends on."""

    cloud: Cloud
    file: File
    root: Path
    outputs: Mapping[str, Any]
    on_request: OnRequest
    groups: dict[str, str] = field(default_factory=dict)
    """ARNs of model package groups that were found or made already; many specs share one."""

    @property
    def region(self) -> str:
        return self.file.content.region

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.cloud.call(service, operation, self.region, **parameters)


def submit(submission: Submission) -> Run:
    """Carry out the requests of a file, in order.

    Raises CloudError, Refused, and markers.Unfilled.
    """
    known = dict(submission.outputs)
    for request in submission.file.content.requests:
        parameters = markers.fill(request.parameters, known, submission.root)
        try:
            word, answer = _HANDLERS[request.operation](submission, request, parameters, known)
        except CloudError as error:
            error.request = request.id
            raise
        known |= {f"requests.{request.id}.{name}": value for name, value in answer.items()}
        submission.on_request(submission.file, request.id, word, _name(answer))
        run = answer.get("Run")
    return run  # type: ignore[return-value]  # the last request of a file always makes its run


def _name(answer: Mapping[str, Any]) -> str:
    run = answer.get("Run")
    return run.name if isinstance(run, Run) else next((str(v) for v in answer.values()), "")


Answer = tuple[str, dict[str, Any]]


def _group(s: Submission, _request: Request, parameters: dict[str, Any], _known: dict[str, Any]) -> Answer:
    name = parameters["ModelPackageGroupName"]
    key = f"{s.region}/{name}"
    if key in s.groups:
        return "kept", {"ModelPackageGroupArn": s.groups[key]}
    word, found = "kept", _existing_group(s, name)
    if found is None:
        try:
            word, found = "created", s.call("sagemaker", "CreateModelPackageGroup", **parameters)
        except CloudError as error:
            found = _existing_group(s, name) if error.is_taken else None
            if found is None:
                raise
    s.groups[key] = found["ModelPackageGroupArn"]
    return word, {"ModelPackageGroupArn": s.groups[key]}


def _existing_group(s: Submission, name: str) -> dict[str, Any] | None:
    return _unless_missing(s, "sagemaker", "DescribeModelPackageGroup", ModelPackageGroupName=name)


def _unless_missing(s: Submission, service: str, operation: str, **parameters: Any) -> dict[str, Any] | None:
    try:
        return s.call(service, operation, **parameters)
    except CloudError as error:
        if error.is_missing:
            return None
        raise


def _artifact(s: Submission, _request: Request, parameters: dict[str, Any], _known: dict[str, Any]) -> Answer:
    if found := _oldest_artifact(s, parameters):
        return "kept", {"ArtifactArn": found}
    made = s.call("sagemaker", "CreateArtifact", **parameters)["ArtifactArn"]
    # another apply may have created one at the same time: all of them go on with the oldest
    return "created", {"ArtifactArn": _oldest_artifact(s, parameters) or made}


def _oldest_artifact(s: Submission, parameters: Mapping[str, Any]) -> str | None:
    source, wanted = parameters["Source"]["SourceUri"], parameters["ArtifactType"]
    listed = [
        artifact
        for page in s.cloud.pages(
            "sagemaker", "ListArtifacts", "ArtifactSummaries", s.region, SourceUri=source, ArtifactType=wanted
        )
        for artifact in page
    ]
    found = min(listed, key=lambda a: (a["CreationTime"], a["ArtifactArn"]), default={})
    return found.get("ArtifactArn")


def _object(s: Submission, _request: Request, parameters: dict[str, Any], _known: dict[str, Any]) -> Answer:
    bucket, key, body = parameters["Bucket"], parameters["Key"], parameters["Body"]
    content = body.encode() if isinstance(body, str) else body
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    place = {"Bucket": bucket, "Key": key}
    found = _unless_missing(s, "s3", "HeadObject", **place, ChecksumMode="ENABLED")
    uri = f"s3://{bucket}/{key}"
    if found is not None and found.get("ChecksumSHA256") == digest:
        return "kept", {"Uri": uri}
    s.call("s3", "PutObject", **{**parameters, "Body": content, "ChecksumSHA256": digest})
    return "uploaded", {"Uri": uri}


def _job(s: Submission, _request: Request, parameters: dict[str, Any], _known: dict[str, Any]) -> Answer:
    name, category = parameters["JobName"], parameters["JobCategory"]
    try:
        arn = s.call("sagemaker", "CreateJob", **parameters)["JobArn"]
        return "started", {"Run": Run(name, arn, "InProgress")}
    except CloudError as error:
        if not error.is_taken:
            raise
    found = s.call("sagemaker", "DescribeJob", JobName=name, JobCategory=category)
    document = json.loads(found["JobConfigDocument"])
    document.pop("ServiceOutput", None)
    if document != json.loads(parameters["JobConfigDocument"]):
        raise Refused(f"a job {name} exists with another document; raise metadata.run")
    return "kept", {"Run": Run(name, found["JobArn"], found["JobStatus"], found.get("FailureReason", ""))}


def _training_job(s: Submission, _request: Request, parameters: dict[str, Any], _known: dict[str, Any]) -> Answer:
    name = parameters["TrainingJobName"]
    _TRAINING_JOBS.wait()
    try:
        arn = s.call("sagemaker", "CreateTrainingJob", **parameters)["TrainingJobArn"]
        return "started", {"Run": Run(name, arn, "InProgress")}
    except CloudError as error:
        if not error.is_taken:
            raise
    found = s.call("sagemaker", "DescribeTrainingJob", TrainingJobName=name)
    for member in ("HyperParameters", "InputDataConfig"):
        if found.get(member, {}) != parameters.get(member, {}):
            raise Refused(f"a training job {name} exists with other {member}; raise metadata.run")
    arn, status = found["TrainingJobArn"], found["TrainingJobStatus"]
    return "kept", {"Run": Run(name, arn, status, found.get("FailureReason", ""))}


def _pipeline(s: Submission, _request: Request, parameters: dict[str, Any], _known: dict[str, Any]) -> Answer:
    name = parameters["PipelineName"]
    found = _unless_missing(s, "sagemaker", "DescribePipeline", PipelineName=name)
    if found is None:
        try:
            arn = s.call("sagemaker", "CreatePipeline", **parameters)["PipelineArn"]
            return "created", {"PipelineArn": arn, "Version": _version(s, name, parameters)}
        except CloudError as error:
            if not (error.is_taken or error.is_token_mismatch):
                raise
        found = s.call("sagemaker", "DescribePipeline", PipelineName=name)
    _check_ours(s, found)
    if _same_definition(found, parameters) and found["RoleArn"] == parameters["RoleArn"]:
        return "kept", {"PipelineArn": found["PipelineArn"], "Version": _version(s, name, parameters)}
    changes = {k: parameters[k] for k in ("PipelineName", "PipelineDefinition", "RoleArn")}
    answer = s.call("sagemaker", "UpdatePipeline", **changes)
    version = answer.get("PipelineVersionId") or _version(s, name, parameters)
    return "updated", {"PipelineArn": found["PipelineArn"], "Version": version}


def _same_definition(found: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    return bool(json.loads(found["PipelineDefinition"]) == json.loads(parameters["PipelineDefinition"]))


def _check_ours(s: Submission, found: Mapping[str, Any]) -> None:
    """A pipeline of this name that another spec or another tool made is never touched."""
    listed = s.call("sagemaker", "ListTags", ResourceArn=found["PipelineArn"], MaxResults=100)["Tags"]
    tags = {t["Key"]: t["Value"] for t in listed}
    if tags.get("sagespec:address") != s.file.address:
        raise Refused(f"a pipeline {found['PipelineName']} exists that this spec has not made")


def _version(s: Submission, name: str, parameters: Mapping[str, Any]) -> int | None:
    """The newest version of the pipeline whose definition is ours."""
    key = "PipelineVersionSummaries"
    listed = s.cloud.pages(
        "sagemaker", "ListPipelineVersions", key, s.region, PipelineName=name, SortOrder="Descending"
    )
    for page in listed:
        for summary in page:
            version: int = summary["PipelineVersionId"]
            found = s.call("sagemaker", "DescribePipeline", PipelineName=name, PipelineVersionId=version)
            if _same_definition(found, parameters):
                return version
    return None


def _execution(s: Submission, _request: Request, parameters: dict[str, Any], known: dict[str, Any]) -> Answer:
    name, pinned = parameters["PipelineExecutionDisplayName"], known.get("requests.pipeline.Version")
    version = {"PipelineVersionId": pinned} if pinned else {}
    try:
        arn = s.call("sagemaker", "StartPipelineExecution", **parameters, **version)["PipelineExecutionArn"]
        return "started", {"Run": Run(name, arn, "Executing")}
    except CloudError as error:
        if not error.is_token_mismatch:
            raise
        # the token was used for the same execution of another version: another apply has won
        run = runs.find(s.cloud, [s.file]).runs.get(s.file.address)
        if run is None:
            raise
        return "kept", {"Run": run}


def _function(s: Submission, _request: Request, parameters: dict[str, Any], _known: dict[str, Any]) -> Answer:
    try:
        answer = s.call("lambda", "CreateFunction", **parameters)
        return "created", {"Run": Run(answer["FunctionName"], answer["FunctionArn"], answer.get("State", "Active"))}
    except CloudError as error:
        if not error.is_taken:
            raise
    run = runs.find(s.cloud, [s.file]).runs[s.file.address]
    if reason := runs.other_function(parameters, run):
        raise Refused(reason)
    return "kept", {"Run": run}


_HANDLERS: dict[str, Callable[[Submission, Request, dict[str, Any], dict[str, Any]], Answer]] = {
    "CreateArtifact": _artifact,
    "CreateFunction": _function,
    "CreateJob": _job,
    "CreateModelPackageGroup": _group,
    "CreatePipeline": _pipeline,
    "CreateTrainingJob": _training_job,
    "PutObject": _object,
    "StartPipelineExecution": _execution,
}
