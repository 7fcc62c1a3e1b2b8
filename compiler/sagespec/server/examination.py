"""Check a project as its editor shows it.

In: a folder, and the open documents. Out: the diagnostics of `validate`, and what they were found in: settings,
specs, documents, lock. Folders that are no project have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

from sagespec import disk
from sagespec.compiling import exceptions, workspace
from sagespec.compiling.workspace import Checked
from sagespec.diagnostics import Diagnostic, distinct, report
from sagespec.memory import Memory, remembered
from sagespec.project import boundary, settings
from sagespec.project.lock import Lock
from sagespec.project.settings import Project
from sagespec.reading import source
from sagespec.reading.source import Source
from sagespec.server.buffers import Buffers


@dataclass(frozen=True)
class Examination:
    """What was found in one project; `checked` is None where the project file is invalid."""

    root: Path
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str] = field(repr=False)
    """The project's own files by name: specs, project file, and what specs name."""
    checked: Checked | None = field(default=None, repr=False)
    buffers: Buffers = field(default=Buffers(), repr=False)

    @property
    def files(self) -> frozenset[str]:
        """The names of the project file and of all spec files, readable or not."""
        return frozenset({settings.FILE, *(self.checked.files if self.checked else ())})

    @cached_property
    def documents(self) -> Mapping[str, tuple[Source, ...]]:
        """The documents of the specs and of the project file, valid or not, by the names of their files."""
        read = {name: source.load(name, text.encode())[0] for name, text in self.texts.items() if name in self.files}
        return {name: tuple(documents) for name, documents in read.items()}

    @cached_property
    def lock(self) -> Lock | None:
        """The project's lock; None where there is none, or none that is valid."""
        if self.checked is None:
            return None
        with disk.through(self.buffers):
            return workspace.read_lock(self.checked.settings.project)[0]


def root_of(folder: Path, buffers: Buffers) -> Path | None:
    """Return the folder of the project that a folder is in, None where it is in none."""
    with disk.through(buffers):
        file = settings.find(folder)
        if file is not None:
            return boundary.real(file.parent)
        return boundary.real(folder) if disk.is_folder(folder / Project.specs[0]) else None


def examine(root: Path, buffers: Buffers, environment: str | None, memory: Memory) -> Examination:
    """Check all specs of a project; those that are as they were in the last check are remembered."""
    with disk.through(buffers), memory.used():
        project, diagnostics = remembered(workspace.open_project, root, None)
        chosen = None
        if project is not None:
            chosen, diagnostics = remembered(settings.in_environment, project, environment)
        if chosen is None:
            texts = workspace.project_text(root / settings.FILE)
            return Examination(root, _shown(diagnostics), texts, None, buffers)
        checked = workspace.check(chosen, ())
        today = datetime.now(timezone.utc).date().isoformat()
        said = _shown([*checked.diagnostics, *exceptions.expired(chosen, today)])
        return Examination(root, said, checked.texts, checked, buffers)


def _shown(diagnostics: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    return distinct(report.without_secrets(diagnostics))
