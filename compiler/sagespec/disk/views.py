"""Where reading looks, and who is told: views in place of the disk, and observers of questions and answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol, TypeVar


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


def viewed(path: Path) -> View | None:
    """The view that a path is read from, if there is one."""
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


def is_observed() -> bool:
    """Whether somebody is told what is read."""
    return bool(_observers.get())


def again(question: Question) -> object:
    """The answer to a question now, as observers are told it."""
    function, path, more = question
    try:
        answer = _comparable(function(path, more))
    except (OSError, ValueError) as error:
        answer = failure(error)
    tell(question, answer)
    return answer


def ask(function: Callable[[Path, int], Answer], path: Path, more: int) -> Answer:
    """Ask the disk or a view, and tell observers what came back."""
    if not is_observed():
        return function(path, more)
    try:
        answer = function(path, more)
    except (OSError, ValueError) as error:
        tell((function, path, more), failure(error))
        raise
    tell((function, path, more), _comparable(answer))
    return answer


def tell(question: Question, answer: object) -> None:
    """Tell observers of an answer that somebody has already."""
    for observer in _observers.get():
        observer.saw(question, answer)


def failure(error: Exception) -> object:
    """An error as observers are told it."""
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
