"""Send one file's requests, each of which is idempotent.

In: a compiled file whose dependencies are done. Out: its run. Every request is get-or-create, so that applying again
continues after a kill at any point.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from sagespec.documents import submitted
from sagespec.documents.compiled import Request, identified
from sagespec.executor import hubs, markers, pauses, resources, retries
from sagespec.executor.cloud import CloudError
from sagespec.executor.runs import pipelines, sorts
from sagespec.executor.runs.run import Run
from sagespec.executor.submission import Answer, Refused, Submission


def submit(submission: Submission) -> Run:
    """Send the requests of a file, in order.

    Raises CloudError, Refused, Stopped, and markers.Unfilled.
    """
    known = dict(submission.outputs)
    content = submission.file.content
    for request in content.requests:
        submission.go_on()
        whole = submitted.completed(request, content.address, content.identity, submission.commit)
        parameters = markers.fill(identified(whole.parameters, content.identity), known, submission.project)
        try:
            word, answer = _HANDLERS[request.operation](submission, request, parameters, known)
        except CloudError as error:
            error.request = request.id
            raise
        known |= {f"requests.{request.id}.{name}": value for name, value in answer.items()}
        run = answer.get("Run")
        if run or word != "kept":  # of shared resources, only changes are reported
            submission.on_request(submission.file, request.id, word, _name(answer))
    return run  # type: ignore[return-value]  # the last request of a file always makes its run


def _name(answer: Mapping[str, Any]) -> str:
    run = answer.get("Run")
    return run.name if isinstance(run, Run) else next((str(v) for v in answer.values()), "")


def _group(s: Submission, request: Request, parameters: dict[str, Any], _known: Mapping[str, Any]) -> Answer:
    name = parameters["ModelPackageGroupName"]

    def make() -> tuple[str, str]:
        if request.id not in s.absent and (arn := s.shelf.group(name)):
            return "kept", arn
        try:
            made = s.call("sagemaker", "CreateModelPackageGroup", **parameters)
            return "created", str(made["ModelPackageGroupArn"])
        except CloudError as error:
            if not error.is_taken:
                raise
            arn = s.seen(request, name, lambda: s.shelf.group(name))
            if arn is None:
                raise
            return "kept", arn

    word, arn = s.shared.get(f"{s.region} group {name}", make)
    return word, {"ModelPackageGroupArn": arn}


def _artifact(s: Submission, request: Request, parameters: dict[str, Any], _known: Mapping[str, Any]) -> Answer:
    """Get the oldest artifact of a source, or create one.

    Artifacts have neither names nor tokens: AWS allows duplicates, and a list may not show an existing one yet.
    """

    def find() -> str | None:
        return next(iter(s.shelf.artifacts(parameters)), None)

    def make() -> tuple[str, str]:
        arn = find()
        if arn is not None:
            return "kept", arn
        for number in range(1, retries.ROUNDS + 1):
            s.go_on()
            try:
                answer = s.cloud.call_once("sagemaker", "CreateArtifact", s.region, **parameters)
                return "created", _only(s, request, parameters, str(answer["ArtifactArn"]))
            except CloudError as error:
                if not error.is_passing or number == retries.ROUNDS:
                    raise
                # after a lost answer, create again only if nothing is shown for minutes
                arn = find() if error.is_unheard else s.seen(request, source, find)
                if arn is not None:
                    break
                pauses.pause(random.uniform(0, 0.1 * number), s.stopping)
        return "created", str(arn)

    source = parameters["Source"]["SourceUri"]
    word, arn = s.shared.get(f"{s.region} artifact {source}", make)
    return word, {"ArtifactArn": arn}


def _only(s: Submission, request: Request, parameters: dict[str, Any], made: str) -> str:
    """Return the artifact to use: where another apply has made one before ours, that one, and ours is deleted.

    A list that shows ours also shows those that were made before it.
    """

    def look() -> list[str] | None:
        listed = s.shelf.artifacts(parameters)
        return listed if made in listed else None

    oldest = next(iter(s.seen(request, made, look) or [made]))
    if oldest != made:
        with suppress(CloudError):  # a duplicate does no harm, and the caller may not be allowed to delete it
            s.call("sagemaker", "DeleteArtifact", ArtifactArn=made)
    return oldest


def _object(s: Submission, request: Request, parameters: dict[str, Any], _known: Mapping[str, Any]) -> Answer:
    uri = f"s3://{parameters['Bucket']}/{parameters['Key']}"
    body = parameters["Body"]
    content = body.encode() if isinstance(body, str) else body
    # S3 stores a checksum only if the algorithm is named
    checked = {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": resources.checksum(content)}
    put = {**parameters, "Body": content, **checked, "IfNoneMatch": "*"}  # what others have put there stays

    def make() -> tuple[str, str]:
        there = "absent" if request.id in s.absent else s.shelf.object(parameters)
        if there in ("absent", "hidden"):
            try:
                s.call("s3", "PutObject", **put)
                return "uploaded", uri
            except CloudError as error:
                if not error.is_taken:
                    raise
            there = s.shelf.object(parameters)
        if there == "same":
            return "kept", uri
        why = "has other content" if there == "other" else "exists and may not be read (s3:GetObject)"
        raise Refused(f"{uri} {why}; it is never overwritten")

    word, uri = s.shared.get(f"{uri} {checked['ChecksumSHA256']}", make)
    return word, {"Uri": uri}


_HANDLERS: dict[str, Callable[[Submission, Request, dict[str, Any], Mapping[str, Any]], Answer]] = {
    "CreateArtifact": _artifact,
    "CreateHub": hubs.create,
    "CreateModelPackageGroup": _group,
    "CreatePipeline": pipelines.submit,
    "ImportHubContent": hubs.import_content,
    "PutObject": _object,
    **{operation: sort.submit for operation, sort in sorts.BY_OPERATION.items()},
}
