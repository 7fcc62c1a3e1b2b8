"""Check a project as its editor shows it.

In: a folder, and the open documents. Out: the diagnostics of `validate`, and what they were found in: settings,
specs, lock. Folders that are no project have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from sagespec import disk
from sagespec.compiling import exceptions, workspace
from sagespec.compiling.workspace import Checked
from sagespec.diagnostics import Diagnostic, distinct, report
from sagespec.memory import Memory, remembered
from sagespec.project import boundary, settings
from sagespec.project.lock import Lock
from sagespec.project.settings import Project
from sagespec.server.buffers import Buffers


@dataclass(frozen=True)
class Examination:
    """What was found in one project; `checked` is None where the project file is invalid."""

    root: Path
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str] = field(repr=False)
    """The project's own files by name: specs, project file, and what specs name."""
    checked: Checked | None = field(default=None, repr=False)
    lock: Lock | None = field(default=None, repr=False)
    """The project's lock; None where there is none, or none that is valid."""
    buffers: Buffers = field(default=Buffers(), repr=False)
    builds: Memory = field(default_factory=Memory, repr=False, compare=False)
    """What the last spec that was pointed at compiled to."""

    @property
    def files(self) -> frozenset[str]:
        """The names of the project file and of all spec files, readable or not."""
        return frozenset({settings.FILE, *(self.checked.files if self.checked else ())})


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
            return Examination(root, _shown(diagnostics), texts, buffers=buffers)
        checked = workspace.check(chosen, ())
        today = datetime.now(timezone.utc).date().isoformat()
        said = _shown([*checked.diagnostics, *exceptions.expired(chosen, today)])
        lock, _, _ = remembered(workspace.read_lock, chosen.project)
        return Examination(root, said, checked.texts, checked, lock, buffers)


def _shown(diagnostics: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    return distinct(report.without_secrets(diagnostics))
