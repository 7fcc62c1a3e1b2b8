"""What the requests of files would find, before any of them is sent.

In: files whose dependencies are done. Out: for each request whether it would create, update or keep, and what
stands in the way of a file. Reads only; what several files need is asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar

from compiler.compiled import Request
from compiler.diagnostics import Path as Place
from compiler.executor import existing, markers
from compiler.executor.cloud import Cloud, CloudError
from compiler.executor.differences import differences
from compiler.executor.existing import Shelf
from compiler.executor.files import File
from compiler.executor.runs import Run
from compiler.project import Project

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
Word = Literal["create", "update", "keep"]
THREADS = 16


@dataclass(frozen=True)
class Obstacle:
    """What AWS has, or lacks, that keeps a file from being carried out, and the way past it.

    `place` is the one in the parameters of `request` that names it, where one does.
    """

    reason: str
    hint: str
    request: str = ""
    place: Place = ()


@dataclass(frozen=True)
class Foresight:
    """What becomes of requests, by address and id; what stands in the way of files, by address."""

    words: Mapping[tuple[str, str], Word] = field(default_factory=dict)
    obstacles: Mapping[str, Obstacle] = field(default_factory=dict)


def look(cloud: Cloud, ready: Sequence[File], functions: Sequence[File], project: Project) -> Foresight:
    """Look ahead for files that can be carried out; `functions` are those that need a function to be there.

    Raises CloudError.
    """
    buckets = {file.address: list(_buckets(file)) for file in ready}
    arns = {file.address: _functions(file) for file in functions}
    wanted = {_thing(file, request): (file, request) for file in ready for request in file.requests}
    questions: dict[Hashable, Callable[[], Any]] = {}
    for file in ready:
        region, shelf = file.content.region, Shelf(cloud, file.content.region)
        for bucket, _, _ in buckets[file.address]:
            questions[region, "bucket", bucket] = partial(shelf.lacks_bucket, bucket)
        for arn in arns.get(file.address, ()):
            questions[region, "function", arn] = partial(shelf.lacks_function, arn)
    questions |= {thing: partial(_find, Shelf(cloud, thing[0]), *wanted[thing], project) for thing in wanted}
    answers = at_once(questions, lambda key: questions[key]())
    words: dict[tuple[str, str], Word] = {}
    obstacles: dict[str, Obstacle] = {}
    for file in ready:
        region = file.content.region
        for arn in arns.get(file.address, ()):
            if answers[region, "function", arn]:
                obstacles.setdefault(file.address, Obstacle(f"there is no function {arn}", _MAKE_FUNCTION))
        for bucket, named_by, place in buckets[file.address]:
            if answers[region, "bucket", bucket]:
                reason = f"there is no bucket {bucket}"
                obstacles.setdefault(file.address, Obstacle(reason, _MAKE_BUCKET, named_by, place))
        for request in file.requests:
            word = answers[_thing(file, request)]
            if word is None:
                reason = f"a pipeline {request.parameters['PipelineName']} exists that is not this spec's"
                obstacles.setdefault(file.address, Obstacle(reason, _MOVE_ASIDE))
            else:
                words[file.address, request.id] = word
    return Foresight(words, obstacles)


def redefined(cloud: Cloud, ran: Mapping[str, tuple[File, Run]]) -> dict[str, str]:
    """Say which pipelines are no longer what has run through them, by address: others define them anew, too.

    `ran` are files and their executions by address. A list tells which pipelines have been touched since their
    execution was started; only those are looked at. Raises CloudError.
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
    """The addresses, with their pipelines, of what was changed since its execution was started."""
    left, found = dict(names), {}
    given = {"PipelineNamePrefix": next(iter(names)) if len(names) == 1 else _EVALUATIONS, "MaxResults": 100}
    try:
        for page in cloud.pages("sagemaker", "ListPipelines", "PipelineSummaries", region, **given):
            for summary in page:
                address = left.pop(summary["PipelineName"], None)
                if address and summary["LastModifiedTime"] > ran[address][1].details["StartTime"]:
                    found[address] = summary["PipelineName"]
            if not left:
                break
    except CloudError as error:
        if not error.is_denied:
            raise
        return {address: name for name, address in names.items()}
    return found


def _redefined(cloud: Cloud, file: File) -> str | None:
    given, shelf = _pipeline(file).parameters, Shelf(cloud, file.content.region)
    found = shelf.pipeline(given["PipelineName"])
    if found is None or _is_as_compiled(found, given):
        return None
    by = existing.user(found.get("LastModifiedBy"))
    return f"defined otherwise since{f', by {by}' if by else ''}; what has run is a version of its own"


def _pipeline(file: File) -> Request:
    return next(r for r in file.requests if r.operation == "CreatePipeline")


def _is_as_compiled(found: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    same = not any(differences(found["PipelineDefinition"], given["PipelineDefinition"]))
    return same and bool(found["RoleArn"] == given["RoleArn"])


_EVALUATIONS = "SagemakerEvaluation"
_MAKE_BUCKET = "create the bucket first; sagespec never does"
_MAKE_FUNCTION = "create the function first, or describe it with a CustomAgentLambda that has a source"
_MOVE_ASIDE = "name the spec otherwise, or `sagespec delete` what stands there"


def at_once(keys: Mapping[K, Any] | set[K] | Sequence[K], question: Callable[[K], T]) -> dict[K, T]:
    """Ask one question of many things, several at a time."""
    asked = list(keys)
    with ThreadPoolExecutor(THREADS) as pool:
        return dict(zip(asked, pool.map(question, asked), strict=True))


def _thing(file: File, request: Request) -> tuple[str, str, str]:
    """What a request is about: files share groups and objects, by these names."""
    given = request.parameters
    if request.operation == "CreateModelPackageGroup":
        name = given["ModelPackageGroupName"]
    elif request.operation == "PutObject":
        name = f"{given['Bucket']}/{given['Key']}"
    else:
        name = f"{file.address} {request.id}"
    return file.content.region, request.operation, name


def _find(shelf: Shelf, file: File, request: Request, project: Project) -> Word | None:
    """What a get-or-create request would find; None where it is another's."""
    given = request.parameters
    if request.operation == "CreateModelPackageGroup":
        return "keep" if shelf.group(given["ModelPackageGroupName"]) else "create"
    if request.operation == "CreateArtifact":
        known = isinstance(given["Source"]["SourceUri"], str)
        return "keep" if known and shelf.artifact(given) else "create"
    if request.operation == "PutObject":
        return "keep" if shelf.has_object({**given, "Body": markers.fill(given["Body"], {}, project)}) else "create"
    if request.operation != "CreatePipeline":
        return "create"
    found = shelf.pipeline(given["PipelineName"])
    if found is None:
        return "create"
    if not shelf.is_of(found, file.address):
        return None
    return "keep" if _is_as_compiled(found, given) else "update"


def _buckets(file: File) -> Iterator[tuple[str, str, Place]]:
    """The buckets that a file names, and where: the request and the place in its parameters."""
    for request in file.requests:
        for bucket, place in existing.buckets(request.parameters):
            yield bucket, request.id, place


def _functions(file: File) -> list[str]:
    return sorted(set(_lambda_arns([r.parameters for r in file.requests])))


def _lambda_arns(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        if isinstance(tree.get("LambdaArn"), str):
            yield tree["LambdaArn"]
        for value in tree.values():
            yield from _lambda_arns(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _lambda_arns(value)
