"""Look into archives of code (.tar.gz), which the container unpacks.

In: the path of an archive. Out: the wanted files that it lacks. Refuses archives that cannot be unpacked, entries
that the drivers would refuse, and content above a limit, because a small archive may unpack to any size.
"""

from __future__ import annotations

import gzip
import posixpath
import tarfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, cast

from sagespec import disk

SUFFIX = ".tar.gz"
MAX_BYTES = 2 * 1024**3
"""The most unpacked bytes that are searched."""
MAX_HEADER_BYTES = 1024**2
MAX_ENTRIES = 100_000
"""The most entries of an archive, as of a folder."""
LOOKED_BYTES = 256 * 1024**2
"""Unpacked bytes that are checked after all wanted files were found, in about a second."""


class Unreadable(Exception):
    """An archive that cannot be unpacked, or is too large to search."""


def missing(path: Path, wanted: Collection[str]) -> set[str]:
    """Return the wanted files that an archive does not have.

    Raises Unreadable, OSError.
    """
    left = {posixpath.normpath(name): name for name in wanted}
    count = 0
    with disk.streamed(path) as stream:
        try:
            archive = tarfile.TarFile(fileobj=cast("BinaryIO", _Bounded(gzip.GzipFile(fileobj=stream))))
            links: set[str] = set()
            while (left or archive.offset < LOOKED_BYTES) and (member := archive.next()) is not None:
                vars(archive)["members"].clear()  # tarfile would keep all members in memory
                count += 1
                if count > MAX_ENTRIES:
                    raise tarfile.ReadError(f"more than {MAX_ENTRIES:,} entries")
                if flaw := _flaw(member, links):
                    raise Unreadable(f"the container would not unpack it: {member.name} {flaw}")
                if not member.isdir():
                    left.pop(posixpath.normpath(member.name), None)
        except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, OverflowError) as error:
            raise Unreadable(f"cannot be read as a .tar.gz archive: {str(error).lower()}") from None
    if not count:
        raise Unreadable("an archive without files")
    return set(left.values())


def _flaw(member: tarfile.TarInfo, links: set[str]) -> str:
    """Return why the drivers would refuse an entry, or ''; `links` has the links before it, and gets this one."""
    steps = _steps(member.name)
    above = ["/".join(steps[:depth]) for depth in range(1, len(steps))]
    if member.name.startswith("/") or ".." in steps:
        return "leads out of the folder"
    if below := next((path for path in above if path in links), ""):
        return f"lies below {below}, a link"
    if not (member.isdir() or member.isreg() or member.issym() or member.islnk()):
        return "is neither a file, a folder nor a link"
    if not (steps or member.isdir()):
        return "has the name of the folder itself"
    target = _steps(member.linkname)
    if member.issym():
        links.add("/".join(steps))
        upwards = next((at for at, step in enumerate(target) if step != ".."), len(target))
        if member.linkname.startswith("/") or upwards >= len(steps) or ".." in target[upwards:]:
            return f"links to {member.linkname}, out of the folder"
    elif member.islnk() and (member.linkname.startswith("/") or ".." in target):
        return f"links to {member.linkname}, out of the folder"
    return ""


def _steps(name: str) -> list[str]:
    return [step for step in name.split("/") if step not in ("", ".")]


class _Bounded:
    """An unpacked stream that is read in small pieces and up to a limit."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self.stream = stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER_BYTES:
            raise tarfile.ReadError("a header that is too long")
        return self.stream.read(size)

    def seek(self, position: int) -> int:
        if position > MAX_BYTES:
            raise tarfile.ReadError(f"more than {MAX_BYTES:,} bytes to look through")
        return self.stream.seek(position)

    def tell(self) -> int:
        return self.stream.tell()
