"""A project's specs, from files to builds.

In: settings and the paths asked for. Out: everything that compiles, and everything there is to say about the
rest. Reads files and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compiler import build, lock, policies, project, references, resolve, source, spec
from compiler.build import Build
from compiler.diagnostics import START as FILE_START
from compiler.diagnostics import Diagnostic, Problem, distinct, locate
from compiler.foreign import Foreign
from compiler.lock import Lock
from compiler.places import Facts
from compiler.project import Project, Settings
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


@dataclass(frozen=True)
class Checked:
    """The outcome of validation: `targets` are the specs that were asked for."""

    settings: Settings
    targets: tuple[str, ...] = ()
    resolved: Mapping[str, Resolved] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    policies: Mapping[str, Foreign] = field(default_factory=dict, repr=False)

    @property
    def failed(self) -> bool:
        """Whether anything is wrong with what was asked for."""
        return any(d.is_error for d in self.diagnostics) or not set(self.targets) <= set(self.resolved)


@dataclass(frozen=True)
class Compilation:
    """The outcome of compiling: the builds of the targets by address."""

    checked: Checked
    builds: Mapping[str, Build]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def failed(self) -> bool:
        """Whether anything is wrong with what was asked for, or was not built."""
        return any(d.is_error for d in self.diagnostics) or not set(self.checked.targets) <= set(self.builds)


def open_project(start: Path, given: Path | None) -> tuple[Project | None, list[Diagnostic]]:
    """Find the project around a folder; without a project file the folder is the project.

    Folders are called by their real names, so that a project is the same by whatever way it was reached.
    """
    file = given or project.find(start)
    if file is None:
        return Project(root=_real(start)), []
    file = _real(file.parent) / file.name
    try:
        return project.load(file)
    except OSError as error:
        return None, [_unreadable(file.name, error)]


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _unreadable(name: str, error: OSError) -> Diagnostic:
    message = f"cannot be read: {(error.strerror or str(error)).lower()}"
    return locate(Problem("unreadable", message), name, FILE_START)


def files(settings: Settings, paths: Sequence[Path]) -> list[Path]:
    """List the spec files below the given paths, or below the project's own when none is given.

    Files are called by their real names, each once. A folder that cannot be listed, or that was given and holds no
    spec, is given in place of its files, so that reading it says why.
    """
    found: set[Path] = set()
    for path in paths or [settings.project.root / p for p in settings.project.specs]:
        real = _real(path)
        inside = _below(real, settings.project) if _is_folder(real) else [real]
        found.update(inside or ([real] if paths else ()))
    return sorted(found)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except PermissionError:  # reading it will say so
        return False


def _below(top: Path, found: Project) -> set[Path]:
    """The spec files in a folder: all but what is hidden, and the project's other files."""
    output = _real(found.root / found.output)
    if output in (top, *top.parents):
        return set()
    file = _project_file(found) or found.root / project.FILE
    ours = (output, found.root / found.lock, file, *policies.files(found))
    skipped = {_real(path) for path in ours}
    inside: set[Path] = set()
    waiting, seen = [top], {top, *skipped}
    while waiting:
        folder = waiting.pop()
        try:
            entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
        except OSError:
            inside.add(folder)
            continue
        for entry in entries:
            path = _real(Path(entry)) if entry.is_symlink() else Path(entry)
            if _is_folder(path) if entry.is_symlink() else entry.is_dir():
                waiting += {path} - seen
                seen.add(path)
            elif Path(entry).suffix in SUFFIXES and path not in skipped:
                inside.add(path)
    return inside


def read(settings: Settings, paths: Iterable[Path]) -> Specs:
    """Read spec files, in the order given."""
    specs: list[Spec] = []
    refused: list[Spec] = []
    diagnostics: list[Diagnostic] = []
    texts: dict[str, str] = {}
    for path in paths:
        name = Path(os.path.relpath(path, _real(settings.project.root))).as_posix()
        try:
            name.encode()
            content = _bytes(path)
        except UnicodeEncodeError:
            shown = os.fsencode(name).decode("utf-8", "replace")
            diagnostics.append(locate(Problem("encoding", "the name of the file is not UTF-8"), shown, FILE_START))
            continue
        except IsADirectoryError:
            diagnostics.append(locate(Problem("empty-folder", "there is no spec in it"), name, FILE_START))
            continue
        except OSError as error:
            diagnostics.append(_unreadable(name, error))
            continue
        texts[name] = content.decode("utf-8-sig", "replace")
        sources, found = source.load(name, content)
        if not sources and not found:
            empty = Problem("empty-file", "there is no spec in it", hint="delete the file")
            found = [locate(empty, name, FILE_START)]
        diagnostics += found
        for document in sources:
            made, said = spec.read(document, settings)
            diagnostics += said
            if made is not None:
                (specs if made.broken is None else refused).append(made)
    return Specs(tuple(specs), tuple(diagnostics), texts, tuple(refused))


def _bytes(path: Path) -> bytes:
    """Read a file; anything else but a folder, such as a pipe, might have no end."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(0, "not a file")
    return path.read_bytes()


def read_lock(found: Project) -> tuple[Lock | None, list[Diagnostic], dict[str, str]]:
    """Read the project's lock, if there is one."""
    name = found.lock
    try:
        content = (found.root / name).read_bytes()
    except FileNotFoundError:
        return None, [], {}
    except OSError as error:
        return None, [_unreadable(name, error)], {}
    locked, diagnostics = lock.load(name, content)
    return locked, diagnostics, {name: content.decode("utf-8", "replace")} if diagnostics else {}


def check(settings: Settings, paths: Sequence[Path], region: str | None = None, draft: Lock | None = None) -> Checked:
    """Validate specs: everything that needs no rendering. A `draft` stands in for the lock file.

    The rest of the project is looked at too, for addresses and for what the specs refer to.
    """
    locked, said, texts = (draft, [], {}) if draft is not None else read_lock(settings.project)
    known = policies.load(settings.project)
    said += [*known.diagnostics, *_bad_paths(settings.project, no_lock=locked is None and not said)]
    wanted = files(settings, paths)
    asked = read(settings, wanted)
    texts |= {**known.texts, **asked.texts, **project_text(_project_file(settings.project))}
    if any(d.is_error for d in said):
        return Checked(settings, (), {}, distinct([*said, *settings.diagnostics, *asked.diagnostics]), texts)
    others = read(settings, _others(settings, wanted) if paths else ())
    texts |= dict(others.texts)
    found, taken = references.index([*asked.specs, *others.specs], [*asked.refused, *others.refused])
    targets = tuple(dict.fromkeys(s.address for s in asked.specs))
    if draft is not None:  # which notes what it is asked for: ask for nothing that is not needed
        refs = [target for refused in asked.refused for _, target in refused.refs()]
        needed = references.needed([*targets, *refs], references.graph(found))
        found = {address: one for address, one in found.items() if address in needed}
    facts = Facts(locked, region)
    resolution = resolve.resolve(found, _broken((asked, others), taken), settings, facts)
    for refused in asked.refused:
        said += resolve.examine(refused, found, resolution, settings, facts)
    own = {*targets, *(refused.address for refused in asked.refused)}
    said += [d for d in (*taken, *resolution.diagnostics) if d.address in own]
    everything = distinct([*said, *settings.diagnostics, *asked.diagnostics])
    return Checked(settings, targets, resolution.resolved, everything, texts, known.schemas)


def _broken(parts: Iterable[Specs], taken: Iterable[Diagnostic]) -> dict[str, Diagnostic | None]:
    """The specs that are there but cannot be referred to, each with its first error."""
    broken: dict[str, Diagnostic | None] = {spec.address: None for part in parts for spec in part.refused}
    said = (*taken, *(diagnostic for part in parts for diagnostic in part.diagnostics))
    for diagnostic in sorted(said, reverse=True):
        if diagnostic.is_error and "/" in diagnostic.address:
            broken[diagnostic.address] = diagnostic
    return broken


def _others(settings: Settings, wanted: Iterable[Path]) -> list[Path]:
    """The project's files that were not asked for; without a project file there are none."""
    return sorted(set(files(settings, ())) - set(wanted)) if settings.project.source else []


def covered(found: Project) -> list[str]:
    """The folders of specs that lie in the output folder: compiled files and specs would be taken for one another."""
    output = _real(found.root / found.output)
    folders = {name: _real(found.root / name) for name in found.specs}
    return [name for name, folder in folders.items() if folder.exists() and output in (folder, *folder.parents)]


def is_among_specs(folder: Path, found: Project) -> bool:
    """Whether a folder would be searched for specs: it lies in one of theirs, and not in the output folder."""
    real = _real(folder)
    above = (real, *real.parents)
    searched = any(_real(found.root / name) in above for name in found.specs)
    return searched and _real(found.root / found.output) not in above


def _bad_paths(found: Project, *, no_lock: bool) -> Iterator[Diagnostic]:
    """Paths of a project file that lead where they should not, or nowhere."""
    if found.source is None:
        return
    if names := covered(found):
        message = f"the output folder would hold the specs of {names[0]}"
        yield found.source.locate(Problem("bad-output", message, ("output",), "give it a folder of its own"))
    if no_lock and "lock" in found.source.data:
        message = f"there is no file {found.lock} yet"
        yield found.source.locate(Problem("no-lock", message, ("lock",), "run `sagespec lock`", "warning"))


def _project_file(found: Project) -> Path | None:
    return found.root / found.source.file if found.source else None


def project_text(file: Path | None) -> dict[str, str]:
    """The text of a project file, to show lines from; none where it cannot be read."""
    try:
        return {file.name: file.read_text("utf-8-sig", "replace")} if file else {}
    except OSError:
        return {}


def compile(checked: Checked) -> Compilation:
    """Build every target that is valid, and what it depends on."""
    builds: dict[str, Build] = {}
    identities: dict[str, str] = {}
    failed: dict[str, Diagnostic | None] = {}
    diagnostics = list(checked.diagnostics)
    edges = {a: [d.spec.address for d in one.dependencies] for a, one in checked.resolved.items()}
    needed = references.needed(checked.targets, edges)
    for address, resolved in checked.resolved.items():
        if address not in needed:
            continue
        made, said = None, references.check(resolved.spec, checked.resolved, failed)
        if not said:
            made, said = build.build(resolved, checked.settings, identities, checked.policies)
        if made is None:
            failed[address] = resolve.first_error(said)
        else:
            builds[address] = made
            identities[address] = made.compiled.identity
        if address in checked.targets:
            diagnostics += said
    wanted = {a: b for a, b in builds.items() if a in checked.targets}
    return Compilation(checked, wanted, distinct(diagnostics))
