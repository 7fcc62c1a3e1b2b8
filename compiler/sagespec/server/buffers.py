"""Open documents laid over the disk.

In: the texts of an editor by path. Out: a `View` for `disk.through`, in which they replace the files of their paths,
or are there although nobody has saved them yet.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sagespec import disk


@dataclass(frozen=True)
class Name:
    """One name in a folder."""

    folder: Path
    name: str
    is_a_folder: bool

    def __fspath__(self) -> str:
        return str(self.folder / self.name)

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002  nothing here is a link
        return self.is_a_folder

    def is_symlink(self) -> bool:
        return False


@dataclass(frozen=True)
class Buffers:
    """The contents of open documents by real path."""

    files: Mapping[Path, bytes] = field(default_factory=dict, repr=False)
    _names: dict[Path, dict[str, bool]] = field(default_factory=dict, repr=False)
    """For each folder of an unsaved document, the names that the disk lacks, and whether they are folders."""

    def __post_init__(self) -> None:
        for path in self.files:
            below, is_folder = path, False
            while not disk.exists(below) and below != below.parent:
                self._names.setdefault(below.parent, {})[below.name] = is_folder
                below, is_folder = below.parent, True

    def holds(self, path: Path) -> bool:
        return path in self.files or path in self._names

    def real(self, path: Path) -> Path:
        return Path(os.path.realpath(path))

    def status(self, path: Path, *, follow: bool) -> os.stat_result:
        with disk.through(_DISK):
            known = disk.status(path, follow=follow)
        if path not in self.files:
            return known or _status(stat.S_IFDIR | 0o755, path, 0)
        if known is not None and not stat.S_ISREG(known.st_mode):
            return known
        return _status(stat.S_IFREG | 0o644, path, len(self.files[path]))

    @contextmanager
    def entries(self, path: Path) -> Iterator[Iterator[disk.Entry]]:
        if path in self.files:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        names: list[disk.Entry] = [Name(path, name, is_folder) for name, is_folder in self._names[path].items()]
        with disk.through(_DISK):
            if disk.exists(path):
                with disk.entries(path) as listed:
                    names += listed
        yield iter(names)

    def read(self, path: Path, limit: int) -> bytes:
        if path not in self.files:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        content = self.files[path]
        if len(content) > limit:
            raise OSError(errno.EFBIG, f"longer than {limit:,} bytes", str(path))
        return content


_DISK = Buffers()
"""Nothing but the disk."""


def _status(mode: int, path: Path, size: int) -> os.stat_result:
    return os.stat_result((mode, hash(path), -1, 1, 0, 0, size, 0, 0, 0))
