"""What is in an archive of code, a .tar.gz, which the container unpacks.

In: the path of an archive. Out: which of the files that are started and installed it lacks. Refuses: what cannot be
unpacked, and more than a limit to look through, since a small archive may unpack to anything.
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
"""How much of the unpacked contents is looked through."""
MAX_HEADER_BYTES = 1024**2


class Unreadable(Exception):
    """An archive that cannot be unpacked, or not looked through."""


def missing(path: Path, wanted: Collection[str]) -> set[str]:
    """Return those of some files that an archive does not have.

    Raises Unreadable, OSError.
    """
    left = {posixpath.normpath(name): name for name in wanted}
    count = 0
    with disk.streamed(path) as stream:
        try:
            archive = tarfile.TarFile(fileobj=cast("BinaryIO", _Bounded(gzip.GzipFile(fileobj=stream))))
            while (left or not count) and (member := archive.next()) is not None:
                vars(archive)["members"].clear()  # it would keep them all
                count += 1
                if not member.isdir():
                    left.pop(posixpath.normpath(member.name), None)
        except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, OverflowError) as error:
            raise Unreadable(f"not a .tar.gz archive that can be unpacked: {str(error).lower()}") from None
    if not count:
        raise Unreadable("an archive without files")
    return set(left.values())


class _Bounded:
    """An unpacked stream that is read in small pieces, and not for ever."""

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
