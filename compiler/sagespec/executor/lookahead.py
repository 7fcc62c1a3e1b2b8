"""Find out what the requests of files will do, before any is sent.

In: files that have not run. Out: whether each request will create, update or keep, and foreign resources under its
name. Reads only; a resource of several files is looked up once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from sagespec.documents.compiled import Request
from sagespec.executor import concurrently, hubs, markers, resources
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.differences import differences
from sagespec.executor.files import File
from sagespec.executor.resources import Shelf
from sagespec.executor.runs.run import Run
from sagespec.project.settings import Project

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
Word = Literal["create", "update", "keep"]
Seen = Literal["create", "update", "keep", "hidden"]
THREADS = 16


@dataclass(frozen=True)
class Foreign:
    """A foreign resource under the spec's name, or a name that AWS refuses; `member` contains the name."""

    what: str
    member: str
    hint: str


@dataclass(frozen=True)
class Foresight:
    """Actions of requests, and foreign resources, by address and request id."""

    words: Mapping[tuple[str, str], Word] = field(default_factory=dict)
    foreign: Mapping[tuple[str, str], Foreign] = field(default_factory=dict)
    notes: Mapping[tuple[str, str], str] = field(default_factory=dict)


def look(cloud: Cloud, ready: Sequence[File], waiting: Sequence[File], project: Project) -> Foresight:
    """Look ahead for files that have not run; for those that wait for others, only at their pipelines.

    Raises CloudError.
    """
    looks = [(file, request) for file in ready for request in file.requests]
    looks += [(file, _pipeline(file)) for file in waiting if any(map(_is_pipeline, file.requests))]
    wanted = {_thing(file, request): (file, request) for file, request in looks}
    answers = at_once(wanted, lambda thing: _answer(Shelf(cloud, thing[0]), *wanted[thing], project))
    words: dict[tuple[str, str], Word] = {}
    foreign: dict[tuple[str, str], Foreign] = {}
    notes: dict[tuple[str, str], str] = {}
    for file, request in looks:
        answer = answers[_thing(file, request)]
        if isinstance(answer, Foreign):
            foreign[file.address, request.id] = answer
        elif answer == "hidden":
            words[file.address, request.id] = "create"
            if "ExpectedBucketOwner" in request.parameters:
                notes[file.address, request.id] = _HIDDEN
        else:
            words[file.address, request.id] = answer
    return Foresight(words, foreign, notes)


_HIDDEN = "may not be looked at: s3:ListBucket is missing, or the bucket is somebody else's"


def redefined(cloud: Cloud, ran: Mapping[str, tuple[File, Run]]) -> dict[str, str]:
    """Return which pipelines have been changed since their execution, by address, with a note.

    Others may update them.

    `ran` has files and their executions by address. A list tells which pipelines were modified after their execution
    started; only those are described. Raises CloudError.
    """
    by_region: dict[str, dict[str, str]] = {}
    for address, (file, _) in ran.items():
        by_region.setdefault(file.content.region, {})[_pipeline(file).parameters["PipelineName"]] = address
    touched: dict[str, str] = {}
    for region, names in by_region.items():
        touched |= _touched(cloud, region, names, ran)
    notes = at_once(touched, lambda address: _redefined(cloud, ran[address][0]))
    return {address: note for address, note in notes.items() if note}


def _touched(
    cloud: Cloud, region: str, names: Mapping[str, str], ran: Mapping[str, tuple[File, Run]]
) -> dict[str, str]:
    """Return the pipelines that were modified after their execution started, by address."""
    left, touched = dict(names), {}
    given = {"PipelineNamePrefix": next(iter(names)) if len(names) == 1 else _EVALUATIONS, "MaxResults": 100}
    try:
        for page in cloud.pages("sagemaker", "ListPipelines", "PipelineSummaries", region, **given):
            for summary in page:
                address = left.pop(summary["PipelineName"], None)
                if address and summary["LastModifiedTime"] > ran[address][1].details["StartTime"]:
                    touched[address] = summary["PipelineName"]
            if not left:
                break
    except CloudError as error:
        if not error.is_denied:
            raise
        return {address: name for name, address in names.items()}
    return touched


def _redefined(cloud: Cloud, file: File) -> str | None:
    given, shelf = _pipeline(file).parameters, Shelf(cloud, file.content.region)
    described = shelf.pipeline(given["PipelineName"])
    if described is None or _is_as_compiled(described, given):
        return None
    by = resources.user(described.get("LastModifiedBy"))
    return f"updated since{f', by {by}' if by else ''}; what has run used an earlier version"


def _pipeline(file: File) -> Request:
    return next(filter(_is_pipeline, file.requests))


def _is_pipeline(request: Request) -> bool:
    return request.operation == "CreatePipeline"


def _is_as_compiled(described: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    same = not any(differences(described["PipelineDefinition"], given["PipelineDefinition"]))
    return same and bool(described["RoleArn"] == given["RoleArn"])


_EVALUATIONS = "SagemakerEvaluation"


def at_once(keys: Mapping[K, Any] | set[K] | Sequence[K], question: Callable[[K], T]) -> dict[K, T]:
    """Ask one question about many keys, concurrently."""
    asked = list(keys)
    return dict(zip(asked, concurrently.ask(question, asked, THREADS), strict=True))


def _thing(file: File, request: Request) -> tuple[str, str, str]:
    """Return the key of a request's resource; files share groups and objects by name."""
    given = request.parameters
    if request.operation == "CreateModelPackageGroup":
        name = given["ModelPackageGroupName"]
    elif request.operation == "PutObject":
        name = f"{given['Bucket']}/{given['Key']}"
    elif request.operation in ("CreateHub", "ImportHubContent"):
        name = f"{given['HubName']}/{given.get('HubContentName', '')}"
    else:
        name = f"{file.address} {request.id}"
    return file.content.region, request.operation, name


_NAMES = {
    "CreateArtifact": "Source",
    "CreateHub": "HubName",
    "CreateModelPackageGroup": "ModelPackageGroupName",
    "CreatePipeline": "PipelineName",
    "ImportHubContent": "HubContentName",
    "PutObject": "Key",
}


def _answer(shelf: Shelf, file: File, request: Request, project: Project) -> Seen | Foreign:
    """Return what a request will find. A name that AWS refuses to look up is an obstacle of this file only."""
    try:
        return _find(shelf, file, request, project)
    except CloudError as error:
        member = _NAMES.get(request.operation)
        if member is None or not error.is_of_request:
            raise
        return Foreign(f"cannot be looked up: {error}", member, error.hint or "name another")


def _find(shelf: Shelf, file: File, request: Request, project: Project) -> Seen | Foreign:
    """Return what a get-or-create request will find."""
    given = request.parameters
    if request.operation == "CreateModelPackageGroup":
        return "keep" if shelf.group(given["ModelPackageGroupName"]) else "create"
    if request.operation == "CreateArtifact":
        known = isinstance(given["Source"]["SourceUri"], str)
        return "keep" if known and shelf.artifacts(given) else "create"
    if request.operation == "PutObject":
        there = shelf.object({**given, "Body": markers.fill(given["Body"], {}, project)})
        if there == "other":
            what = f"s3://{given['Bucket']}/{given['Key']} has other content, and is never overwritten"
            return Foreign(what, "Key", "look at what it is, and delete it or choose another path")
        return "hidden" if there == "hidden" else "keep" if there == "same" else "create"
    if request.operation == "CreateHub":
        return "keep" if hubs.find_hub(shelf, given) else "create"
    if request.operation == "ImportHubContent":
        content = hubs.find(shelf, given)
        if content and not hubs.says_the_same(content, markers.fill(given, {}, project)):
            what = f"{content['HubContentArn']} says something else, and is never overwritten"
            return Foreign(what, "HubContentName", "delete it, if nothing uses it")
        return "keep" if content else "create"
    if request.operation != "CreatePipeline":
        return "create"
    described = shelf.pipeline(given["PipelineName"])
    if described is None:
        return "create"
    if not shelf.is_of(described, file.address, resources.steps_of(given["PipelineDefinition"]["$json"])):
        by = resources.user(described.get("CreatedBy"))
        made = f": {by} has made it" if by else ""
        what = f"a pipeline {described['PipelineName']} exists that is not this spec's{made}"
        return Foreign(what, "PipelineName", "rename the spec, or delete that pipeline with AWS's own tools")
    return "keep" if _is_as_compiled(described, given) else "update"
