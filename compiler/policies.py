"""A project's policies: JSON Schemas of its own that every compiled file must satisfy.

In: a project. Out: its policies by file, and diagnostics.
Refuses: names that lead to no file, patterns that cannot be followed, files that are not JSON Schemas to check
with: what cannot be checked has not been satisfied.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from compiler import files, foreign, source
from compiler.diagnostics import START, Diagnostic, Problem, locate
from compiler.foreign import Foreign
from compiler.project import Project
from compiler.source import Source

_WILD = "*?["


@dataclass(frozen=True)
class Policies:
    """Policies by the name of their file; `texts` are the files' texts, to show lines from."""

    schemas: dict[str, Foreign] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict, repr=False)


def load(project: Project) -> Policies:
    """Read the policies of a project."""
    found = Policies()
    for index, pattern in enumerate(project.policies):
        try:
            matching = _files(project.root, pattern)
        except (ValueError, OSError) as error:
            message = getattr(error, "strerror", None) or str(error)
            assert project.source is not None  # only a project file names policies
            problem = Problem("bad-policy", f"{pattern}: {message.lower()}", ("policies", index))
            found.diagnostics.append(project.source.locate(problem))
            continue
        if not matching and project.source:
            problem = Problem("bad-policy", f"{pattern} matches no file", ("policies", index), severity="warning")
            found.diagnostics.append(project.source.locate(problem))
        for file in matching:
            _read(file, Path(os.path.relpath(file, project.root)).as_posix(), found)
    return found


def named(project: Project) -> Iterator[Path]:
    """The files that are policies, as far as they can be found."""
    for pattern in project.policies:
        try:
            yield from _files(project.root, pattern)
        except (ValueError, OSError):
            continue


def _files(root: Path, pattern: str) -> list[Path]:
    """The files that a name or pattern stands for, in the order of their names.

    Raises ValueError and OSError, which say what is wrong with it.
    """
    steps = Path(pattern).parts
    if Path(pattern).is_absolute():
        raise ValueError("a policy's path is relative to the project")
    if any("**" in step and step != "**" for step in steps):
        raise ValueError("'**' stands for folders, and only alone between slashes")
    plain = list(takewhile(lambda step: not set(_WILD) & set(step), steps))
    folder = root.joinpath(*plain)
    if len(plain) == len(steps):
        if folder.is_dir():
            raise ValueError(f"is a folder; write {pattern.rstrip('/')}/*.json")
        if not folder.exists():
            raise ValueError("there is no such file")
        return [folder]
    if folder.is_dir():
        os.scandir(folder).close()  # a pattern finds nothing in a folder that may not be read, and does not say so
    return sorted(file for file in folder.glob("/".join(steps[len(plain) :])) if file.is_file())


def _read(file: Path, name: str, found: Policies) -> None:
    try:
        content = files.read(file, files.TEXT_BYTES)
    except OSError as error:
        message = f"cannot be read: {(error.strerror or str(error)).lower()}"
        found.diagnostics.append(locate(Problem("unreadable", message), name, START))
        return
    found.texts[name] = content.decode("utf-8-sig", "replace")
    sources, said = source.load(name, content)
    found.diagnostics.extend(said)
    if said:
        return
    if len(sources) != 1:
        nothing = Source(name, None, {}, {}) if not sources else sources[1]
        found.diagnostics.append(nothing.locate(Problem("bad-schema", "a policy's file holds one JSON Schema")))
        return
    found.schemas[name] = foreign.load(sources[0].data)
    found.diagnostics.extend(sources[0].locate(flaw) for flaw in found.schemas[name].flaws)
