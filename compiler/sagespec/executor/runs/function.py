"""Lambda functions, such as those that agents are reached through.

A function is created once for each content and never changed, because running agents use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from sagespec.documents.compiled import Request
from sagespec.executor import concurrently, markers, pauses, resources
from sagespec.executor.answers import rely_on
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.differences import differences
from sagespec.executor.files import File
from sagespec.executor.resources import Shelf
from sagespec.executor.runs.entries import Entry, Filter
from sagespec.executor.runs.run import CannotStop, Run, Target
from sagespec.executor.runs.status import Status
from sagespec.executor.runs.streams import Place
from sagespec.executor.submission import Answer, Refused, Submission
from sagespec.executor.verified import CannotVerify, Verified
from sagespec.project.settings import Project

NAME = "function"
OPERATION = TAGGED = "CreateFunction"
MEMBER = "FunctionName"
ACTION: Final = "create"
AGAIN = "`sagespec apply` runs the same content again"
BEGUN = ""
STATUSES: frozenset[str] = frozenset()
_ARN = re.compile(r"arn:[^:]+:lambda:(?P<region>[^:]+):\d+:function:(?P<name>[\w-]+)(:(?P<qualifier>[\w$-]+))?")
_NOT_COMPARED = {"Code", "Description", "FunctionName", "Publish", "Tags"}
rely_on(
    {
        "CreateFunction": (),
        "DeleteFunction": (),
    }
)


def submit(s: Submission, request: Request, parameters: dict[str, Any], _known: Mapping[str, Any]) -> Answer:
    word, name = "created", parameters[MEMBER]
    try:
        s.call("lambda", OPERATION, **parameters)
    except CloudError as error:
        if not error.is_taken:
            raise
        word = "kept"
    while True:
        run = s.seen(request, name, lambda: _find_one(s.cloud, s.region, name))
        if run is None:
            raise Refused(f"AWS says that the function {name} exists, but does not show it; apply again later")
        if run.state != "running":
            break
        pauses.pause(1, s.stopping)
    if word == "kept" and (other := conflict(s.shelf, parameters, run)):
        raise Refused(other)
    return word, {"Run": run}


def find(cloud: Cloud, region: str, files: Sequence[File]) -> Iterator[tuple[File, Run]]:
    names = [str(file.requests[-1].parameters[MEMBER]) for file in files]
    for file, run in zip(files, concurrently.ask(partial(_find_one, cloud, region), names), strict=True):
        if run is not None:
            yield file, run


def _find_one(cloud: Cloud, region: str | None, name: str) -> Run | None:
    try:
        return _run(_described(cloud, region, name))
    except CloudError as error:
        if error.is_missing:
            return None
        raise


def _described(cloud: Cloud, region: str | None, name: str) -> dict[str, Any]:
    configuration: dict[str, Any] = cloud.call("lambda", "GetFunction", region, FunctionName=name)["Configuration"]
    return configuration


def _run(described: Mapping[str, Any]) -> Run:
    status, reason = described.get("State", "Active"), described.get("StateReason", "")
    return Run(described["FunctionName"], described["FunctionArn"], status, reason, details=described)


def target(file: File, run: Run) -> Target:
    return Target(NAME, run.name, run.arn, region=file.content.region, file=file)


def of_arn(text: str) -> Target | None:
    match = _ARN.fullmatch(text)
    return Target(NAME, match["name"], text, region=match["region"]) if match else None


def shown(cloud: Cloud, target: Target) -> Target | None:
    """Look up by name and qualifier, and compare the ARN: a function of another account may have the same name."""
    named = _ARN.fullmatch(target.arn)
    qualifier = {"Qualifier": named["qualifier"]} if named and named["qualifier"] else {}
    try:
        answer = cloud.call("lambda", "GetFunction", target.region, FunctionName=target.name, **qualifier)
    except CloudError as error:
        if error.is_missing:
            return None
        raise
    described = answer["Configuration"]
    there = str(described["FunctionArn"])
    is_it = there.split(":")[:7] == target.arn.split(":")[:7]
    return Target(NAME, str(described["FunctionName"]), there, region=target.region) if is_it else None


def looks(_cloud: Cloud, _name: str) -> list[partial[Target | None]]:
    return []


def describe(cloud: Cloud, target: Target) -> Run:
    return _run(_described(cloud, target.region, target.name))


def status(cloud: Cloud, target: Target) -> Status:
    described = _described(cloud, target.region, target.name)
    return Status(
        kind=NAME,
        name=described["FunctionName"],
        arn=described["FunctionArn"],
        status=described.get("State", "Active"),
        address=target.file.address if target.file else None,
        failure_reason=described.get("StateReason"),
        last_modified_time=described.get("LastModified"),
        details={
            "runtime": described.get("Runtime"),
            "handler": described.get("Handler"),
            "role_arn": described.get("Role"),
        },
    )


def outputs(run: Run) -> dict[str, Any]:
    return {name: value for name, value in run.details.items() if isinstance(value, str)}


def recorded(cloud: Cloud, target: Target) -> Any:
    return _described(cloud, target.region, target.name)


def compiled(file: File) -> Any:
    return file.requests[-1].parameters


def verify(cloud: Cloud, file: File, target: Target, project: Project) -> Verified:
    described = recorded(cloud, target)
    try:
        wanted = markers.fill(file.requests[-1].parameters, {}, project)
    except markers.Unfilled as error:
        raise CannotVerify(str(error)) from None
    return Verified(tuple(compare(Shelf(cloud, file.content.region), wanted, described)))


def conflict(shelf: Shelf, parameters: Mapping[str, Any], run: Run) -> str | None:
    pointer = next((line.partition(":")[0] for line in compare(shelf, parameters, run.details)), None)
    if pointer is None:
        return None
    member = pointer.split("/")[1]
    other = "other code" if member == "Code" else f"another {member}"
    return f"a function {parameters[MEMBER]} exists with {other}; a running agent is never changed"


def compare(shelf: Shelf, parameters: Mapping[str, Any], described: Mapping[str, Any]) -> Iterator[str]:
    """Yield the differences of a function's code and configuration from the wanted ones.

    Raises CloudError where the code is in S3 and cannot be read.
    """
    code = _digest(shelf, parameters)
    if code != described["CodeSha256"]:
        yield f"/Code: its SHA-256 was {described['CodeSha256']}, now {code}"
    yield from differences(_variables(described), _variables(parameters))
    rest = {k: v for k, v in parameters.items() if k not in _NOT_COMPARED and k != "Environment"}
    yield from differences({k: described.get(k) for k in rest}, rest, defaults=True)


def _variables(of: Mapping[str, Any]) -> dict[str, Any]:
    """Return the environment variables; the service adds none."""
    return {"Environment": {"Variables": of.get("Environment", {}).get("Variables", {})}}


def _digest(shelf: Shelf, parameters: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a request's archive in base64, as Lambda writes it."""
    if "ZipFile" in parameters["Code"]:
        return resources.checksum(parameters["Code"]["ZipFile"])
    bucket, key = parameters["Code"]["S3Bucket"], parameters["Code"]["S3Key"]
    return resources.checksum_of(shelf.cloud.chunks(bucket, key, shelf.region))


def stop(_cloud: Cloud, target: Target, _seen: Status) -> None:
    raise CannotStop(f"{target.name} is a function: there is nothing to stop")


def removed(_cloud: Cloud, target: Target, _file: File, seen: Status) -> Iterable[str]:
    return (f"function {target.name} ({seen.status})",)


def delete(cloud: Cloud, target: Target) -> str:
    cloud.call("lambda", "DeleteFunction", target.region, FunctionName=target.name)
    return "deleted"


def listed(_cloud: Cloud, _kinds: Mapping[str, str], _wanted: Filter) -> Iterator[Entry]:
    return iter(())


def logs(status: Status) -> list[Place]:
    return [Place(f"/aws/lambda/{status.name}")]
