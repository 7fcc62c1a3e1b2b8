"""Map an error of AWS to the line of the spec that caused it.

In: a compiled file, the member of its request that was refused, and the service's message. Out: a diagnostic at the
line of the spec, which is compiled again for this; None where that gives another file than the one applied.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sagespec.compiling import build, workspace
from sagespec.compiling.workspace import Compilation
from sagespec.diagnostics import Diagnostic, KeyPath, Problem
from sagespec.documents import compiled
from sagespec.documents.compiled import Compiled, Request
from sagespec.documents.traced import origin
from sagespec.project import settings as project_settings

_WORDS = re.compile(r"[A-Za-z0-9_$][\w$./\[\]-]*[\w\]]")
_PLAIN = {"arguments", "description", "get", "key", "name", "role", "steps", "tags", "type", "value", "version"}
"""Names of members that also occur as ordinary words in messages."""


def named_member(request: Request, message: str) -> KeyPath:
    """Return the longest key path in a message that exists in the request, or ().

    Services separate the keys by dots, slashes or brackets, and often write their first letter in lower case.
    """
    paths = [_walk(request.parameters, word) for word in _WORDS.findall(message)]
    return max(paths, key=len, default=())


def _walk(tree: Any, word: str) -> KeyPath:
    """Follow a path from the top of a tree as far as its keys exist."""
    path: list[str | int] = []
    for step in filter(None, re.split(r"[./\[\]]", word)):
        while isinstance(tree, dict) and set(tree) == {"$json"}:
            path.append("$json")
            tree = tree["$json"]
        key = _member(tree, step)
        if key is None:
            break
        path.append(key)
        tree = tree[key]
    return tuple(path)


def _member(tree: Any, step: str) -> str | int | None:
    if isinstance(tree, list):
        number = int(step) if step.isdigit() else -1
        return number if 0 <= number < len(tree) else None
    if not isinstance(tree, dict):
        return None
    return next((key for key in tree if key == step or key[:1].lower() + key[1:] == step), None)


def member(request: Request, message: str) -> KeyPath:
    """Return the member that a message names by its key path or by its name alone."""
    named = max(named_member(request, message), _in_document(request, message), key=len)
    leaf = _leaf(request, message)
    return leaf if leaf[: len(named)] == named else named


def _leaf(request: Request, message: str) -> KeyPath:
    """Return the member whose name alone is in a message, where only one member has it; else ()."""
    paths: dict[str, list[KeyPath]] = {}
    for at, key in _members(request.parameters, ()):
        for name in {key, key[:1].lower() + key[1:]}:
            paths.setdefault(name, []).append((*at, key))
    words = [w for w in _WORDS.findall(message) if w.lower() not in _PLAIN]
    return max((paths[word][0] for word in words if len(paths.get(word, ())) == 1), key=len, default=())


def _members(tree: Any, at: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            if not key.startswith("$"):
                yield at, key
            yield from _members(value, (*at, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _members(value, (*at, index))


@dataclass
class Sources:
    """The specs of compiled files, which are compiled again at most once, on first use.

    The project is that of `project_file`, or the one that contains `folder`.
    """

    files: Sequence[Compiled]
    folder: Path
    project_file: Path | None
    _compiled: dict[tuple[str | None, str], Compilation | None] = field(default_factory=dict)

    def compilation(self, file: Compiled) -> Compilation | None:
        """Compile the spec of a file again, with those of the same environment and region; None where that fails."""
        key = file.environment, file.region
        if key not in self._compiled:
            alike = [f for f in self.files if (f.environment, f.region) == key]
            self._compiled[key] = self._compile(alike, *key)
        return self._compiled[key]

    def _compile(self, files: Iterable[Compiled], environment: str | None, region: str) -> Compilation | None:
        project, _ = workspace.open_project(self.folder, self.project_file)
        settings, _ = project_settings.choose(project, environment, {}) if project else (None, [])
        if settings is None:  # a mistake in the project since then has nothing to do with the error of AWS
            return None
        sources = dict.fromkeys(settings.project.root / file.source for file in files)
        there = [source for source in sources if settings.project.boundary.admits(source) and source.is_file()]
        return workspace.compile(workspace.check(settings, there, region)) if there else None


def locate(file: Compiled, request_id: str, at: KeyPath, problem: Problem, sources: Sources) -> Diagnostic | None:
    """Return a diagnostic at the field of the spec that a member of a request came from.

    None where the sources do not compile to the same file any more.
    """
    done = sources.compilation(file)
    made = done.builds.get(file.address) if done else None
    if done is None or made is None or compiled.digest_of(made.compiled) != file.digest:
        return None
    spec = done.checked.resolved[file.address].spec
    path = build.within(spec.data, origin(made.provenance[request_id], at))
    return spec.locate(replace(problem, path=path))


def _in_document(request: Request, message: str) -> KeyPath:
    """Return a member of the document inside a request: errors of job schemas count from the top of the document."""
    for member, value in request.parameters.items():
        if isinstance(value, dict) and "$json" in value:
            inner = named_member(Request(request.id, request.service, request.operation, value["$json"]), message)
            if inner:
                return (member, "$json", *inner)
    return ()
