"""One file's requests, carried out so that repeating them changes nothing.

In: a compiled file whose dependencies are done. Out: its run. Every request is get-or-create, so that a kill at
any instant is mended by doing the same again.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compiler.compiled import Request
from compiler.executor import existing, functions, markers, runs
from compiler.executor.cloud import ROUNDS, Cloud, CloudError
from compiler.executor.existing import Shelf
from compiler.executor.files import File
from compiler.executor.runs import Run

TOKENS = 5
"""Deletions of one pipeline that an apply gets over."""
LOOKS = 5

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


class Stopped(Exception):
    """The apply was interrupted; what was not sent is not sent any more."""


@dataclass
class Shared:
    """What several files need and the first of them makes, by name; the others wait for it."""

    _made: dict[str, tuple[str, str]] = field(default_factory=dict)
    _locks: defaultdict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    def get(self, name: str, make: Callable[[], tuple[str, str]]) -> tuple[str, str]:
        """Make something once: a word for what was done, and its ARN or address."""
        with self._locks[name]:
            if name not in self._made:
                self._made[name] = make()
                return self._made[name]
            return "kept", self._made[name][1]


_TRAINING_JOBS = Pace(1.0)  # CreateTrainingJob is throttled at one a second, and cannot be raised


@dataclass(frozen=True)
class Submission:
    """What carrying out requests needs; `outputs` are those of the specs that the file depends on."""

    cloud: Cloud
    file: File
    root: Path
    outputs: Mapping[str, Any]
    on_request: OnRequest
    shared: Shared = field(default_factory=Shared)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def region(self) -> str:
        return self.file.content.region

    def go_on(self) -> None:
        """Raise Stopped once the apply was interrupted."""
        if self.stopping.is_set():
            raise Stopped

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.cloud, self.region)

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.cloud.call(service, operation, self.region, **parameters)


def submit(submission: Submission) -> Run:
    """Carry out the requests of a file, in order.

    Raises CloudError, Refused, Stopped, and markers.Unfilled.
    """
    known = dict(submission.outputs)
    for request in submission.file.content.requests:
        submission.go_on()
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

    def make() -> tuple[str, str]:
        if found := s.shelf.group(name):
            return "kept", found
        try:
            made = s.call("sagemaker", "CreateModelPackageGroup", **parameters)
            return "created", str(made["ModelPackageGroupArn"])
        except CloudError as error:
            found = s.shelf.group(name) if error.is_taken else None
            if found is None:
                raise
            return "kept", found

    word, arn = s.shared.get(f"{s.region} group {name}", make)
    return word, {"ModelPackageGroupArn": arn}


def _artifact(s: Submission, _request: Request, parameters: dict[str, Any], _known: dict[str, Any]) -> Answer:
    def make() -> tuple[str, str]:
        for number in range(1, ROUNDS):
            if found := s.shelf.artifact(parameters):
                return ("kept" if number == 1 else "created"), found
            try:  # artifacts have no names of their own: a try that was cut off is looked for, not repeated
                made = str(s.cloud.call_once("sagemaker", "CreateArtifact", s.region, **parameters)["ArtifactArn"])
            except CloudError as error:
                if not error.is_passing:
                    raise
                time.sleep(random.uniform(0, 0.1 * number))
                continue
            # another apply may have created one at the same time: all of them go on with the oldest
            return "created", s.shelf.artifact(parameters) or made
        return "created", str(s.cloud.call_once("sagemaker", "CreateArtifact", s.region, **parameters)["ArtifactArn"])

    word, arn = s.shared.get(f"{s.region} artifact {parameters['Source']['SourceUri']}", make)
    return word, {"ArtifactArn": arn}


def _object(s: Submission, _request: Request, parameters: dict[str, Any], _known: dict[str, Any]) -> Answer:
    uri = f"s3://{parameters['Bucket']}/{parameters['Key']}"

    def make() -> tuple[str, str]:
        if s.shelf.has_object(parameters):
            return "kept", uri
        body = parameters["Body"]
        content = body.encode() if isinstance(body, str) else body
        # S3 keeps a checksum to compare with only where its algorithm is named
        checked = {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": existing.checksum(content)}
        s.call("s3", "PutObject", **{**parameters, "Body": content, **checked})
        return "uploaded", uri

    word, uri = s.shared.get(f"{uri} {existing.checksum(parameters['Body'])}", make)
    return word, {"Uri": uri}


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
    s.go_on()
    try:
        arn = s.call("sagemaker", "CreateTrainingJob", **parameters)["TrainingJobArn"]
        return "started", {"Run": Run(name, arn, "InProgress")}
    except CloudError as error:
        if not error.is_taken:
            raise
    found = s.call("sagemaker", "DescribeTrainingJob", TrainingJobName=name)
    for member in ("HyperParameters", "InputDataConfig"):
        if not existing.holds(found.get(member), parameters.get(member)):
            raise Refused(f"a training job {name} exists with other {member}; raise metadata.run")
    arn, status = found["TrainingJobArn"], found["TrainingJobStatus"]
    return "kept", {"Run": Run(name, arn, status, found.get("FailureReason", ""))}


def _pipeline(s: Submission, _request: Request, parameters: dict[str, Any], _known: dict[str, Any]) -> Answer:
    name = parameters["PipelineName"]
    for token in _tokens(parameters["ClientRequestToken"]):
        found = s.shelf.pipeline(name)
        if found is not None:
            break
        try:
            arn = s.call("sagemaker", "CreatePipeline", **{**parameters, "ClientRequestToken": token})["PipelineArn"]
        except CloudError as error:
            if not (error.is_taken or error.is_token_mismatch):
                raise
            continue
        if s.shelf.pipeline(name) is not None:
            return "created", {"PipelineArn": arn, "Version": _version(s, name, parameters)}
    else:
        raise Refused(f"the pipeline {name} was deleted, and AWS still remembers its creation; apply again later")
    if not s.shelf.is_of(found, s.file.address):
        raise Refused(f"a pipeline {found['PipelineName']} exists that this spec has not made")
    if existing.same_definition(found, parameters) and found["RoleArn"] == parameters["RoleArn"]:
        return "kept", {"PipelineArn": found["PipelineArn"], "Version": _version(s, name, parameters)}
    changes = {k: parameters[k] for k in ("PipelineName", "PipelineDefinition", "RoleArn")}
    answer = s.call("sagemaker", "UpdatePipeline", **changes)
    version = answer.get("PipelineVersionId") or _version(s, name, parameters)
    return "updated", {"PipelineArn": found["PipelineArn"], "Version": version}


def _tokens(first: str) -> Iterator[str]:
    """The compiled token, then others made from it: AWS answers from memory for what was deleted since."""
    for number in range(TOKENS):
        yield first if number == 0 else hashlib.sha256(f"{first}/{number}".encode()).hexdigest()


def _version(s: Submission, name: str, parameters: Mapping[str, Any]) -> int:
    """The newest version of the pipeline whose definition is ours: nothing starts that is not pinned to it."""
    key = "PipelineVersionSummaries"
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


def _execution(s: Submission, _request: Request, parameters: dict[str, Any], known: dict[str, Any]) -> Answer:
    name = parameters["PipelineExecutionDisplayName"]
    pinned = {**parameters, "PipelineVersionId": known["requests.pipeline.Version"]}
    for token in _tokens(parameters["ClientRequestToken"]):
        try:
            answer = s.call("sagemaker", "StartPipelineExecution", **{**pinned, "ClientRequestToken": token})
        except CloudError as error:
            if not error.is_token_mismatch:
                raise
            # the token was used for the same execution of another version: another apply has won
            run = runs.find(s.cloud, [s.file]).runs.get(s.file.address)
            if run is None:
                raise
            return "kept", {"Run": run}
        arn = answer["PipelineExecutionArn"]
        if _is_there(s, arn):
            return "started", {"Run": Run(name, arn, "Executing")}
    raise Refused(f"the execution {name} was deleted, and AWS still remembers its start; raise metadata.run")


def _is_there(s: Submission, execution: str) -> bool:
    """Whether an execution exists; one that was just started may take a moment to be seen."""
    for _ in range(LOOKS):
        if s.shelf.look("sagemaker", "DescribePipelineExecution", PipelineExecutionArn=execution) is not None:
            return True
        time.sleep(1)
    return False


def _function(s: Submission, _request: Request, parameters: dict[str, Any], _known: dict[str, Any]) -> Answer:
    word = "created"
    try:
        s.call("lambda", "CreateFunction", **parameters)
    except CloudError as error:
        if not error.is_taken:
            raise
        word = "kept"
    while True:
        run = runs.find(s.cloud, [s.file]).runs[s.file.address]
        if run.state != "running":
            break
        s.go_on()
        time.sleep(1)
    if word == "kept" and (other := functions.difference(s.shelf, parameters, run.details)):
        raise Refused(other)
    return word, {"Run": run}


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
