"""Read files and folders.

In: paths. Out: what they lead to, names, bytes up to a limit. Refuses everything but regular files: a pipe or a
device may never end. Raises OSError with the path that was given.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from sagespec.disk.views import Entry, ask, failure, is_observed, tell, viewed

TEXT_BYTES = 4 * 1024**2
"""The longest spec, project file, policy, or code of a function: reading it takes seconds at most."""
LOCK_BYTES = 16 * 1024**2
COMPILED_BYTES = 32 * 1024**2
"""The longest compiled file or saved plan: enough for 20,000 uploads."""
ARCHIVE_BYTES = 50 * 1024**2
"""The longest archive that Lambda accepts in a request."""
CHUNK_BYTES = 1024**2

_READING = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def real(path: Path) -> Path:
    """The real path of what a path leads to, as far as it is there."""
    return ask(_real, path, 0)


def _real(path: Path, _: int) -> Path:
    view = viewed(path)
    try:
        return view.real(path) if view else Path(os.path.realpath(path))
    except ValueError:  # a NUL, with which nothing can be opened
        return path.absolute()


def status(path: Path, *, follow: bool = True) -> os.stat_result | None:
    """What a path leads to, if it leads somewhere: a name may also be too long for one, or hold a NUL."""
    try:
        return look(path, follow=follow)
    except (OSError, ValueError):
        return None


def look(path: Path, *, follow: bool = True) -> os.stat_result:
    """What a path leads to, or with `follow` off is itself."""
    return ask(_look, path, follow)


def _look(path: Path, follow: int) -> os.stat_result:
    view = viewed(path)
    return view.status(path, follow=bool(follow)) if view else path.stat(follow_symlinks=bool(follow))


def exists(path: Path) -> bool:
    """Whether there is something at a path, also a link that leads nowhere."""
    return status(path, follow=False) is not None


def is_folder(path: Path) -> bool:
    """Whether a path leads to a folder; raises OSError where nobody may know."""
    return _is(path, stat.S_ISDIR)


def is_file(path: Path) -> bool:
    """Whether a path leads to a regular file; raises OSError where nobody may know."""
    return _is(path, stat.S_ISREG)


def _is(path: Path, test: Callable[[int], bool]) -> bool:
    try:
        return test(look(path).st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise


def is_link(path: Path) -> bool:
    """Whether there is a link at a path."""
    found = status(path, follow=False)
    return found is not None and stat.S_ISLNK(found.st_mode)


def entries(path: Path) -> AbstractContextManager[Iterator[Entry]]:
    """The names in a folder, without an order."""
    return nullcontext(iter(ask(_list, path, 0))) if is_observed() else _entries(path)


def _entries(path: Path) -> AbstractContextManager[Iterator[Entry]]:
    view = viewed(path)
    return view.entries(path) if view else os.scandir(path)


def _list(path: Path, _: int) -> list[Entry]:
    with _entries(path) as listed:
        return list(listed)


def read(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises OSError.
    """
    return b"".join(chunks(path, limit))


def chunks(path: Path, limit: int) -> Iterator[bytes]:
    """Read a regular file of at most `limit` bytes in chunks.

    Raises OSError, for a longer file after `limit` bytes.
    """
    if not is_observed():
        yield from _chunks(path, limit)
        return
    digest, answer = hashlib.sha256(), object()  # of half a file nothing is known
    try:
        for chunk in _chunks(path, limit):
            digest.update(chunk)
            yield chunk
        answer = digest.hexdigest()
    except OSError as error:
        answer = failure(error)
        raise
    finally:
        tell((_digest, path, limit), answer)


def _digest(path: Path, limit: int) -> object:
    digest = hashlib.sha256()
    for chunk in _chunks(path, limit):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(path: Path, limit: int) -> Iterator[bytes]:
    if view := viewed(path):
        yield view.read(path, limit)
        return
    with _opened(path) as descriptor:
        size = 0
        while chunk := os.read(descriptor, min(CHUNK_BYTES, limit + 1 - size)):
            size += len(chunk)
            if size > limit:
                raise OSError(errno.EFBIG, f"longer than {limit:,} bytes")
            yield chunk


def head(path: Path, size: int) -> bytes:
    """Read the first `size` bytes of a regular file, whatever its length.

    Raises OSError.
    """
    return ask(_head, path, size)


def _head(path: Path, size: int) -> bytes:
    if view := viewed(path):
        return view.read(path, COMPILED_BYTES)[:size]
    with _opened(path) as descriptor:
        return os.read(descriptor, size)


@contextmanager
def streamed(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file as a stream.

    Observers do not see what is read from it. They are told an answer that equals no other, so that nothing made of
    the stream is used again.
    """
    tell((_head, path, 0), object())
    if view := viewed(path):
        yield io.BytesIO(view.read(path, COMPILED_BYTES))
        return
    with _opened(path) as descriptor, os.fdopen(descriptor, "rb", closefd=False) as stream:
        yield stream


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a regular file for reading, without blocking."""
    with about(path):
        if not stat.S_ISREG(path.stat().st_mode):  # checked before opening: opening a device may have an effect
            raise _no_file(path)
        descriptor = os.open(path, _READING)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _no_file(path)
            yield descriptor
        finally:
            os.close(descriptor)


def _no_file(path: Path) -> OSError:
    if path.is_dir():
        os.scandir(path).close()  # raises PermissionError where the folder may not be read
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return OSError(errno.EINVAL, "not a file")


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Add the path to errors of the operating system."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, str(error), str(path)) from None
