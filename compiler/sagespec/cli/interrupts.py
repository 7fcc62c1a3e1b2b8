"""Let every signal that asks a command to end interrupt it as Ctrl-C does, until it says what became of its work.

In: signals of terminals and of CI systems. Out: `KeyboardInterrupt`. Signals that whoever started us ignores stay so.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from sagespec.cli import exits

_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MOST = 2
"""Interrupts of one block: the first ends the work, the second the wait for what is being sent. More would only cut
off what the command has to say."""


@contextmanager
def heard() -> Iterator[Callable[[], None]]:
    """Raise KeyboardInterrupt for signals within a block; what is given lets them be ignored from then on.

    After a block that was interrupted, one more signal ends the program at once: Python would wait for its threads.
    """
    usual = (signal.SIG_DFL, signal.default_int_handler)
    before: dict[int, Any] = {
        number: signal.getsignal(number) for number in _ASKING if signal.getsignal(number) in usual
    }

    def ignore() -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)

    raised = 0

    def interrupt(*_: object) -> None:
        nonlocal raised
        raised += 1
        if raised <= _MOST:
            raise KeyboardInterrupt

    for number in before:
        signal.signal(number, interrupt)
    try:
        yield ignore
    finally:
        if is_behind(sys.exc_info()[1]):
            before = dict.fromkeys(before, _leave)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Let Ctrl-C end the program within a block, whatever its threads wait for."""
    before = signal.getsignal(signal.SIGINT)
    if before == signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def is_behind(error: BaseException | None) -> bool:
    """Return whether an interrupt is the error, or led to it.

    Python 3.11 turns what strikes in `__set_name__`, so while a class is made in an import, into a RuntimeError;
    libraries that catch everything raise errors of their own.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _leave(*_: object) -> NoReturn:
    os._exit(exits.INTERRUPTED)
