"""Compiled files changed at random, as somebody might who can compute a digest, or an identity, too."""

from __future__ import annotations

import contextlib
import copy
import json
import random
from collections.abc import Iterator
from typing import Any

from sagespec.documents import compiled, identity
from sagespec.documents.compiled import canonical

Node = tuple[Any, Any]
"""A container, and the key or index of one value in it."""


def _deep(levels: int) -> Any:
    tree: Any = 1
    for level in range(levels):
        tree = {"a": tree} if level % 2 else [tree]
    return tree


PLAIN: list[Any] = [None, True, 0, -1, 2, 1.5, 1e308, 10**30, "", "x", "a" * 300, [], {}, [None], [[]], {"": None}]
TEXTS = ["\x1b[31mred", "\n::error::x", "\u202e", "\U0001f600", "{{ x }}", "${x}", "../../x", "/etc/passwd"]
PATHS = ["", "../x", "/dev/zero", "/etc/passwd", "a\0b", ".", "pipe", "sagespec:drivers/../x", 1]
MARKED: dict[str, list[Any]] = {
    "$output": ["x", "K/a.Arn", "MultiTurnRLTrainer/x.Arn", "requests.job.Arn", "requests..", 1, [], {}],
    "$file": [1, "x", {}, {"path": "x"}, *({"path": path, "sha256": "0" * 64} for path in PATHS)],
    "$zip": [1, [], {}, {"a": 1}, {"a": {"text": 1}}, {"a": {}}, {"": {"text": "x"}}, {"/a": {"text": ""}}],
    "$json": [None, 1, "x", [], {}, {"$json": {}}, {"Steps": 1}, {"Steps": [1]}, {"Steps": [{}]}],
    "$identity": [1, None, "", "x-", [], ["a"], ["a", "b"], [1, 2], {}, "x" * 300],
    "$next": ["major", 1],
    "Get": ["Steps.a", "Steps..", 1, []],
    "Std:Join": [1, {"On": 1, "Values": 1}],
}
VALUES: list[Any] = [
    *PLAIN,
    *TEXTS,
    *({key: value} for key, values in MARKED.items() for value in values),
    *map(_deep, (100, 140, 160, 400)),
]
SENT = ["CreateJob", "CreateTrainingJob", "CreatePipeline", "StartPipelineExecution", "CreateFunction", "PutObject"]
OPERATIONS: list[Any] = [
    *SENT,
    "CreateArtifact",
    "CreateModelPackageGroup",
    "DeleteJob",
    "",
    "create_job",
    1,
    None,
    [],
]
KEYS = ("", "a", "$json", "$output", "$file", "Tags", "Key", "DependsOn", "JobName", "\x1b[0m", "Steps", "Parameters")


def nodes(tree: Any) -> Iterator[Node]:
    """Every value in a tree but the tree itself."""
    members = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in members:
        yield tree, key
        yield from nodes(value)


def _replaced(chance: random.Random, document: Any) -> None:
    container, key = chance.choice(list(nodes(document)))
    container[key] = copy.deepcopy(chance.choice(VALUES))


def _removed(chance: random.Random, document: Any) -> None:
    container, key = chance.choice(list(nodes(document)))
    del container[key]


def _added(chance: random.Random, document: Any) -> None:
    containers = [document, *(c[k] for c, k in nodes(document) if isinstance(c[k], dict | list))]
    container, value = chance.choice(containers), copy.deepcopy(chance.choice(VALUES))
    if isinstance(container, dict):
        container[chance.choice(KEYS)] = value
    else:
        container.insert(chance.randint(0, len(container)), value)


def _renamed(chance: random.Random, document: Any) -> None:
    places = [(c, k) for c, k in nodes(document) if isinstance(c, dict)]
    container, key = chance.choice(places)
    container[chance.choice([*KEYS, str(key).lower(), f"{key} "])] = container.pop(key)


def _moved(chance: random.Random, document: Any) -> None:
    found = list(nodes(document))
    (one, here), (other, there) = chance.choice(found), chance.choice(found)
    one[here] = copy.deepcopy(other[there])


def _repeated(chance: random.Random, document: Any) -> None:
    lists = [c[k] for c, k in nodes(document) if isinstance(c[k], list) and c[k]]
    if lists:
        chosen = chance.choice(lists)
        chosen.append(copy.deepcopy(chance.choice(chosen)))


def _of_a_request(chance: random.Random, document: Any) -> None:
    requests = document.get("requests")
    if isinstance(requests, list) and requests and isinstance(requests[-1], dict):
        request = chance.choice([r for r in requests if isinstance(r, dict)])
        way = chance.randrange(4)
        if way == 0:
            request["operation"] = chance.choice(OPERATIONS)
        elif way == 1:
            chance.shuffle(requests)
        elif way == 2:
            requests.remove(request)
        else:
            request["id"] = chance.choice(["", "job", "pipeline", "source/x", "custom-metrics", "\x1b", 1, None])


def _of_metadata(chance: random.Random, document: Any) -> None:
    if isinstance(document.get("metadata"), dict):
        key = chance.choice(
            ["address", "source", "account", "region", "dependsOn", "project", "environment", "run", "x"]
        )
        values = [
            "MPI/a",
            "Nothing/a",
            "ModelTrainer/../a",
            {"MPI/a": "0" * 12},
            "210987654321",
            "eu-west-1",
            *VALUES,
        ]
        document["metadata"][key] = copy.deepcopy(chance.choice(values))


WAYS = (_replaced, _replaced, _replaced, _removed, _added, _renamed, _moved, _repeated, _of_a_request, _of_metadata)


def text(document: Any) -> str:
    """Write a document as compiled files are written, whatever is in it."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def sealed(document: Any, with_identity: bool) -> str:
    """Compute the digest anew, and the identity where that can be."""
    metadata = document.get("metadata")
    if isinstance(metadata, dict):
        if with_identity:
            with contextlib.suppress(KeyError, TypeError, AttributeError, ValueError, RecursionError):
                metadata["identity"] = identity.identify(compiled.of_document(document))
        with contextlib.suppress(ValueError, RecursionError):
            metadata["digest"] = compiled.digest(document)
    return text(document)


def mutant(chance: random.Random, good: str) -> bytes:
    """Change a compiled file, mostly in its content, sometimes in its bytes."""
    document = json.loads(good)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        if any(True for _ in nodes(document)):
            chance.choice(WAYS)(chance, document)
    content = sealed(document, with_identity=chance.random() < 0.7).encode("utf-8", "surrogatepass")
    if chance.random() < 0.08:
        at = chance.randrange(len(content))
        content = chance.choice(
            [
                content[:at],
                content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :],
                content.replace(b"\n", b"\r\n"),
                b"\xef\xbb\xbf" + content,
                content + b" ",
                canonical(json.loads(good)).encode(),
                content.replace(b'"id":', b'"id": "x",\n      "\\u0069d":', 1),
                b"[" * 100_000,
            ]
        )
    return content
