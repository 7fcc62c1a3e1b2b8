"""Let every signal that asks a command to end interrupt it as Ctrl-C does, until it says what became of its work.

In: signals of terminals and of CI systems. Out: `KeyboardInterrupt`. Signals that whoever started us ignores stay so.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from sagespec.cli import exits

_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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

    for number in before:
        signal.signal(number, _interrupt)
    try:
        yield ignore
    except KeyboardInterrupt:
        before = dict.fromkeys(before, _leave)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _leave(*_: object) -> NoReturn:
    os._exit(exits.INTERRUPTED)
