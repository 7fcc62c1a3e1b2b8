"""Exit codes, and the exception that ends a command with one."""

from __future__ import annotations

from collections.abc import Iterable

DONE = 0
INVALID = 1
USAGE = 2
AWS = 3
FAILED = 4
TIMED_OUT = 5
PENDING = 6
DEFECT = 70
INTERRUPTED = 130


class Stop(Exception):
    """The end of a command: a message, an exit code, an optional hint and further lines."""

    def __init__(self, message: str, code: int, hint: str = "", more: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.code, self.hint, self.more = code, hint, tuple(more)
