"""Write and remove files.

In: paths below a folder. Follows no links, not even those that are created meanwhile, and replaces nothing but
regular files. Raises OSError with the path that was given.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sagespec.disk.reading import about

PART, PART_SUFFIX = ".sagespec-", ".part"
"""Prefix and suffix of the names of incomplete files."""

_WRITING = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# O_PATH: passing through a folder must not need the right to list it, on systems that distinguish the two
_ENTERING = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC


def replace(path: Path, content: bytes, top: Path) -> None:
    """Write a file atomically; missing folders are created.

    Follows no link below `top`, not even one that is created meanwhile; `top` itself may be a link. Raises OSError.
    """
    with about(path), _folder(path, top) as folder:
        beside = f"{PART}{os.urandom(8).hex()}{PART_SUFFIX}"
        with _written(beside, content, folder):
            _refuse_all_but_files(path.name, folder)
            os.replace(beside, path.name, src_dir_fd=folder, dst_dir_fd=folder)


def create(path: Path, content: bytes, top: Path) -> None:
    """Write a new file as `replace` does.

    Raises FileExistsError where it exists, and OSError.
    """
    with about(path), _folder(path, top) as folder, _written(path.name, content, folder):
        pass


@contextmanager
def _written(name: str, content: bytes, folder: int) -> Iterator[None]:
    """Write a new file, and remove it again if anything fails."""
    descriptor, whole = os.open(name, _WRITING, 0o666, dir_fd=folder), False
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        yield
        whole = True
    finally:
        if not whole:
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)


def remove(path: Path, top: Path) -> None:
    """Remove a file if it exists; follows no link below `top`.

    Raises OSError.
    """
    with about(path), suppress(FileNotFoundError), _folder(path, top, make=False) as folder:
        os.unlink(path.name, dir_fd=folder)


@contextmanager
def _folder(path: Path, top: Path, *, make: bool = True) -> Iterator[int]:
    """Open the folder of a file, one step at a time from `top`."""
    if make:
        top.mkdir(parents=True, exist_ok=True)
    opened = os.open(top, _ENTERING)
    try:
        for name in path.parent.relative_to(top).parts:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=opened)
            _refuse_links(name, opened)
            below = os.open(name, _ENTERING | os.O_NOFOLLOW, dir_fd=opened)
            os.close(opened)
            opened = below
        yield opened
    finally:
        os.close(opened)


def _refuse_links(name: str, folder: int) -> None:
    if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        raise OSError(errno.ELOOP, f"{name} is a link, and links are not written through")


def _refuse_all_but_files(name: str, folder: int) -> None:
    """Refuse to replace a link, a pipe or a device."""
    with suppress(FileNotFoundError):
        _refuse_links(name, folder)
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # the system refuses to replace a folder
            raise OSError(errno.EINVAL, "not a file")
