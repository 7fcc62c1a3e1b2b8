"""The files and folders that a field may name, relative to the spec, or in a project file to the project.

In: a document, the path of a field, and the path that is typed. Out: offers; none for fields that name no files.
Outside the project, and within hidden folders, nothing is listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sagespec import disk
from sagespec.checking import schema
from sagespec.diagnostics import KeyPath
from sagespec.project import settings
from sagespec.project.boundary import Boundary, around
from sagespec.project.settings import Project
from sagespec.reading.source import ANY, SUFFIXES, general
from sagespec.server.completion.offer import Offer
from sagespec.server.completion.subject import Subject

MOST = 2000
"""The most names of one folder that are looked at."""


class Named(NamedTuple):
    """What a field may name: files by suffix, folders too with `is_folder`; relative to the folder of `within`."""

    suffixes: tuple[str, ...] = ()
    is_folder: bool = False
    within: KeyPath = ()


_ANY_FILE = ("",)
_BELOW_SPEC: dict[KeyPath, Named] = {
    ("source",): Named((".py",)),
    ("source_code", "source_dir"): Named((".tar.gz",), is_folder=True),
    ("source_code", "entry_script"): Named((".py", ".sh"), within=("spec", "source_code", "source_dir")),
    ("source_code", "requirements"): Named((".txt",), within=("spec", "source_code", "source_dir")),
    ("distributed", "driver_dir"): Named(is_folder=True),
    ("distributed", "driver_script"): Named(_ANY_FILE, within=("spec", "distributed", "driver_dir")),
    ("input_data_config", ANY, "data_source"): Named(_ANY_FILE, is_folder=True),
    ("hyperparameters",): Named(SUFFIXES),
}
_OF_PROJECT: dict[KeyPath, Named] = {
    ("specs", ANY): Named(SUFFIXES, is_folder=True),
    ("policies", ANY): Named(SUFFIXES),
    ("policies", "schemas", ANY): Named(SUFFIXES),
    ("lock",): Named((".json",)),
}


def of_field(subject: Subject, path: KeyPath, typed: str) -> Iterator[Offer]:
    """Offer what is in the folder that is typed so far; folders end in a slash where they only lead to files."""
    named = _named(subject.document, path)
    if named is None or typed.startswith(("/", "~")) or "://" in typed:
        return
    root = subject.known.root
    bounds = subject.settings.project.boundary if subject.settings else around(root)
    lock = root / (subject.settings.project.lock if subject.settings else Project.lock)
    base = subject.get(*named.within) if named.within else ""
    if not isinstance(base, str) or (named.within and not base):
        return
    above = typed.rpartition("/")[0]
    folder = subject.folder / base / above
    with disk.through(subject.known.buffers):
        for name, is_folder in _listed(folder, bounds):
            whole = f"{above}/{name}" if above else name
            own = path != ("lock",) and folder / name in (root / settings.FILE, root / subject.file, lock)
            if is_folder:
                yield Offer(whole if named.is_folder else f"{whole}/", "folder", "folder")
            elif not own and name.endswith(named.suffixes):
                yield Offer(whole, "file", "file")


def _named(document: str, path: KeyPath) -> Named | None:
    place = general(path)
    if document == "Project":
        return _OF_PROJECT.get(place)
    below = place[1:] if place[:1] == ("spec",) else ()
    named = _BELOW_SPEC.get(below)
    is_content = any(shape.get("x-content") for where, shape in schema.shapes(document) if where == below)
    return named if named and (below != ("hyperparameters",) or is_content) else None


def _listed(folder: Path, bounds: Boundary) -> list[tuple[str, bool]]:
    """Return the names in a folder of the project, hidden ones left out, each with whether it is a folder."""
    if not bounds.holds(folder) or any(part.startswith(".") and part != ".." for part in folder.parts[-1:]):
        return []
    found: list[tuple[str, bool]] = []
    try:
        with disk.entries(folder) as entries:
            for entry in entries:
                if len(found) >= MOST:
                    break
                if not entry.name.startswith(".") and entry.name.isprintable() and bounds.holds(folder / entry.name):
                    found.append((entry.name, disk.is_folder(folder / entry.name)))
    except (OSError, ValueError):
        return []
    return sorted(found)
