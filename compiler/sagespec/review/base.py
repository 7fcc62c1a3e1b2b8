"""The base of a review: a project as a commit has it.

In: an open commit, and the project of the work tree. Out: its compiled files, which is what was reviewed, and on
demand its specs and lock. Where it has no compiled files its specs are compiled. Must be used within `disk.through`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from sagespec import disk
from sagespec.compiling import loading, workspace
from sagespec.compiling.loading import InvalidCompiled
from sagespec.documents import compiled
from sagespec.documents.compiled import Compiled
from sagespec.memory import remembered
from sagespec.project import files as spec_files
from sagespec.project import settings as project_settings
from sagespec.project.files import Found
from sagespec.project.lock import Lock
from sagespec.project.settings import Settings
from sagespec.project.spec import Spec
from sagespec.review.snapshot import Snapshot


@dataclass
class Base:
    """A project at a commit; `files` are the ids of its compiled files by address."""

    snapshot: Snapshot = field(repr=False)
    settings: Settings | None
    files: Mapping[str, str]
    made: Mapping[str, Compiled] = field(default_factory=dict)
    """What had to be compiled, since the commit has no compiled files."""
    failed: int = 0
    """Specs that could not be compiled."""
    unusable: dict[str, str] = field(default_factory=dict)
    """Compiled files that `apply` would refuse, with the reason."""

    @property
    def addresses(self) -> set[str]:
        return {*self.files, *self.made}

    def compiled(self, address: str) -> Compiled | None:
        """The compiled file of an address; None where there is none, or none that can be used."""
        if address in self.made:
            return self.made[address]
        if address not in self.files or address in self.unusable:
            return None
        content = self.snapshot.blobs.read(self.files[address], disk.COMPILED_BYTES)
        try:
            if content is None:
                raise InvalidCompiled(f"is longer than {disk.COMPILED_BYTES:,} bytes")
            found = loading.load(content.replace(b"\r\n", b"\n"))
            if found.address != address:
                raise InvalidCompiled(f"is not at its own path, {found.path}")
        except InvalidCompiled as error:
            self.unusable[address] = str(error)
            return None
        return found

    def specs(self, names: Iterable[str]) -> dict[str, Spec]:
        """The specs of some files, by address, as far as they can be read."""
        if self.settings is None:
            return {}
        root = self.settings.project.root
        paths = tuple(sorted({disk.real(root / name) for name in names if self._admits(root / name)}))
        read, _ = spec_files.read(self.settings, Found(paths, frozenset(paths)))
        return {spec.address: spec for spec in read.specs}

    def _admits(self, path: Path) -> bool:
        assert self.settings is not None
        return self.settings.project.boundary.admits(path) and disk.is_file(path)

    @cached_property
    def lock(self) -> Lock | None:
        return workspace.read_lock(self.settings.project)[0] if self.settings else None


def open_base(snapshot: Snapshot, current: Settings) -> Base:
    """Find a project in a commit: by its file where that is now, else by walking up, else by its folder."""
    now = current.project
    file = now.root / (now.source.file if now.source else project_settings.FILE)
    project, _ = remembered(workspace.open_project, now.root, file if disk.is_file(file) else None)
    settings = remembered(project_settings.in_environment, project, current.environment)[0] if project else None
    if settings is None:  # compiled files say what was reviewed all the same
        return Base(snapshot, None, _listed(snapshot, current))
    listed = _listed(snapshot, settings)
    if listed:
        return Base(snapshot, settings, listed)
    done = workspace.compile(workspace.check(settings, ()))
    made = {address: remembered(_with_digest, one.compiled) for address, one in done.builds.items()}
    return Base(snapshot, settings, {}, made, len(done.checked.targets) - len(made))


def _with_digest(made: Compiled) -> Compiled:
    return loading.load(compiled.dump(made).encode())


def _listed(snapshot: Snapshot, settings: Settings) -> dict[str, str]:
    """The compiled files of a commit, by the addresses that their places say."""
    output = settings.output
    if not snapshot.holds(output):
        return {}
    below = output.relative_to(snapshot.root).as_posix()
    pattern = re.compile(("" if below == "." else re.escape(below) + "/") + r"([A-Za-z0-9]+/[A-Za-z0-9-]+)\.json")
    found = ((pattern.fullmatch(path), entry.id) for path, entry in snapshot.tree.items())
    return {match[1]: object_id for match, object_id in found if match}


def path_of(settings: Settings, root: Path, address: str) -> str:
    """The path of the compiled file of an address, from the work tree's folder."""
    return PurePosixPath(settings.output.relative_to(root).as_posix(), f"{address}.json").as_posix()
