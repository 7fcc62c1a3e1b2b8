"""Find and read spec files.

In: settings and the requested paths. Out: the specs of the files, and diagnostics. Refuses files outside the project
that a link in it leads to; lines of permitted files outside are not shown.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sagespec import disk
from sagespec.checking import schema
from sagespec.diagnostics import START, Diagnostic, Problem, Problems, locate
from sagespec.documents.compiled import API_VERSION
from sagespec.memory import remembered
from sagespec.project import boundary, policies, spec, tool_folders, values
from sagespec.project import settings as project_settings
from sagespec.project.boundary import real
from sagespec.project.gitignore import Ignored, TooMuch
from sagespec.project.settings import Project, Settings
from sagespec.project.spec import Spec
from sagespec.reading import source

MAX_ENTRIES = 1_000_000
"""The most files and folders to search for specs, which takes some seconds."""


class Found(NamedTuple):
    """Spec files by their real paths.

    `named` are the files that were requested themselves, `folders` the requested folders. `refused` has diagnostics
    of links out of the project, and of folders with too many entries.
    """

    files: tuple[Path, ...] = ()
    named: frozenset[Path] = frozenset()
    folders: tuple[Path, ...] = ()
    refused: tuple[Diagnostic, ...] = ()

    def without(self, others: Collection[Path]) -> Found:
        return self._replace(files=tuple(file for file in self.files if file not in others))


@dataclass(frozen=True)
class Specs:
    """The specs of files, with the texts of the files for source lines.

    `refused` are specs with errors of their own. `uses` are the names of the values that the files refer to. `files`
    are the names of the spec files alone, readable or not.
    """

    specs: tuple[Spec, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    refused: tuple[Spec, ...] = ()
    uses: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()


def find(settings: Settings, paths: Sequence[Path]) -> Found:
    """List the spec files below the given paths, or below the project's own if none are given.

    Each file is listed once, by its real path. A folder that cannot be listed is listed itself, so that reading it
    reports why.
    """
    project, bounds = settings.project, settings.project.boundary
    listed: set[Path] = set()
    named: set[Path] = set()
    folders: set[Path] = set()
    refused: set[Diagnostic] = set()
    for path in paths or [project.root / name for name in project.specs]:
        top = real(path)
        if bounds.is_left_by_link(path) if paths else not bounds.admits(top):
            refused.add(_refusal(path.absolute(), project))
        elif not _is_folder(top):
            listed.add(top)
            named.add(top)
        else:
            listed |= set(_below(top, project, refused))
            folders |= {top} if paths else set()
    return Found(tuple(sorted(listed)), frozenset(named), tuple(sorted(folders)), tuple(sorted(refused)))


def _is_folder(path: Path) -> bool:
    try:
        return disk.is_folder(path)
    except PermissionError:  # reading it reports the error
        return False


def _name(path: Path, project: Project) -> str:
    return Path(os.path.relpath(path, real(project.root))).as_posix()


def _below(top: Path, project: Project, refused: set[Diagnostic]) -> Iterator[Path]:
    """Yield the spec files in a folder, without hidden files and the project's other files."""
    output = real(project.root / project.output)
    if output in (top, *top.parents):
        return
    file = project_file(project) or project.root / project_settings.FILE
    ours = (output, project.root / project.lock, file, *policies.named(project))
    skipped = {real(path) for path in ours}
    waiting, seen, left = [top], {top, *skipped}, MAX_ENTRIES
    while waiting:
        folder = waiting.pop()
        if folder != top and tool_folders.is_marked(folder):
            continue
        try:
            with disk.entries(folder) as entries:
                for entry in entries:
                    left -= 1
                    if left < 0:
                        message = f"more than {MAX_ENTRIES:,} files and folders to search for specs"
                        refused.add(locate(Problem("too-many-files", message), _name(top, project), START))
                        return
                    if entry.name.startswith(".") or tool_folders.is_named(entry.name):
                        continue
                    path = real(Path(entry)) if entry.is_symlink() else Path(entry)
                    is_folder = _is_folder(path) if entry.is_symlink() else entry.is_dir()
                    if not is_folder and not source.is_spec(entry.name):
                        continue
                    if entry.is_symlink() and not (path.is_relative_to(top) or project.boundary.admits(path)):
                        refused.add(_refusal(Path(entry), project))
                    elif is_folder:
                        waiting += {path} - seen
                        seen.add(path)
                    elif path not in skipped:
                        yield path
        except OSError:
            yield folder


def _refusal(path: Path, project: Project) -> Diagnostic:
    name = _name(path, project)
    return locate(boundary.refusal(name), name, START)


def read(settings: Settings, asked: Found, rest: Found | None = None) -> tuple[Specs, Specs]:
    """Read spec files: the requested ones, and the rest of the project.

    A file of code or data that a spec names, directly or by its folder, and a file that the project excludes, is
    skipped unless it has our `apiVersion` or was requested by name.
    """
    diagnostics: list[Diagnostic] = []
    excluded = _Excluded(settings.project)
    parts = [[remembered(_read, settings, path) for path in listed.files] for listed in (asked, rest or Found())]
    own = {real(path) for part in parts for one in part for path in one.own_files()}
    kept = [[one for one in part if one.is_spec(asked, own, excluded, diagnostics)] for part in parts]
    if settings.project.source:
        diagnostics += [settings.project.source.locate(problem) for problem in excluded.problems]
    diagnostics += asked.refused
    for folder in asked.folders:
        if not asked.refused and not any(one.path.is_relative_to(folder) for one in kept[0]):
            nothing = Problem("empty-folder", "there is no spec in it")
            diagnostics.append(locate(nothing, _name(folder, settings.project), START))
    return _specs(kept[0], diagnostics), _specs(kept[1], [])


class _Excluded:
    """The patterns that the project file excludes, and the problems in them."""

    def __init__(self, project: Project) -> None:
        self.problems = Problems()
        for index, pattern in enumerate(project.exclude):
            try:
                Ignored([pattern])
            except ValueError as error:
                self.problems.error("bad-pattern", str(error), ("exclude", index))
        self.patterns = Ignored(())
        if not self.problems:
            try:
                self.patterns = Ignored(project.exclude)
            except ValueError as error:  # an error of all patterns together
                self.problems.error("bad-pattern", str(error), ("exclude",))

    def has(self, name: str) -> bool:
        """Return whether a file or one of its folders is excluded; `name` is relative to the project."""
        steps = name.split("/")
        if ".." in steps:
            return False
        ways = (("/".join(steps[:length]), length < len(steps)) for length in range(1, len(steps) + 1))
        try:
            return any(self.patterns.has(way, is_folder) for way, is_folder in ways)
        except TooMuch as error:
            self.problems.error("bad-pattern", str(error), ("exclude",))
            self.patterns = Ignored(())
            return False


class _File(NamedTuple):
    """A file and what was read of it."""

    path: Path
    name: str
    content: bytes | None
    specs: Sequence[Spec]
    raw: Sequence[Any]
    diagnostics: Sequence[Diagnostic]
    is_shown: bool = False
    """Whether it is inside the project, so that its lines may be shown."""

    @property
    def is_ours(self) -> bool:
        return self.content is not None and source.is_ours(self.name, self.content)

    def own_files(self) -> Iterator[Path]:
        """Yield the folders of code that its specs name, with values filled in where the spec is valid."""
        yield from (content.path for spec in self.specs for content in spec.contents)
        filled = [spec.data for spec in self.specs]
        for data in filled if len(filled) == len(self.raw) else [*filled, *self.raw]:
            kind = source.get(data, ("kind",))
            for path in schema.own_fields(kind if isinstance(kind, str) else None):
                for _, value in source.each(data, ("spec", *path)):
                    if isinstance(value, str):
                        yield self.path.parent / value

    def is_spec(self, asked: Found, own: Set[Path], excluded: _Excluded, diagnostics: list[Diagnostic]) -> bool:
        """Return whether the file is a spec; warns of one that only looks like a spec."""
        above = bool(own) and any(path in own for path in (self.path, *self.path.parents))
        if self.path in asked.named or not (above or excluded.has(self.name)) or self.is_ours:
            return True
        if any(str(source.get(data, ("kind",))) in schema.kinds() for data in self.raw):
            where = "code or data of a spec" if above else "excluded"
            message = f"this file is {where}: it is not a spec, since it does not say apiVersion: {API_VERSION}"
            diagnostics.append(locate(Problem("no-spec", message, severity="warning"), self.name, START))
        return False


def _read(settings: Settings, path: Path) -> _File:
    name = _name(path, settings.project)
    try:
        name.encode()
        content = disk.read(path, disk.TEXT_BYTES)
    except UnicodeEncodeError:
        shown = os.fsencode(name).decode("utf-8", "replace")
        problem = Problem("encoding", "the name of the file is not UTF-8")
        return _File(path, shown, None, (), (), [locate(problem, shown, START)])
    except IsADirectoryError:
        problem = Problem("empty-folder", "there is no spec in it")
        return _File(path, name, None, (), (), [locate(problem, name, START)])
    except OSError as error:
        own = (real(settings.project.root / one) for one in settings.project.specs)
        hint = _FIRST if isinstance(error, FileNotFoundError) and path in own else ""
        return _File(path, name, None, (), (), [unreadable(name, error, hint)])
    sources, diagnostics = source.load(name, content)
    is_shown = settings.project.boundary.holds(path)
    if not is_shown and not source.is_ours(name, content):
        none = locate(Problem("no-spec", ""), name, START)
        return _File(path, name, content, (), (), boundary.withheld(name, [none], "there is no spec in it"))
    if not sources and not diagnostics:
        empty = Problem("empty-file", "there is no spec in it", hint="delete the file")
        diagnostics = [locate(empty, name, START)]
    specs = []
    for document in sources:
        made, said = spec.read(document, settings)
        diagnostics += said
        specs += [made] if made is not None else []
    return _File(path, name, content, specs, [document.data for document in sources], diagnostics, is_shown)


def _specs(read: Sequence[_File], diagnostics: list[Diagnostic]) -> Specs:
    """Combine the files that were read with further diagnostics."""
    texts: dict[str, str] = {}
    uses: set[str] = set()
    for one in read:
        text = (one.content or b"").decode("utf-8-sig", "replace")
        if one.is_shown:
            texts[one.name] = text
        for content in (content for made in one.specs for content in made.contents):
            texts |= content.texts
        uses |= values.names(text)
    return Specs(
        specs=tuple(spec for one in read for spec in one.specs if spec.broken is None),
        diagnostics=(*diagnostics, *(diagnostic for one in read for diagnostic in one.diagnostics)),
        texts=texts,
        refused=tuple(spec for one in read for spec in one.specs if spec.broken is not None),
        uses=frozenset(uses),
        files=frozenset(one.name for one in read),
    )


def project_file(project: Project) -> Path | None:
    """Return the path of the project file, if there is one."""
    return project.root / project.source.file if project.source else None


_FIRST = "`sagespec init KIND NAME` writes a first spec there; `sagespec explain` lists the kinds"
"""The hint for a project whose folder of specs is not there yet."""


def unreadable(name: str, error: OSError, hint: str = "") -> Diagnostic:
    """Report why a file cannot be read."""
    message = f"cannot be read: {(error.strerror or str(error)).lower()}"
    return locate(Problem("unreadable", message, hint=hint), name, START)
