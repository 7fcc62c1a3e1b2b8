"""The files and folders that a field may name, relative to the spec, or in a project file to the project.

In: a document, the path of a field, and the path that is typed. Out: offers; none for fields that name no files.
Outside the project, and within hidden folders, nothing is listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sagespec import disk
from sagespec.diagnostics import KeyPath
from sagespec.project import settings
from sagespec.project.boundary import Boundary, around
from sagespec.project.settings import Project
from sagespec.review import fields
from sagespec.server.completion.offer import Offer
from sagespec.server.completion.subject import Subject

MOST = 2000
"""The most names of one folder that are looked at."""


def of_field(subject: Subject, path: KeyPath, typed: str) -> Iterator[Offer]:
    """Offer what is in the folder that is typed so far; folders end in a slash where they only lead to files."""
    field = fields.find(subject.document, path)
    named = field.files if field else None
    if named is None or typed.startswith(("/", "~")) or "://" in typed:
        return
    root = subject.known.root
    bounds = subject.settings.project.boundary if subject.settings else around(root)
    lock = root / (subject.settings.project.lock if subject.settings else Project.lock)
    base = subject.get(*path[:-1], named.within) if named.within else ""
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
