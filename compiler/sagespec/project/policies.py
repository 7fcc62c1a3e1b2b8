"""Read a project's policies: JSON Schemas that every compiled file must satisfy.

In: a project. Out: its policies by file, and diagnostics. Refuses names without a file, invalid patterns, and files
that are not valid JSON Schemas: a policy that cannot be checked is not satisfied.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagespec import disk
from sagespec.diagnostics import START, Diagnostic, KeyPath, Problem, Severity, dotted, locate
from sagespec.disk import Entry
from sagespec.project import boundary
from sagespec.project.boundary import Boundary
from sagespec.project.settings import Project
from sagespec.reading import source
from sagespec.reading.source import Source

if TYPE_CHECKING:
    from sagespec.checking.foreign_schema import Foreign

_WILD = "*?["
MAX_ENTRIES = 100_000
"""The most files and folders that are compared with a pattern."""


@dataclass(frozen=True)
class Policy:
    """A schema with what its own `x-` keywords and texts say of it.

    `applies_to` maps `kind` and `environment` to patterns; a file that one of them does not match is not checked.
    """

    id: str
    schema: Foreign
    severity: Severity = "error"
    title: str = ""
    description: str = ""
    applies_to: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def is_for(self, kind: str, environment: str | None) -> bool:
        """Return whether the files of a kind are checked in an environment."""
        about = {"kind": kind, "environment": environment or ""}
        return all(
            any(fnmatchcase(about[name], pattern) for pattern in patterns)
            for name, patterns in self.applies_to.items()
        )

    def check(self, document: Mapping[str, Any]) -> Iterator[Problem]:
        """Yield the violations of a compiled file, at key paths in it."""
        metadata = document["metadata"]
        if not self.is_for(metadata["address"].partition("/")[0], metadata.get("environment")):
            return
        for problem in self.schema.check(document):
            said = f"{self.title} ({dotted(problem.path)}: {problem.message})" if self.title else ""
            message = said or ": ".join(part for part in (dotted(problem.path), problem.message) if part)
            hint = self.description or problem.hint
            yield Problem("policy", f"{self.id}: {message}", problem.path, hint, self.severity)


@dataclass(frozen=True)
class Policies:
    """Policies by file name; `texts` are the files' texts, for source lines."""

    schemas: dict[str, Policy] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict, repr=False)


def load(project: Project) -> Policies:
    """Read the policies of a project."""
    read = Policies()
    for index, pattern in enumerate(project.policies):
        assert project.source is not None  # only a project file names policies
        listed = isinstance(project.source.data["policies"], list)
        path: KeyPath = ("policies", index) if listed else ("policies", "schemas", index)
        try:
            matching = _files(project, pattern)
        except (ValueError, OSError) as error:
            message = getattr(error, "strerror", None) or str(error)
            problem = Problem("bad-policy", f"{pattern}: {message.lower()}", path)
            read.diagnostics.append(project.source.locate(problem))
            continue
        if not matching:
            problem = Problem("bad-policy", f"{pattern} matches no file", path, severity="warning")
            read.diagnostics.append(project.source.locate(problem))
        for file in matching:
            name = Path(os.path.relpath(file, project.root)).as_posix()
            if not project.boundary.admits(file):
                read.diagnostics.append(project.source.locate(boundary.refusal(name, path)))
            else:
                _read(file, name, read, project.boundary)
    return read


def named(project: Project) -> Iterator[Path]:
    """Yield the files that are policies, without those that cannot be found."""
    for pattern in project.policies:
        try:
            yield from _files(project, pattern)
        except (ValueError, OSError):
            continue


def _files(project: Project, pattern: str) -> list[Path]:
    """Return the files that a name or pattern matches, sorted by name.

    Raises ValueError and OSError with what is wrong with the pattern.
    """
    steps = Path(pattern).parts
    if Path(pattern).is_absolute():
        raise ValueError("a policy's path is relative to the project")
    if any("**" in step and step != "**" for step in steps) or steps.count("**") > 1:
        raise ValueError("'**' stands for folders, only alone between slashes, and once")
    plain = list(takewhile(lambda step: not _is_wild(step), steps))
    folder = project.root.joinpath(*plain)
    if len(plain) < len(steps):
        return sorted(_Search(project.boundary).below(folder, steps[len(plain) :]))
    if project.boundary.admits(folder) and disk.is_folder(folder):
        raise ValueError(f"is a folder; write {pattern.rstrip('/')}/*.json")
    if project.boundary.admits(folder) and not disk.is_file(folder):
        raise ValueError("there is no such file")
    return [folder]


def _is_wild(step: str) -> bool:
    return bool(set(_WILD) & set(step))


@dataclass
class _Search:
    """The search for the files of one pattern, in readable folders and up to MAX_ENTRIES."""

    boundary: Boundary
    left: int = field(default_factory=lambda: MAX_ENTRIES)

    def below(self, folder: Path, steps: Sequence[str]) -> Iterator[Path]:
        """Yield the files below a folder that match the steps of a pattern; `**` follows no links.

        Raises ValueError and OSError.
        """
        if not steps:
            if disk.is_file(folder):
                yield folder
            return
        step, *rest = steps
        if not _is_wild(step):
            yield from self.below(folder / step, rest)
            return
        if step == "**":
            yield from self.below(folder, rest)
        for entry in self._entries(folder):
            if step == "**" and entry.is_dir(follow_symlinks=False):
                yield from self.below(Path(entry), steps)
            elif step != "**" and fnmatchcase(entry.name, step) and (entry.is_dir() or not rest):
                yield from self.below(Path(entry), rest)

    def _entries(self, folder: Path) -> list[Entry]:
        if not self.boundary.admits(folder):
            raise ValueError("leads out of the project")
        try:
            with disk.entries(folder) as listed:
                entries = list(islice(listed, self.left + 1))
        except (FileNotFoundError, NotADirectoryError):
            return []
        self.left -= len(entries)
        if self.left < 0:
            raise ValueError(f"more than {MAX_ENTRIES:,} files and folders to look through")
        return entries


def _read(file: Path, name: str, policies: Policies, bounds: Boundary) -> None:
    try:
        content = disk.read(file, disk.TEXT_BYTES)
    except OSError as error:
        message = f"cannot be read: {(error.strerror or str(error)).lower()}"
        policies.diagnostics.append(locate(Problem("unreadable", message), name, START))
        return
    schema, said = of_file(name, content)
    if schema is not None:
        policies.schemas[name] = schema
    if bounds.holds(file):
        policies.texts[name] = content.decode("utf-8-sig", "replace")
    else:
        said = boundary.withheld(name, said, "it is not a valid JSON Schema")
    policies.diagnostics.extend(said)


def of_file(name: str, content: bytes) -> tuple[Policy | None, list[Diagnostic]]:
    """Read the policy of a file."""
    sources, said = source.load(name, content)
    if said:
        return None, said
    if len(sources) != 1:
        nothing = Source(name, None, {}, {}) if not sources else sources[1]
        return None, [nothing.locate(Problem("bad-schema", "a policy's file holds one JSON Schema"))]
    from sagespec.checking import foreign_schema  # with jsonschema, which projects without policies do without

    data = sources[0].data
    schema = foreign_schema.load(data)
    wrong = [*schema.flaws, *_misfits(data)]
    if any(flaw.severity == "error" for flaw in wrong):
        return Policy(name, schema), [sources[0].locate(flaw) for flaw in wrong]
    of = data if isinstance(data, dict) else {}
    applies = {key: [v] if isinstance(v, str) else v for key, v in of.get("x-applies-to", {}).items()}
    texts = (of.get("title", ""), of.get("description", ""))
    policy = Policy(of.get("x-id", name), schema, of.get("x-severity", "error"), *texts, applies)
    return policy, [sources[0].locate(flaw) for flaw in wrong]


def _misfits(data: Any) -> Iterator[Problem]:
    """Yield what is wrong with the keywords of a policy that are not JSON Schema's."""
    if not isinstance(data, dict):
        return
    if not isinstance(data.get("x-id", ""), str):
        yield Problem("bad-schema", "x-id is a text", ("x-id",))
    if data.get("x-severity", "error") not in ("error", "warning"):
        yield Problem("bad-schema", "x-severity is error or warning", ("x-severity",))
    applies = data.get("x-applies-to", {})
    if not isinstance(applies, dict):
        yield Problem("bad-schema", "x-applies-to is an object with kind and environment", ("x-applies-to",))
        return
    for key, value in applies.items():
        if key not in ("kind", "environment"):
            yield Problem("bad-schema", f"x-applies-to has no {key!r}", ("x-applies-to", key), "kind, environment")
        elif not all(isinstance(one, str) for one in (value if isinstance(value, list) else [value])):
            yield Problem("bad-schema", f"{key} is a pattern, or a list of patterns", ("x-applies-to", key))
