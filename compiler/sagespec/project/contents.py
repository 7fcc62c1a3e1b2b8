"""Read files that contain the value of a field, such as the hyperparameters of a spec.

In: a spec's fields, with values filled in. Out: the content of the files that they name, in which no values are
filled in. Refuses files that do not exist, are outside the project, cannot be read, or do not contain a mapping.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sagespec import disk
from sagespec.checking import schema
from sagespec.diagnostics import Diagnostic, KeyPath, Problem, Problems
from sagespec.project import boundary
from sagespec.project.settings import Project
from sagespec.reading import source
from sagespec.reading.source import Source


@dataclass(frozen=True)
class Content:
    """A file that was read for a field: its real path, and its text if it may be shown."""

    path: Path
    source: Source | None = field(default=None, repr=False)
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    diagnostics: Sequence[Diagnostic] = ()


def read(kind: str, fields: Any, file: str, project: Project, problems: Problems) -> dict[KeyPath, Content]:
    """Read the files that the fields of a spec name, by the key paths of the fields; `file` is the spec's."""
    folder = (project.root / file).parent
    read: dict[KeyPath, Content] = {}
    for name in _fields(kind):
        given = fields.get(name) if isinstance(fields, dict) else None
        path = ("spec", name)
        if not isinstance(given, str) or not given:
            continue
        target = project.boundary.find(folder, given, path, problems)
        if target is not None and (content := _read(target, given, path, project, problems)) is not None:
            read[path] = content
    return read


@cache
def _fields(kind: str) -> tuple[str, ...]:
    return tuple(str(path[0]) for path, shape in schema.shapes(kind) if shape.get("x-content"))


def _read(target: Path, given: str, path: KeyPath, project: Project, problems: Problems) -> Content | None:
    name = Path(os.path.relpath(target, boundary.real(project.root))).as_posix()
    try:
        content = disk.read(target, disk.TEXT_BYTES)
    except (OSError, ValueError) as error:
        reason = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
        problems.error("missing-file", f"{given}: {reason}", path, "a path is relative to the spec")
        return None
    sources, diagnostics = source.load(name, content)
    for problem in _flaws(sources) if not diagnostics else ():
        diagnostics.append((sources[-1] if sources else Source(name, None, {}, {})).locate(problem))
    if not project.boundary.holds(target):
        said = boundary.withheld(given, diagnostics, "not a JSON or YAML file with one mapping")
        problems += [Problem(one.rule, f"{given}: {one.message}", path, severity=one.severity) for one in said]
        return Content(target, None if said else sources[0])
    texts = {name: content.decode("utf-8-sig", "replace")}
    return Content(target, None if diagnostics else sources[0], texts, diagnostics)


def _flaws(sources: Sequence[Source]) -> Iterator[Problem]:
    if len(sources) > 1:
        yield Problem("second-document", "the file of a field holds one document")
    elif not sources or not isinstance(sources[0].data, dict):
        yield Problem("wrong-type", "expected a mapping of names to values")
