"""Spec files: found, and read.

In: settings and the paths asked for. Out: the specs of the files, and everything there is to say about the rest.
Refuses: files that a link of the project leads out of it to; of files outside that may be read, no line is shown.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from compiler import boundary, files, policies, project, source, spec
from compiler.boundary import real
from compiler.diagnostics import START, Diagnostic, Problem, locate
from compiler.project import Project, Settings
from compiler.spec import Spec

SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Found:
    """Files by their real names; `outside` are the names of links that lead out, and are not among them."""

    files: tuple[Path, ...] = ()
    outside: tuple[str, ...] = ()

    def without(self, others: Collection[Path]) -> Found:
        return replace(self, files=tuple(file for file in self.files if file not in others))


@dataclass(frozen=True)
class Specs:
    """The specs of some files; `texts` are the files' texts, to show lines from.

    `refused` are those with errors of their own. `uses` are the names of the values that the files refer to, where
    anybody wants to know.
    """

    specs: tuple[Spec, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    refused: tuple[Spec, ...] = ()


def find(settings: Settings, paths: Sequence[Path]) -> Found:
    """List the spec files below the given paths, or below the project's own when none is given.

    Files are called by their real names, each once. A folder that cannot be listed, or that was given and holds no
    spec, is given in place of its files, so that reading it says why.
    """
    found, bounds = settings.project, settings.project.boundary
    listed: set[Path] = set()
    outside: set[str] = set()
    for path in paths or [found.root / name for name in found.specs]:
        top = real(path)
        if bounds.is_left_by_link(path) if paths else not bounds.admits(top):
            outside.add(_name(path.absolute(), found))
        elif not _is_folder(top):
            listed.add(top)
        else:
            inside = set(_below(top, found, outside))
            listed |= inside or ({top} if paths else set())
    return Found(tuple(sorted(listed)), tuple(sorted(outside)))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except PermissionError:  # reading it will say so
        return False


def _name(path: Path, found: Project) -> str:
    return Path(os.path.relpath(path, real(found.root))).as_posix()


def _below(top: Path, found: Project, outside: set[str]) -> Iterator[Path]:
    """The spec files in a folder: all but what is hidden, and the project's other files."""
    output = real(found.root / found.output)
    if output in (top, *top.parents):
        return
    file = project_file(found) or found.root / project.FILE
    ours = (output, found.root / found.lock, file, *policies.named(found))
    skipped = {real(path) for path in ours}
    waiting, seen = [top], {top, *skipped}
    while waiting:
        folder = waiting.pop()
        try:
            entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
        except OSError:
            yield folder
            continue
        for entry in entries:
            path = real(Path(entry)) if entry.is_symlink() else Path(entry)
            is_folder = _is_folder(path) if entry.is_symlink() else entry.is_dir()
            if not is_folder and Path(entry).suffix not in SUFFIXES:
                continue
            if entry.is_symlink() and not (path.is_relative_to(top) or found.boundary.admits(path)):
                outside.add(_name(Path(entry), found))
            elif is_folder:
                waiting += {path} - seen
                seen.add(path)
            elif path not in skipped:
                yield path


def read(settings: Settings, found: Found) -> Specs:
    """Read spec files, in the order given."""
    specs: list[Spec] = []
    refused: list[Spec] = []
    diagnostics = [locate(boundary.refusal(name), name, START) for name in found.outside]
    texts: dict[str, str] = {}
    for path in found.files:
        name = _name(path, settings.project)
        try:
            name.encode()
            content = files.read(path, files.TEXT_BYTES)
        except UnicodeEncodeError:
            shown = os.fsencode(name).decode("utf-8", "replace")
            diagnostics.append(locate(Problem("encoding", "the name of the file is not UTF-8"), shown, START))
            continue
        except IsADirectoryError:
            diagnostics.append(locate(Problem("empty-folder", "there is no spec in it"), name, START))
            continue
        except OSError as error:
            diagnostics.append(unreadable(name, error))
            continue
        texts[name] = content.decode("utf-8-sig", "replace")
        sources, said = source.load(name, content)
        if not sources and not said:
            empty = Problem("empty-file", "there is no spec in it", hint="delete the file")
            said = [locate(empty, name, START)]
        diagnostics += said
        for document in sources:
            made, said = spec.read(document, settings)
            diagnostics += said
            if made is not None:
                (specs if made.broken is None else refused).append(made)
    return Specs(tuple(specs), tuple(diagnostics), texts, tuple(refused))


def project_file(found: Project) -> Path | None:
    """Where a project's file is, if it has one."""
    return found.root / found.source.file if found.source else None


def unreadable(name: str, error: OSError) -> Diagnostic:
    """Say of a file why it cannot be read."""
    message = f"cannot be read: {(error.strerror or str(error)).lower()}"
    return locate(Problem("unreadable", message), name, START)
