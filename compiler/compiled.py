"""Compiled files: what a reviewer reads and all that `apply` acts on.

In: drafted requests of one spec. Out: a `Compiled` with its identity and digest, and its bytes.
Refuses: a file whose digest does not match its content, or that is not a compiled file at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

API_VERSION = "sagespec/v1"
_TEXT = json.JSONEncoder(ensure_ascii=False).encode
PACKAGED = "sagespec:drivers/"
"""How a `$file` path begins that is part of this package and not of the project."""
MARKERS = ("$json", "$output", "$file", "$zip")
"""The keys that stand for a whole value; no key of a spec may be one."""
DIGITS = 12
"""How many hex digits of the identity end a generated name."""


@dataclass(frozen=True)
class Generated:
    """Text that ends up with the identity in it: `<before><identity><after>`.

    A name does not count towards the identity; a location (`content`) does, but for the digits.
    """

    before: str = ""
    after: str = ""
    digits: int = DIGITS
    content: bool = False

    def fill(self, identity: str) -> str:
        return f"{self.before}{identity[: self.digits]}{self.after}"


@dataclass(frozen=True)
class Request:
    """One API request; `parameters` are boto3's, apart from the four markers of the contract."""

    id: str
    service: str
    operation: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Compiled:
    """One compiled spec."""

    address: str
    source: str
    account: str
    region: str
    identity: str
    depends_on: tuple[str, ...]
    requests: tuple[Request, ...]
    project: str | None = None
    environment: str | None = None
    thresholds: tuple[Mapping[str, Any], ...] = ()
    digest: str = field(default="", compare=False)

    @property
    def kind(self) -> str:
        return self.address.partition("/")[0]

    @property
    def name(self) -> str:
        return self.address.partition("/")[2]

    @property
    def path(self) -> PurePosixPath:
        """Where the file stands below the output folder."""
        return PurePosixPath(self.kind, f"{self.name}.json")


class InvalidCompiled(Exception):
    """A file that cannot be acted on; the message says what is wrong with it."""


def identify(
    kind: str,
    name: Iterable[str | None],
    run: int,
    account: str,
    region: str,
    dependencies: Iterable[str],
    requests: Iterable[Request],
) -> str:
    """Hash what a spec will do: the same content always gives the same 64 hex digits.

    `name` are the parts of the qualified name: of project a-b and environment c, and of a and b-c, it is the same.
    Generated names, tokens, descriptions and tags are left out, so that none of them starts anything;
    the identities of what it depends on are in, so that a retrained model is evaluated again.
    """
    content = {
        "kind": kind,
        "name": list(name),
        "run": run,
        "account": account,
        "region": region,
        "dependencies": sorted(dependencies),
        "requests": [[r.id, r.service, r.operation, _content(r.parameters)] for r in requests],
    }
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def _content(parameters: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in parameters.items() if k != "Tags" and not k.endswith("Description")}
    definition = kept.get("PipelineDefinition")
    if isinstance(definition, dict) and "$json" in definition:
        document = dict(definition["$json"])
        document["Steps"] = [_step_content(step) for step in document.get("Steps", [])]
        kept["PipelineDefinition"] = {"$json": document}
    return {k: v for k, v in ((k, _without_names(v)) for k, v in kept.items()) if v is not None}


def _step_content(step: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in step.items() if k not in ("Description", "DisplayName")}
    if "Tags" in kept.get("Arguments", {}):
        kept["Arguments"] = {k: v for k, v in kept["Arguments"].items() if k != "Tags"}
    return kept


def _without_names(value: Any) -> Any:
    if isinstance(value, Generated):
        return [value.before, value.after] if value.content else None
    if isinstance(value, dict):
        return {k: _without_names(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_names(v) for v in value]
    return value


def named(request: Request, identity: str) -> Request:
    """Fill the identity into a drafted request."""
    return replace(request, parameters=_fill(request.parameters, identity))


def _fill(value: Any, identity: str) -> Any:
    if isinstance(value, Generated):
        return value.fill(identity)
    if isinstance(value, dict):
        return {k: _fill(v, identity) for k, v in value.items()}
    if isinstance(value, list):
        return [_fill(v, identity) for v in value]
    return value


def awaited(tree: Any) -> set[str]:
    """The addresses of the specs whose outputs a tree of parameters waits for."""
    if isinstance(tree, dict):
        if set(tree) == {"$output"}:
            address = str(tree["$output"]).rpartition(".")[0]
            return {address} if "/" in address else set()
        return set().union(*(awaited(value) for value in tree.values())) if tree else set()
    return set().union(*(awaited(value) for value in tree)) if isinstance(tree, list) and tree else set()


def canonical(value: Any) -> str:
    """JSON text with compact separators and sorted keys: what `$json` stands for, and what is hashed."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def dump(compiled: Compiled) -> str:
    """Write a compiled file; the same content always gives the same text."""
    document = _document(compiled)
    document["metadata"]["digest"] = _digest(document)
    return _pretty(document, "\n") + "\n"


def _pretty(value: Any, newline: str) -> str:
    """json.dumps with sorted keys and an indent of two, whose own encoder is four times slower at it."""
    if isinstance(value, dict) and value:
        inner = newline + "  "
        members = [f"{_TEXT(k)}: {_pretty(value[k], inner)}" for k in sorted(value)]
        return "{" + inner + ("," + inner).join(members) + newline + "}"
    if isinstance(value, list) and value:
        inner = newline + "  "
        return "[" + inner + ("," + inner).join([_pretty(v, inner) for v in value]) + newline + "]"
    return _TEXT(value) if isinstance(value, str) else json.dumps(value, allow_nan=False)


def _document(compiled: Compiled) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "address": compiled.address,
        "source": compiled.source,
        "account": compiled.account,
        "region": compiled.region,
        "identity": compiled.identity,
        "dependsOn": list(compiled.depends_on),
    }
    if compiled.project is not None:
        metadata["project"] = compiled.project
    if compiled.environment is not None:
        metadata["environment"] = compiled.environment
    if compiled.thresholds:
        metadata["thresholds"] = [dict(t) for t in compiled.thresholds]
    return {
        "apiVersion": API_VERSION,
        "kind": "Compiled",
        "metadata": metadata,
        "requests": [
            {"id": r.id, "service": r.service, "operation": r.operation, "parameters": r.parameters}
            for r in compiled.requests
        ],
    }


def _digest(document: dict[str, Any]) -> str:
    metadata = {k: v for k, v in document["metadata"].items() if k != "digest"}
    return "sha256:" + hashlib.sha256(canonical({**document, "metadata": metadata}).encode()).hexdigest()


def load(text: str) -> Compiled:
    """Read a compiled file.

    Raises InvalidCompiled when it is not one, or was changed after it was compiled.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidCompiled(f"not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("kind") != "Compiled":
        raise InvalidCompiled("not a compiled file")
    if document.get("apiVersion") != API_VERSION:
        raise InvalidCompiled(f"apiVersion {document.get('apiVersion')!r} is not {API_VERSION}")
    try:
        metadata = document["metadata"]
        if metadata["digest"] != _digest(document):
            raise InvalidCompiled("was changed after it was compiled (its digest does not match)")
        if not isinstance(metadata["address"], str):
            raise InvalidCompiled("not a compiled file: its address is not text")
        return Compiled(
            address=metadata["address"],
            source=metadata["source"],
            account=metadata["account"],
            region=metadata["region"],
            identity=metadata["identity"],
            depends_on=tuple(metadata["dependsOn"]),
            requests=tuple(
                Request(r["id"], r["service"], r["operation"], r["parameters"]) for r in document["requests"]
            ),
            project=metadata.get("project"),
            environment=metadata.get("environment"),
            thresholds=tuple(metadata.get("thresholds", ())),
            digest=metadata["digest"],
        )
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise InvalidCompiled(f"not a compiled file: {type(error).__name__} at {error}") from None
