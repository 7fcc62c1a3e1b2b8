"""Read and check compiled files.

In: a file. Out: a `Compiled`. Refuses what `compile` would not have written: files edited by hand, even with a new
digest, duplicate keys, an identity of other content, unknown operations, parameters that the API refuses, and files
at another path than their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from sagespec import disk
from sagespec.checking import api, pipeline_graph, schema
from sagespec.diagnostics import KeyPath, Problem, dotted
from sagespec.documents import compiled, identity, operations, submitted
from sagespec.documents.compiled import API_VERSION, Compiled
from sagespec.project import boundary
from sagespec.project import settings as project_settings
from sagespec.reading.strict_json import DoubledKey, no_number, once

MAX_DEPTH = 150
MOST_KEPT = 500
"""Files that are kept, for commands that read them again: those that others depend on, above all."""
_FORMS = {"$output": "output", "$file": "file", "$zip": "zip", "$identity": "identity", "$next": "next"}
"""The definition in `schemas/v1/Compiled.json` for the value of each marker."""


class InvalidCompiled(Exception):
    """A file that `apply` refuses; the message says why."""


def read(path: Path) -> Compiled:
    """Read a compiled file that is at its own path.

    Raises InvalidCompiled and OSError.
    """
    file = boundary.real(path)
    if file != path.absolute() and _is_led_out(path.absolute()):
        raise InvalidCompiled("leads out of the project through a link")
    content = load(disk.read(file, disk.COMPILED_BYTES))
    if PurePosixPath(*file.parts[-2:]) != content.path:
        raise InvalidCompiled(f"is not at its own path, {content.path}")
    if hidden := next((part for part in _shown(file) if part.startswith(".")), None):
        raise InvalidCompiled(f"is in a hidden folder, {hidden}, where no reviewer looks")
    return content


def _is_led_out(path: Path) -> bool:
    """Return whether a link in the project leads to a file outside of it."""
    file = project_settings.find(path.parent)
    folder = file.parent if file else path.parents[min(2, len(path.parents) - 1)]
    return boundary.around(folder).is_left_by_link(path)


def _shown(compiled: Path) -> tuple[str, ...]:
    """Return the parts of a compiled file's path from the project, or from the git work tree that contains it."""
    output = compiled.parents[1]
    file = project_settings.find(output)
    top = boundary.around(file.parent if file else output.parent).root
    return compiled.relative_to(top).parts


@lru_cache(maxsize=MOST_KEPT)
def load(content: bytes) -> Compiled:
    """Parse and check the bytes of a compiled file, which nobody may change: the same bytes are checked once.

    Raises InvalidCompiled where they are not one, or were changed after compiling.
    """
    document = _document(content)
    made = compiled.of_document(document)
    if made.digest != compiled.digest(document):
        raise InvalidCompiled("was changed after it was compiled (its digest does not match)")
    if compiled.text(document).encode() != content:
        raise InvalidCompiled("is not written as sagespec writes it; run `sagespec compile` again")
    if made.identity != identity.identify(made):
        raise InvalidCompiled("its identity is not that of its content; run `sagespec compile` again")
    for reason in _wrong(made):
        raise InvalidCompiled(reason)
    return made


def _document(content: bytes) -> dict[str, Any]:
    """Parse bytes, and check that they have the form of a compiled file.

    Raises InvalidCompiled.
    """
    try:
        document = json.loads(content.decode("utf-8"), object_pairs_hook=once, parse_constant=no_number)
        compiled.canonical(document).encode()
    except DoubledKey as error:
        raise InvalidCompiled(str(error)) from None
    except (ValueError, RecursionError) as error:  # UnicodeError is a ValueError
        raise InvalidCompiled(f"not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("kind") != "Compiled":
        raise InvalidCompiled("not a compiled file")
    if document.get("apiVersion") != API_VERSION:
        raise InvalidCompiled(f"apiVersion {document.get('apiVersion')!r} is not {API_VERSION}")
    if depth(document) > MAX_DEPTH:
        raise InvalidCompiled(f"more than {MAX_DEPTH} levels deep")
    for problem in form(document):
        raise InvalidCompiled(f"not a compiled file: {_said(problem)}")
    return document


def depth(document: Any) -> int:
    """Return the depth of nesting of a document, at most MAX_DEPTH + 1."""
    depth, level = 0, [document]
    while level and depth <= MAX_DEPTH:
        depth += 1
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        level = inner
    return depth


def form(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield problems against `schemas/v1/Compiled.json`, checked part by part.

    As a whole it takes five times as long.
    """
    yield from schema.validate_part("Compiled", "envelope", document)
    for index, request in enumerate(document["requests"]):
        for problem in schema.validate_part("Compiled", _definition(request["operation"]), request):
            yield replace(problem, path=("requests", index, *problem.path))
        yield from _markers(request["parameters"], ("requests", index, "parameters"))


def _definition(operation: str) -> str:
    """Return the name of the definition for requests of an operation; `run` for one without a definition."""
    has_own = operation in schema.load("Compiled")["$defs"] and operation in operations.services()
    return operation if has_own else "run"


def _markers(tree: Any, path: KeyPath) -> Iterator[Problem]:
    """Yield problems in the values of markers; all other content of documents is free."""
    if isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from _markers(item, (*path, index))
    elif isinstance(tree, dict):
        kind = compiled.marker(tree)
        if kind in _FORMS:
            for problem in schema.validate_part("Compiled", _FORMS[kind], tree[kind]):
                yield replace(problem, path=(*path, kind, *problem.path))
        else:
            for key, value in tree.items():
                yield from _markers(value, (*path, key))


def _wrong(made: Compiled) -> Iterator[str]:
    """Yield what is wrong with the requests of a document that has the right form."""
    if made.kind not in schema.kinds():
        yield f"there is no kind {made.kind}"
    yield from _wrong_order(made)
    yield from (f"{id} is not uploaded under the key of its content" for id in identity.misplaced(made.requests))
    for request in made.requests:
        if request.service != operations.services()[request.operation]:
            yield f"{request.id}: {request.operation} is no operation of {request.service}"
        whole = submitted.completed(request, made.address, made.identity, submitted.ANY_COMMIT)
        problems = [*api.check(request.service, request.operation, whole.parameters)]
        if request.operation == "CreatePipeline":
            problems += pipeline_graph.check(request.parameters["PipelineDefinition"]["$json"])
        yield from (f"{request.id}: {_said(problem)}" for problem in problems if problem.severity == "error")


def _wrong_order(made: Compiled) -> Iterator[str]:
    """Yield what is wrong with the order of requests.

    Ids are unique, outputs are used after the request that has them.
    """
    yield from operations.wrong([request.operation for request in made.requests])
    pipelines = {r.id: r.parameters["PipelineName"] for r in made.requests if r.operation == "CreatePipeline"}
    last = made.requests[-1] if made.requests else None
    started = last.parameters["PipelineName"] if last and last.operation == "StartPipelineExecution" else None
    if pipelines != ({"pipeline": started} if started is not None else {}):
        yield "does not run the one pipeline that it creates"
    known: set[str] = set()
    for request in made.requests:
        if request.id in known:
            yield f"has two requests {request.id}"
        for needed in sorted(compiled.outputs_in(request.parameters)):
            address = needed.rpartition(".")[0]
            own = address.removeprefix("requests.")
            if own == address and address not in made.depends_on:
                yield f"{request.id} needs {needed}, which is not among what it depends on"
            elif own != address and own not in known:
                yield f"{request.id} needs {needed}, which no earlier request provides"
        known.add(request.id)
    if made.address in made.depends_on:
        yield "depends on itself"


def _said(problem: Problem) -> str:
    return ": ".join(part for part in (dotted(problem.path), problem.message) if part)
