"""The identity of a compiled file: a hash of what it will do, computed from the file alone.

In: a `Compiled`, its identity aside. Out: 64 hex digits. What starts nothing does not count: descriptions, search
keywords, tags, how uploads are encrypted and whose bucket it is, the version of our own drivers. Nor does the hash
in the key of an upload, since its content does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sagespec.documents.compiled import DIGITS, PACKAGED, Compiled, Request, canonical, marker

_NOT_COUNTED = {"Tags", "HubContentSearchKeywords", "ServerSideEncryption", "SSEKMSKeyId", "ExpectedBucketOwner"}
_PREFIX_DIGITS = 16


def identify(made: Compiled) -> str:
    """Hash what a compiled file will do: the same content always gives the same digits.

    The parts of the qualified name count apart: project a-b with environment c is not project a with b-c.
    """
    prefixes = dict(_prefixes(made.requests))
    content = {
        "kind": made.kind,
        "name": [made.project, made.environment, made.name],
        "run": made.run or 1,
        "account": made.account,
        "region": made.region,
        "dependsOn": dict(made.depends_on),
        "requests": [[r.id, r.service, r.operation, _content(r, prefixes)] for r in made.requests],
    }
    return hashlib.sha256(canonical(content).encode()).hexdigest()


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
    """What counts of a value: drivers of ours by their path, places of uploads without the hash."""
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
    """The places of uploads, as they are and without their hashes."""
    for request in requests:
        if request.operation == "PutObject" and (prefix := _prefix(request)):
            bucket = f"s3://{request.parameters['Bucket']}/"
            yield f"{bucket}{prefix}", f"{bucket}{_without_hash(prefix)}"


def _prefix(request: Request) -> str:
    """What the files of one upload have before their names, a hash of all of them at its end; '' for a lone file."""
    _, slash, name = request.id.partition("/")
    key: str = request.parameters["Key"]
    return key[: -len(name)] if slash and key.endswith(f"/{name}") else ""


def _without_hash(prefix: str) -> str:
    return prefix[: prefix.rstrip("/").rfind("/") + 1]


def content_hash(body: Mapping[str, Any]) -> str:
    """The SHA-256 of an upload: of the file that it is, or of the JSON text that it stands for."""
    return (
        str(body["$file"]["sha256"])
        if "$file" in body
        else hashlib.sha256(canonical(body["$json"]).encode()).hexdigest()
    )


def of_files(hashes: Mapping[str, str]) -> str:
    """The digits under which several files are uploaded, by name: the same for the same names and contents."""
    lines = "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes))
    return hashlib.sha256(lines.encode()).hexdigest()[:_PREFIX_DIGITS]


def misplaced(requests: Sequence[Request]) -> list[str]:
    """The ids of uploads whose keys are not those of their contents."""
    uploads = [r for r in requests if r.operation == "PutObject"]
    groups: dict[str, dict[str, str]] = {}
    for request in uploads:
        label, slash, name = request.id.partition("/")
        if slash:
            groups.setdefault(label, {})[name] = content_hash(request.parameters["Body"])
    return [r.id for r in uploads if _hash_in(r) != _wanted(r, groups)]


def _hash_in(request: Request) -> str:
    folder = _prefix(request) or request.parameters["Key"].rpartition("/")[0]
    return str(folder.rstrip("/").rpartition("/")[2])


def _wanted(request: Request, groups: Mapping[str, Mapping[str, str]]) -> str:
    label, slash, _ = request.id.partition("/")
    return of_files(groups[label]) if slash else content_hash(request.parameters["Body"])[:DIGITS]
