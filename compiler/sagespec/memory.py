"""Remember the results of functions whose arguments and files have not changed.

In: a function that reads nothing but its arguments, files through `disk`, and objects of git by their ids, and that
changes neither its arguments nor results that it has returned. Out: its result. It comes from the memory in use where
the arguments are the same and the disk still answers the same to all that the function asked; else, or where no
memory is in use, the function is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, ParamSpec, TypeVar

from sagespec import disk
from sagespec.disk import Question

P = ParamSpec("P")
Result = TypeVar("Result")
_BY_VALUE = (str, bytes, int, float, bool, frozenset, type(None))
_IDENTITY = object()


class _Known(NamedTuple):
    """A result; the arguments are kept alive, because keys contain the identities of some of them."""

    result: Any
    arguments: Any
    seen: dict[Question, object]


class _Seen:
    """What a function read; `is_steady` is false once the same question got another answer."""

    def __init__(self) -> None:
        self.answers: dict[Question, object] = {}
        self.is_steady = True

    def saw(self, question: Question, answer: object) -> None:
        self.is_steady &= self.answers.setdefault(question, answer) == answer


class Memory:
    """The results that the last block used, for the next one. One thread uses it at a time, others wait."""

    def __init__(self) -> None:
        self._in_use = Lock()
        self._before: dict[Any, _Known] = {}
        self._now: dict[Any, _Known] = {}
        self._answers: dict[Question, object] = {}

    @contextmanager
    def used(self) -> Iterator[None]:
        """Remember results within a block; at its end, those that it did not use are forgotten."""
        with self._in_use:
            self._now, self._answers = {}, {}
            token = _memory.set(self)
            try:
                yield
                self._before = self._now
            finally:
                _memory.reset(token)

    def result(self, function: Callable[P, Result], *arguments: P.args, **named: P.kwargs) -> Result:
        key = (function, *map(_key, arguments), *((name, _key(value)) for name, value in named.items()))
        known = self._now.get(key) or self._before.get(key)
        if known is None or any(self._answer(question) != answer for question, answer in known.seen.items()):
            seen = _Seen()
            with disk.observed(seen):
                known = _Known(function(*arguments, **named), (arguments, named), seen.answers)
            if not seen.is_steady:
                return known.result  # type: ignore[no-any-return]
        self._now[key] = known
        return known.result  # type: ignore[no-any-return]

    def _answer(self, question: Question) -> object:
        """Return what the disk answers to a question; it is asked once in a block."""
        if question not in self._answers:
            self._answers[question] = disk.again(question)
        else:
            disk.tell(question, self._answers[question])
        return self._answers[question]


_memory: ContextVar[Memory | None] = ContextVar("memory", default=None)


def remembered(function: Callable[P, Result], *arguments: P.args, **named: P.kwargs) -> Result:
    """Call a function, or return what it returned before."""
    memory = _memory.get()
    return memory.result(function, *arguments, **named) if memory else function(*arguments, **named)


def _key(argument: object) -> object:
    """Return a key for an argument: texts, numbers and paths, also in tuples, by value, all else by identity."""
    if type(argument) is tuple:
        return tuple(map(_key, argument))
    is_value = type(argument) in _BY_VALUE or isinstance(argument, Path)
    return (type(argument), argument) if is_value else (_IDENTITY, id(argument))
