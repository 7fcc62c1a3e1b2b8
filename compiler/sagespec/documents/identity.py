"""The identity of a compiled file: a hash of the work that its requests start, computed from the file alone.

In: a `Compiled`; its own identity is ignored. Out: 64 hex digits. Members that do not change the work are left out:
descriptions, search keywords, tags, the encryption and the owner of upload buckets, the hash of our own drivers. So
is the hash in the key of an upload, because the hash of the content already counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sagespec.documents.compiled import DIGITS, PACKAGED, Compiled, Request, canonical, marker

_NOT_COUNTED = {"Tags", "HubContentSearchKeywords", "ServerSideEncryption", "SSEKMSKeyId", "ExpectedBucketOwner"}
_PREFIX_DIGITS = 16
DATA = "data"
"""The prefix of ids of uploads of data, before the channel and the name."""


def identify(made: Compiled) -> str:
    """Return the identity: the same content always gives the same 64 hex digits.

    The parts of the qualified name are hashed separately: project a-b in environment c is not project a in b-c.
    """
    content = {
        "kind": made.kind,
        "name": [made.project, made.environment, made.name],
        "run": made.run or 1,
        "account": made.account,
        "region": made.region,
        "dependsOn": dict(made.depends_on),
        "requests": [[r.id, r.service, r.operation, content] for r, content in counted(made.requests)],
    }
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def counted(requests: Sequence[Request]) -> Iterator[tuple[Request, dict[str, Any]]]:
    """What counts of the parameters of each request."""
    prefixes = dict(_prefixes(requests))
    return ((request, _content(request, prefixes)) for request in requests)


def _content(request: Request, prefixes: Mapping[str, str]) -> dict[str, Any]:
    given = request.parameters
    kept = {k: v for k, v in given.items() if k not in _NOT_COUNTED and not k.endswith("Description")}
    if request.operation == "CreatePipeline":
        document = dict(kept["PipelineDefinition"]["$json"])
        document["Steps"] = [_step_content(step) for step in document.get("Steps", ())]
        kept["PipelineDefinition"] = {"$json": document}
    if request.operation == "PutObject" and (prefix := _prefix(request)):
        kept["Key"] = _without_hash(prefix) + given["Key"][len(prefix) :]
    return {k: _counted(v, prefixes) for k, v in kept.items()}


def _step_content(step: Mapping[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in step.items() if k != "Description"}
    if "Tags" in kept.get("Arguments", {}):
        kept["Arguments"] = {k: v for k, v in kept["Arguments"].items() if k != "Tags"}
    return kept


def _counted(value: Any, prefixes: Mapping[str, str]) -> Any:
    """Return the part of a value that is hashed: drivers by path, S3 URIs of uploads without their hash."""
    if isinstance(value, dict):
        kind = marker(value)
        if kind == "$file" and value["$file"]["path"].startswith(PACKAGED):
            return {"$file": {"path": value["$file"]["path"]}}
        if kind not in ("", "$json"):
            return value
        kept = {k: _counted(v, prefixes) for k, v in value.items()}
        uri = value.get("S3Uri")
        return {**kept, "S3Uri": prefixes[uri]} if isinstance(uri, str) and uri in prefixes else kept
    return [_counted(v, prefixes) for v in value] if isinstance(value, list) else value


def _prefixes(requests: Iterable[Request]) -> Iterable[tuple[str, str]]:
    """Yield the S3 URIs of uploads, of folders and of files, each with and without its hash."""
    for request in requests:
        if request.operation == "PutObject" and (prefix := _prefix(request)):
            bucket, name = f"s3://{request.parameters['Bucket']}/", request.parameters["Key"][len(prefix) :]
            yield f"{bucket}{prefix}", f"{bucket}{_without_hash(prefix)}"
            yield f"{bucket}{prefix}{name}", f"{bucket}{_without_hash(prefix)}{name}"


def _prefix(request: Request) -> str:
    """Return the folder part of the key of a multi-file upload, which ends in a hash of all its files; else ''."""
    _, name = _upload(request)
    key: str = request.parameters["Key"]
    return key[: -len(name)] if name and key.endswith(f"/{name}") else ""


def _upload(request: Request) -> tuple[str, str]:
    """Return the set that an upload belongs to, and its name in it; '' for a single file.

    Each channel of data is a set.
    """
    label, _, name = request.id.partition("/")
    if label != DATA:
        return label, name
    channel, _, name = name.partition("/")
    return f"{label}/{channel}", name


def _without_hash(prefix: str) -> str:
    return prefix[: prefix.rstrip("/").rfind("/") + 1]


def content_hash(body: Mapping[str, Any]) -> str:
    """Return the SHA-256 of an upload's content: of its file, or of its JSON text."""
    return (
        str(body["$file"]["sha256"])
        if "$file" in body
        else hashlib.sha256(canonical(body["$json"]).encode()).hexdigest()
    )


def of_files(hashes: Mapping[str, str], key_id: str = "") -> str:
    """Return the hash in the keys of a folder's upload: 16 hex digits of its names, contents and KMS key.

    `hashes` maps file names to SHA-256 digits.
    """
    lines = "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes))
    key = f"aws:kms {key_id}\n" if key_id else ""
    return hashlib.sha256(f"{key}{lines}".encode()).hexdigest()[:_PREFIX_DIGITS]


def misplaced(requests: Sequence[Request]) -> list[str]:
    """Return the ids of uploads whose key does not contain the hash of their content."""
    uploads = [r for r in requests if r.operation == "PutObject"]
    sets: dict[str, dict[str, str]] = {}
    for request in uploads:
        label, name = _upload(request)
        if name:
            sets.setdefault(label, {})[name] = content_hash(request.parameters["Body"])
    return [r.id for r in uploads if _hash_in(r) != _wanted(r, sets)]


def uploads_of(requests: Iterable[Request]) -> dict[str, str]:
    """Return the S3 URIs of uploads, each with its part before the hash of the content."""
    places = {}
    for request in (r for r in requests if r.operation == "PutObject"):
        folder = (_prefix(request) or request.parameters["Key"].rpartition("/")[0]).rstrip("/")
        bucket = f"s3://{request.parameters['Bucket']}/"
        places[f"{bucket}{folder}"] = f"{bucket}{_without_hash(folder)}"
    return places


def _hash_in(request: Request) -> str:
    folder = _prefix(request) or request.parameters["Key"].rpartition("/")[0]
    return str(folder.rstrip("/").rpartition("/")[2])


def _wanted(request: Request, sets: Mapping[str, Mapping[str, str]]) -> str:
    label, name = _upload(request)
    if not name:
        return content_hash(request.parameters["Body"])[:DIGITS]
    return of_files(sets[label], request.parameters.get("SSEKMSKeyId", ""))
