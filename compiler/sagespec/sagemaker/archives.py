"""Look into archives of code (.tar.gz), which the container unpacks.

In: the path of an archive. Out: the wanted files that it lacks. Refuses archives that cannot be unpacked, and content
above a limit, because a small archive may unpack to any size.
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
            while (left or not count) and (member := archive.next()) is not None:
                vars(archive)["members"].clear()  # tarfile would keep all members in memory
                count += 1
                if not member.isdir():
                    left.pop(posixpath.normpath(member.name), None)
        except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, OverflowError) as error:
            raise Unreadable(f"not a .tar.gz archive that can be unpacked: {str(error).lower()}") from None
    if not count:
        raise Unreadable("an archive without files")
    return set(left.values())


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
