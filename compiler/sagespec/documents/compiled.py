"""Compiled files: the requests that a reviewer reads and that `apply` sends.

In: the requests of one spec. Out: a `Compiled`, its digest and its bytes. Values that are not plain JSON are written
as markers: objects with a single key. `compiling/loading.py` reads and checks compiled files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from sagespec.diagnostics.escapes import json_string

API_VERSION = "sagespec/v1"
PACKAGED = "sagespec:drivers/"
"""The prefix of a `$file` path that is in this package rather than in the project."""
MARKERS = ("$json", "$output", "$file", "$zip", "$identity", "$next")
"""Keys of objects that stand for another value; a spec may use none of them as a key."""
DIGITS = 12
"""The number of hex digits of the identity at the end of generated names."""


@dataclass(frozen=True)
class Request:
    """One API request; `parameters` are boto3's, with the markers of the contract."""

    id: str
    service: str
    operation: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Compiled:
    """One compiled spec; `depends_on` maps addresses of specs to the first digits of their identities."""

    address: str
    source: str
    account: str
    region: str
    depends_on: Mapping[str, str]
    requests: tuple[Request, ...]
    identity: str = ""
    project: str | None = None
    environment: str | None = None
    run: int | None = None
    thresholds: tuple[Mapping[str, Any], ...] = ()
    skip_reward_validation: bool = False
    digest: str = field(default="", compare=False)

    @property
    def kind(self) -> str:
        return self.address.partition("/")[0]

    @property
    def name(self) -> str:
        return self.address.partition("/")[2]

    @property
    def path(self) -> PurePosixPath:
        """The path of the file below the output folder."""
        return PurePosixPath(self.kind, f"{self.name}.json")


def named(prefix: str) -> dict[str, Any]:
    """Return the marker of a text that ends in the identity."""
    return {"$identity": prefix}


def marker(value: Any) -> str:
    """Return the key of a marker, or '' for any other value.

    Only `$json` may contain further markers: a file in an archive may be named like a marker.
    """
    key = next(iter(value)) if isinstance(value, dict) and len(value) == 1 else ""
    return key if key in MARKERS else ""


def identified(tree: Any, identity: str) -> Any:
    """Replace `$identity` markers by texts with the first digits of the identity; other markers stay."""
    if isinstance(tree, dict):
        kind = marker(tree)
        if kind == "$identity":
            texts, digits = tree["$identity"], identity[:DIGITS]
            return texts + digits if isinstance(texts, str) else digits.join(texts)
        if kind not in ("", "$json"):
            return tree
        return {key: identified(value, identity) for key, value in tree.items()}
    return [identified(item, identity) for item in tree] if isinstance(tree, list) else tree


def outputs_in(tree: Any) -> set[str]:
    """Return the outputs of other requests that a tree of parameters refers to."""
    if isinstance(tree, dict):
        if (kind := marker(tree)) not in ("", "$json"):
            return {tree[kind]} if kind == "$output" else set()
        return set().union(*(outputs_in(value) for value in tree.values()))
    return set().union(*(outputs_in(value) for value in tree)) if isinstance(tree, list) else set()


def awaited(tree: Any) -> set[str]:
    """Return the addresses of the specs whose outputs a tree of parameters refers to."""
    addresses = (output.rpartition(".")[0] for output in outputs_in(tree))
    return {address for address in addresses if not address.startswith("requests.")}


def canonical(value: Any) -> str:
    """Write JSON with compact separators and sorted keys: the text of `$json`, and the text that is hashed.

    Raises ValueError for NaN and infinities.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def dump(compiled: Compiled) -> str:
    """Write a compiled file with its digest; the same content always gives the same text."""
    document = _document(compiled)
    document["metadata"]["digest"] = digest(document)
    return text(document)


def text(document: Any) -> str:
    """Write a JSON document in the format of compiled files."""
    return _pretty(document, "\n") + "\n"


def _pretty(value: Any, newline: str) -> str:
    """Write JSON with sorted keys and an indent of two; json.dumps takes twice as long for it."""
    if isinstance(value, dict) and value:
        inner = newline + "  "
        members = [f"{json_string(k)}: {_pretty(value[k], inner)}" for k in sorted(value)]
        return "{" + inner + ("," + inner).join(members) + newline + "}"
    if isinstance(value, list) and value:
        inner = newline + "  "
        return "[" + inner + ("," + inner).join([_pretty(v, inner) for v in value]) + newline + "]"
    return json_string(value) if isinstance(value, str) else json.dumps(value, allow_nan=False)


def _document(compiled: Compiled) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "address": compiled.address,
        "source": compiled.source,
        "account": compiled.account,
        "region": compiled.region,
        "identity": compiled.identity,
        "dependsOn": dict(compiled.depends_on),
    }
    optional = {"project": compiled.project, "environment": compiled.environment, "run": compiled.run}
    metadata |= {key: value for key, value in optional.items() if value is not None}
    if compiled.thresholds:
        metadata["thresholds"] = [dict(t) for t in compiled.thresholds]
    if compiled.skip_reward_validation:
        metadata["skipRewardValidation"] = True
    return {
        "apiVersion": API_VERSION,
        "kind": "Compiled",
        "metadata": metadata,
        "requests": [
            {"id": r.id, "service": r.service, "operation": r.operation, "parameters": r.parameters}
            for r in compiled.requests
        ],
    }


def digest(document: Mapping[str, Any]) -> str:
    """Hash the content of a compiled file without its `digest`: `sha256:` and 64 hex digits."""
    metadata = {k: v for k, v in document["metadata"].items() if k != "digest"}
    return "sha256:" + hashlib.sha256(canonical({**document, "metadata": metadata}).encode()).hexdigest()


def digest_of(compiled: Compiled) -> str:
    """Return the digest that a compiled file will have."""
    return digest(_document(compiled))


def of_document(document: Mapping[str, Any]) -> Compiled:
    """Convert a document that is valid against `schemas/v1/Compiled.json`."""
    metadata = document["metadata"]
    return Compiled(
        address=metadata["address"],
        source=metadata["source"],
        account=metadata["account"],
        region=metadata["region"],
        identity=metadata["identity"],
        depends_on=metadata["dependsOn"],
        requests=tuple(Request(r["id"], r["service"], r["operation"], r["parameters"]) for r in document["requests"]),
        project=metadata.get("project"),
        environment=metadata.get("environment"),
        run=metadata.get("run"),
        thresholds=tuple(metadata.get("thresholds", ())),
        skip_reward_validation=metadata.get("skipRewardValidation", False),
        digest=metadata["digest"],
    )
