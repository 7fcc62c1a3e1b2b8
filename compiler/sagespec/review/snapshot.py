"""A commit as a folder: what the work tree would hold if the commit were checked out.

In: a repository and a commit. Out: a `View` for `disk.through`. Names, modes and contents are those of git's objects:
nothing is checked out, converted or downloaded. Links are followed within the commit, and lead out of it to the disk.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from sagespec import disk
from sagespec.executor.git import LINK, MODULE, Blobs, Entry, GitError, Repository
from sagespec.project.boundary import GIT

_MOST_LINKS = 40
"""Links in one path; the kernel's own limit."""
_LINK_BYTES = 4096


@contextmanager
def opened(repository: Repository, commit: str) -> Iterator[Snapshot]:
    """Open a commit; raises GitError."""
    tree = repository.tree(commit)
    with repository.blobs() as blobs:
        yield Snapshot(repository.root, tree, blobs)


@dataclass(frozen=True)
class Name:
    """One name in a folder of a commit."""

    snapshot: Snapshot = field(repr=False)
    folder: Path
    name: str

    def __fspath__(self) -> str:
        return str(self.folder / self.name)

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        try:
            return stat.S_ISDIR(self.snapshot.status(self.folder / self.name, follow=follow_symlinks).st_mode)
        except OSError:
            return False

    def is_symlink(self) -> bool:
        return stat.S_ISLNK(self.snapshot.status(self.folder / self.name, follow=False).st_mode)


@dataclass(frozen=True)
class Snapshot:
    """The files of a commit below the folder of its work tree, which is a real path."""

    root: Path
    tree: Mapping[str, Entry] = field(repr=False)
    blobs: Blobs = field(repr=False)
    _real: dict[Path, Path] = field(default_factory=dict, repr=False)

    @cached_property
    def _folders(self) -> Mapping[str, list[str]]:
        """The names in each folder; modules are empty folders, since their files are of other repositories."""
        names: dict[str, dict[str, None]] = {"": {}}
        for path, entry in self.tree.items():
            below = PurePosixPath(path)
            if entry.mode == MODULE:
                names.setdefault(path, {})
            for folder in below.parents:
                key = "" if str(folder) == "." else str(folder)
                known = key in names and below.name in names[key]
                names.setdefault(key, {})[below.name] = None
                if known:
                    break
                below = folder
        return {folder: [*inside] for folder, inside in names.items()}

    def holds(self, path: Path) -> bool:
        return path.is_relative_to(self.root)

    def real(self, path: Path) -> Path:
        if path not in self._real:
            self._real[path] = self._followed(path)
        return self._real[path]

    def _followed(self, path: Path) -> Path:
        left, here, links = [*reversed(path.relative_to(self.root).parts)], self.root, 0
        while left:
            part = left.pop()
            if part == "..":
                here = here.parent
            elif part != ".":
                here /= part
            if not self.holds(here):  # the rest is on disk
                return disk.real(here.joinpath(*reversed(left)))
            entry = self.tree.get(self._key(here))
            if entry is not None and entry.mode == LINK:
                links += 1
                target = self.blobs.read(entry.id, _LINK_BYTES)
                if target is None or links > _MOST_LINKS:
                    return here.joinpath(*reversed(left))
                leads_to = Path(os.fsdecode(target))
                left += reversed(leads_to.parts)
                here = here.parent
                if leads_to.is_absolute():
                    whole = leads_to.joinpath(*reversed(left[: -len(leads_to.parts)]))
                    return self.real(whole) if self.holds(whole) else disk.real(whole)
        return here

    def status(self, path: Path, *, follow: bool) -> os.stat_result:
        where = self.real(path) if follow else self.real(path.parent) / path.name
        if not self.holds(where):
            return disk.look(where, follow=follow)
        key = self._key(where)
        if key in self._folders or key == GIT:
            return _status(stat.S_IFDIR | 0o755, key, 0)
        entry = self.tree.get(key)
        if entry is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        if entry.mode == LINK:
            if follow:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
            return _status(stat.S_IFLNK | 0o777, key, 0)
        return _status(stat.S_IFREG | int(entry.mode[-3:], 8), key, entry.size)

    @contextmanager
    def entries(self, path: Path) -> Iterator[Iterator[disk.Entry]]:
        where = self.real(path)
        if not self.holds(where):
            with disk.entries(where) as listed:
                yield listed
            return
        names = self._folders.get(self._key(where))
        if names is None:
            code = errno.ENOTDIR if self._key(where) in self.tree else errno.ENOENT
            raise OSError(code, os.strerror(code), str(path))
        yield iter([Name(self, where, name) for name in names])

    def read(self, path: Path, limit: int) -> bytes:
        where = self.real(path)
        if not self.holds(where):
            return disk.read(where, limit)
        if stat.S_ISDIR(self.status(path, follow=True).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        try:
            content = self.blobs.read(self.tree[self._key(where)].id, limit)
        except GitError as error:
            raise OSError(errno.EIO, str(error), str(path)) from None
        if content is None:
            raise OSError(errno.EFBIG, f"longer than {limit:,} bytes", str(path))
        return content

    def _key(self, path: Path) -> str:
        key = path.relative_to(self.root).as_posix()
        return "" if key == "." else key


def _status(mode: int, key: str, size: int) -> os.stat_result:
    """What the disk would say; paths that are real have one number each."""
    return os.stat_result((mode, hash(key), -1, 1, 0, 0, size, 0, 0, 0))
