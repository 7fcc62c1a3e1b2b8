"""The files of a project as the editor has them.

In: a project's folder, the open documents, and the names of files. Out: URIs, texts as they are now, and locations.
Files that are not open are read from the disk when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from lsprotocol import types
from pygls import uris

from sagespec import disk
from sagespec.memory import Memory, remembered
from sagespec.project import boundary, settings
from sagespec.project.boundary import Boundary
from sagespec.server.examination import Examination
from sagespec.server.navigation import occurrences
from sagespec.server.navigation.occurrences import Occurrence
from sagespec.server.navigation.spelling import Range
from sagespec.server.positions import Text


@dataclass(frozen=True)
class Document:
    """An open document."""

    uri: str
    version: int | None
    text: str = field(repr=False)


@dataclass(frozen=True)
class Sheets:
    """The project file and the specs of a project.

    `known` is the last examination in which the project file was valid: it tells which files are specs. `opened` are
    the open documents by their real paths. What is read goes into `memory`, which holds it for the next question.
    """

    now: Examination = field(repr=False)
    known: Examination = field(repr=False)
    opened: Mapping[Path, Document] = field(repr=False)
    units: types.PositionEncodingKind | str
    memory: Memory = field(default_factory=Memory, repr=False)
    only: frozenset[str] | None = None

    def alone(self, file: str) -> Sheets:
        """Return what is known without the other specs, for what is asked whenever the cursor moves."""
        return replace(self, memory=Memory(), only=frozenset({file, settings.FILE}))

    @property
    def pages(self) -> dict[str, Text]:
        """The files of the project that can be read, by their names."""
        return self._found[0]

    @property
    def occurrences(self) -> list[Occurrence]:
        return self._found[1]

    @cached_property
    def _found(self) -> tuple[dict[str, Text], list[Occurrence]]:
        texts = {file: text for file, text in self._texts.items() if text and self.boundary.holds(self.path(file))}
        with self.memory.used():
            pages = {file: remembered(Text, file, text, self.units) for file, text in texts.items()}
            environments = remembered(occurrences.meanings, pages.get(settings.FILE))
            found = [one for page in pages.values() for one in remembered(occurrences.of, page, environments)]
        return pages, found

    @cached_property
    def outside(self) -> dict[str, str]:
        """The texts of specs that are outside of the project: nothing of them is shown or edited."""
        return {file: text for file, text in self._texts.items() if text and not self.boundary.holds(self.path(file))}

    @cached_property
    def unreadable(self) -> list[str]:
        """The names of specs that are there and cannot be read."""
        return sorted(file for file, text in self._texts.items() if text is None)

    @cached_property
    def boundary(self) -> Boundary:
        checked = self.known.checked
        return checked.settings.project.boundary if checked else boundary.around(self.now.root)

    def path(self, file: str) -> Path:
        return boundary.real(self.now.root / file)

    def uri(self, path: Path) -> str:
        """Return the URI of a real path, as the editor writes it where the file is open."""
        document = self.opened.get(path)
        return document.uri if document else uris.from_fs_path(str(path)) or ""

    def version(self, file: str) -> int | None:
        document = self.opened.get(self.path(file))
        return document.version if document else None

    def range(self, file: str, place: Range) -> types.Range:
        return self.pages[file].between(*place)

    def location(self, file: str, place: Range) -> types.Location:
        return types.Location(self.uri(self.path(file)), self.range(file, place))

    def existing(self, folder: Path, name: str) -> Path | None:
        """Return the file of the project that a path names, relative to a folder; None where there is none."""
        try:
            path = boundary.real(folder / name)
        except (OSError, ValueError):
            return None
        with disk.through(self.now.buffers):
            return path if self.boundary.holds(path) and disk.is_file(path) else None

    @cached_property
    def _texts(self) -> dict[str, str | None]:
        files = self.now.files | self.known.files
        chosen = files if self.only is None else files & self.only
        return {file: self._read(self.path(file)) for file in sorted(chosen)}

    def _read(self, path: Path) -> str | None:
        """Return the text of a file, '' where it is not there; None where it cannot be read."""
        document = self.opened.get(path)
        if document is not None:
            return document.text
        try:
            return disk.read(path, disk.TEXT_BYTES).decode("utf-8-sig") if self.boundary.admits(path) else None
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError):
            return None


def several(files: Iterable[str]) -> str:
    """Join the names of files for a message."""
    named = sorted(files)
    return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
