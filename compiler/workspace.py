"""A project's specs, from files to builds.

In: settings and the paths asked for. Out: everything that compiles, and everything there is to say about the
rest. Reads files and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from compiler import build, compiled, lock, project, resolve, source, spec
from compiler.build import Build
from compiler.diagnostics import START as FILE_START
from compiler.diagnostics import Diagnostic, Problem, distinct, locate
from compiler.lock import Lock
from compiler.project import Project, Settings
from compiler.resolve import Facts
from compiler.resolved import Resolved
from compiler.spec import Spec

SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Specs:
    """The specs of some files; `texts` are the files' texts, to show lines from.

    `refused` are those with errors of their own.
    """

    specs: tuple[Spec, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    refused: tuple[Spec, ...] = ()

    def broken(self) -> frozenset[str]:
        said = {d.address for d in self.diagnostics if d.is_error and "/" in d.address}
        return frozenset(said.union(spec.address for spec in self.refused))


@dataclass(frozen=True)
class Checked:
    """The outcome of validation: `targets` are the specs that were asked for."""

    settings: Settings
    targets: tuple[str, ...] = ()
    resolved: Mapping[str, Resolved] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Compilation:
    """The outcome of compiling: the builds of the targets by address."""

    checked: Checked
    builds: Mapping[str, Build]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def failed(self) -> bool:
        return any(d.is_error for d in self.diagnostics)


def open_project(start: Path, given: Path | None) -> tuple[Project | None, list[Diagnostic]]:
    """Find the project around a folder; without a project file the folder is the project."""
    file = given or project.find(start)
    return (Project(root=start), []) if file is None else project.load(file.absolute())


def files(settings: Settings, paths: Sequence[Path]) -> Iterator[Path]:
    """List the spec files below the given paths, or below the project's own when none is given."""
    root = settings.project.root
    skipped = {root / settings.project.lock, root / project.FILE}
    output = root / settings.project.output
    for path in paths or [root / p for p in settings.project.specs]:
        if not path.is_dir():
            yield path
            continue
        for found in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
            ours = found in skipped or output in found.parents
            if found.suffix in SUFFIXES and not hidden and not ours and found.is_file():
                yield found


def read(settings: Settings, paths: Iterable[Path]) -> Specs:
    """Read spec files; each file once, in the order of their names."""
    specs: list[Spec] = []
    refused: list[Spec] = []
    diagnostics: list[Diagnostic] = []
    texts: dict[str, str] = {}
    for path in sorted({p.absolute() for p in paths}):
        name = Path(os.path.relpath(path, settings.project.root)).as_posix()
        try:
            content = path.read_bytes()
        except OSError as error:
            message = (error.strerror or str(error)).lower()
            diagnostics.append(locate(Problem("unreadable", f"cannot be read: {message}"), name, FILE_START))
            continue
        texts[name] = content.decode("utf-8-sig", "replace")
        sources, found = source.load(name, content)
        if not sources and not found:
            found = [
                locate(Problem("empty-file", "there is no spec in it", hint="delete the file"), name, FILE_START)
            ]
        diagnostics += found
        for document in sources:
            made, said = spec.read(document, settings)
            diagnostics += said
            if made is not None:
                (specs if made.broken is None else refused).append(made)
    return Specs(tuple(specs), tuple(diagnostics), texts, tuple(refused))


def read_lock(settings: Settings) -> tuple[Lock | None, list[Diagnostic], dict[str, str]]:
    """Read the project's lock, if there is one."""
    file = settings.project.root / settings.project.lock
    if not file.is_file():
        return None, [], {}
    content = file.read_bytes()
    found, diagnostics = lock.load(settings.project.lock, content)
    return (
        found,
        diagnostics,
        {settings.project.lock: content.decode("utf-8", "replace")} if diagnostics else {},
    )


def check(settings: Settings, paths: Sequence[Path], region: str | None = None, draft: Lock | None = None) -> Checked:
    """Validate specs: everything that needs no rendering. A `draft` stands in for the lock file.

    When one of the given paths refers to a spec that is not among them, the rest of the project is read too.
    """
    locked, diagnostics, texts = (draft, [], {}) if draft is not None else read_lock(settings)
    asked = read(settings, files(settings, paths))
    everything = asked
    if paths and settings.project.source and _leads_elsewhere((*asked.specs, *asked.refused)):
        everything = read(settings, [*files(settings, ()), *files(settings, paths)])
    found, duplicates = resolve.index(everything.specs)
    said = [*diagnostics, *settings.diagnostics, *asked.diagnostics, *duplicates]
    texts |= everything.texts
    if settings.project.source is not None:
        file = settings.project.root / settings.project.source.file
        texts[settings.project.source.file] = file.read_text("utf-8-sig", "replace")
    if diagnostics:
        return Checked(settings, (), {}, distinct(said), texts)
    facts = Facts(locked, region)
    broken = everything.broken()
    resolution = resolve.resolve(found, broken, settings, facts)
    for refused in asked.refused:
        said += resolve.examine(refused, found, broken, resolution.resolved, settings, facts)
    targets = tuple(s.address for s in asked.specs)
    said += [d for d in resolution.diagnostics if d.address in targets]
    return Checked(settings, targets, resolution.resolved, distinct(said), texts)


def _leads_elsewhere(specs: Sequence[Spec]) -> bool:
    here = {s.address for s in specs}
    return any(target not in here for s in specs for _, target in s.refs())


def compile(checked: Checked) -> Compilation:
    """Build every target that is valid, and what it depends on."""
    builds: dict[str, Build] = {}
    identities: dict[str, str] = {}
    failed: set[str] = set()
    diagnostics = list(checked.diagnostics)
    policies = _policies(checked.settings.project, diagnostics)
    for address, resolved in checked.resolved.items():
        if any(d.spec.address in failed for d in resolved.dependencies):
            failed.add(address)
            continue
        made, said = build.build(resolved, checked.settings, identities, policies)
        if address in checked.targets:
            diagnostics += said
        if made is None:
            failed.add(address)
        else:
            builds[address] = made
            identities[address] = made.compiled.identity
    wanted = {a: b for a, b in builds.items() if a in checked.targets}
    return Compilation(checked, wanted, distinct(diagnostics))


def _policies(found: Project, diagnostics: list[Diagnostic]) -> dict[str, Any]:
    """Read the project's policies; one that is not JSON is an error of its own."""
    policies: dict[str, Any] = {}
    for file in found.policy_files():
        name = file.relative_to(found.root).as_posix()
        sources, said = source.load(name, file.read_bytes())
        diagnostics += said
        if sources and not said:
            policies[name] = sources[0].data
    return policies


@dataclass(frozen=True)
class Change:
    """What compiling does to one file of the output folder; None stands for no file."""

    path: Path
    before: str | None
    after: str | None

    @property
    def word(self) -> str:
        if self.before == self.after:
            return "unchanged"
        return "created" if self.before is None else "removed" if self.after is None else "updated"


def changes(compilation: Compilation, output: Path, whole: bool) -> list[Change]:
    """Compare what was compiled with what is there; orphans count only in a compile of the whole project."""
    found = []
    for made in compilation.builds.values():
        path = output / made.compiled.path
        before = path.read_text("utf-8", "replace") if path.is_file() else None
        found.append(Change(path, before, compiled.dump(made.compiled)))
    if whole and not compilation.failed:
        kept = {change.path for change in found}
        found += [Change(path, text, None) for path, text in _ours(output) if path not in kept]
    return sorted(found, key=lambda change: change.path)


def _ours(output: Path) -> Iterator[tuple[Path, str]]:
    """The compiled files in a folder that we wrote: those that carry a digest that fits."""
    for path in output.glob("*/*.json"):
        text = path.read_text("utf-8", "replace")
        try:
            if compiled.load(text).path == PurePosixPath(path.relative_to(output).as_posix()):
                yield path, text
        except compiled.InvalidCompiled:
            continue


def write(change: Change) -> None:
    """Bring one file up to date; it is replaced as a whole or not at all."""
    if change.word == "unchanged":
        return
    if change.after is None:
        change.path.unlink()
        return
    change.path.parent.mkdir(parents=True, exist_ok=True)
    beside = change.path.with_name(f".{change.path.name}.{os.getpid()}.part")
    try:
        beside.write_text(change.after, encoding="utf-8", newline="\n")
        beside.replace(change.path)
    finally:
        beside.unlink(missing_ok=True)
