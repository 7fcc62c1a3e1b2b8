"""Read and write files of the project; the only module that does.

In: paths. Out: bytes, up to a limit. Reading refuses everything but regular files (a pipe or a device may never end),
and files longer than their limit. Writing refuses to follow links, and to replace anything but a regular file. Raises
OSError with the path that was given.

What is read may come from a `View` of a folder instead, such as a commit of git; what is written never does. An
`Observer` is told of every question and its answer, so that a result can be used again while answers are the same.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

TEXT_BYTES = 4 * 1024**2
"""The longest spec, project file, policy, or code of a function: reading it takes seconds at most."""
LOCK_BYTES = 16 * 1024**2
COMPILED_BYTES = 32 * 1024**2
"""The longest compiled file or saved plan: enough for 20,000 uploads."""
ARCHIVE_BYTES = 50 * 1024**2
"""The longest archive that Lambda accepts in a request."""
CHUNK_BYTES = 1024**2
PART, PART_SUFFIX = ".sagespec-", ".part"
"""Prefix and suffix of the names of incomplete files."""

_READING = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_WRITING = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# O_PATH: passing through a folder must not need the right to list it, on systems that distinguish the two
_ENTERING = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC


class Entry(Protocol):
    """One name in a folder; `os.DirEntry` is one."""

    @property
    def name(self) -> str: ...

    def __fspath__(self) -> str: ...

    def is_dir(self, *, follow_symlinks: bool = True) -> bool: ...

    def is_symlink(self) -> bool: ...


class View(Protocol):
    """What a folder holds at another time, or in another place, under the paths that it has on disk.

    Whatever is asked about a path raises OSError, as the disk does.
    """

    def holds(self, path: Path) -> bool:
        """Whether a path is one of the folder: everything else is on disk."""

    def real(self, path: Path) -> Path:
        """The path with all links followed, as far as it is there."""

    def status(self, path: Path, *, follow: bool) -> os.stat_result:
        """Mode, size and number of what is at a path."""

    def entries(self, path: Path) -> AbstractContextManager[Iterator[Entry]]:
        """The names in a folder."""

    def read(self, path: Path, limit: int) -> bytes:
        """A regular file of at most `limit` bytes."""


_view: ContextVar[View | None] = ContextVar("view", default=None)


@contextmanager
def through(view: View) -> Iterator[None]:
    """Read the paths of a folder from a view of it, within a block."""
    token = _view.set(view)
    try:
        yield
    finally:
        _view.reset(token)


def _viewed(path: Path) -> View | None:
    view = _view.get()
    return view if view is not None and view.holds(path) else None


Answer = TypeVar("Answer")
Question = tuple[Callable[[Path, int], Any], Path, int]
"""What was asked: a function, a path and a limit or a flag."""


class Observer(Protocol):
    """Is told what was read."""

    def saw(self, question: Question, answer: object) -> None:
        """Note an answer; two are equal where whoever asks could not tell them apart."""


_observers: ContextVar[tuple[Observer, ...]] = ContextVar("observers", default=())


@contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Tell an observer, besides those of the blocks around, of what is read in a block."""
    token = _observers.set((*_observers.get(), observer))
    try:
        yield
    finally:
        _observers.reset(token)


def again(question: Question) -> object:
    """The answer to a question now, as observers are told it."""
    function, path, more = question
    try:
        answer = _comparable(function(path, more))
    except (OSError, ValueError) as error:
        answer = _failure(error)
    tell(question, answer)
    return answer


def _ask(function: Callable[[Path, int], Answer], path: Path, more: int) -> Answer:
    if not _observers.get():
        return function(path, more)
    try:
        answer = function(path, more)
    except (OSError, ValueError) as error:
        tell((function, path, more), _failure(error))
        raise
    tell((function, path, more), _comparable(answer))
    return answer


def tell(question: Question, answer: object) -> None:
    """Tell observers of an answer that somebody has already."""
    for observer in _observers.get():
        observer.saw(question, answer)


def _failure(error: Exception) -> object:
    return type(error), str(error)


def _comparable(answer: object) -> object:
    if isinstance(answer, os.stat_result):
        return answer.st_mode, answer.st_size, answer.st_dev, answer.st_ino
    if isinstance(answer, list):
        return frozenset((entry.name, _is_below(entry), entry.is_symlink()) for entry in answer)
    return answer


def _is_below(entry: Entry) -> bool | None:
    try:
        return entry.is_dir()
    except OSError:
        return None


def real(path: Path) -> Path:
    """The real path of what a path leads to, as far as it is there."""
    return _ask(_real, path, 0)


def _real(path: Path, _: int) -> Path:
    view = _viewed(path)
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
    return _ask(_look, path, follow)


def _look(path: Path, follow: int) -> os.stat_result:
    view = _viewed(path)
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
    return nullcontext(iter(_ask(_list, path, 0))) if _observers.get() else _entries(path)


def _entries(path: Path) -> AbstractContextManager[Iterator[Entry]]:
    view = _viewed(path)
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
    if not _observers.get():
        yield from _chunks(path, limit)
        return
    digest, answer = hashlib.sha256(), object()  # of half a file nothing is known
    try:
        for chunk in _chunks(path, limit):
            digest.update(chunk)
            yield chunk
        answer = digest.hexdigest()
    except OSError as error:
        answer = _failure(error)
        raise
    finally:
        tell((_digest, path, limit), answer)


def _digest(path: Path, limit: int) -> object:
    digest = hashlib.sha256()
    for chunk in _chunks(path, limit):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(path: Path, limit: int) -> Iterator[bytes]:
    if view := _viewed(path):
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
    return _ask(_head, path, size)


def _head(path: Path, size: int) -> bytes:
    if view := _viewed(path):
        return view.read(path, COMPILED_BYTES)[:size]
    with _opened(path) as descriptor:
        return os.read(descriptor, size)


@contextmanager
def streamed(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for a reader that goes through it by itself; what that reads no observer knows."""
    tell((_head, path, 0), object())
    if view := _viewed(path):
        yield io.BytesIO(view.read(path, COMPILED_BYTES))
        return
    with _opened(path) as descriptor, os.fdopen(descriptor, "rb", closefd=False) as stream:
        yield stream


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a regular file for reading, without blocking."""
    with _about(path):
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
def _about(path: Path) -> Iterator[None]:
    """Add the path to errors of the operating system."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, str(error), str(path)) from None


def replace(path: Path, content: bytes, top: Path) -> None:
    """Write a file atomically; missing folders are created.

    Follows no link below `top`, not even one that is created meanwhile; `top` itself may be a link. Raises OSError.
    """
    with _about(path), _folder(path, top) as folder:
        beside = f"{PART}{os.urandom(8).hex()}{PART_SUFFIX}"
        with _written(beside, content, folder):
            _refuse_all_but_files(path.name, folder)
            os.replace(beside, path.name, src_dir_fd=folder, dst_dir_fd=folder)


def create(path: Path, content: bytes, top: Path) -> None:
    """Write a new file as `replace` does.

    Raises FileExistsError where it exists, and OSError.
    """
    with _about(path), _folder(path, top) as folder, _written(path.name, content, folder):
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
    with _about(path), suppress(FileNotFoundError), _folder(path, top, make=False) as folder:
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
