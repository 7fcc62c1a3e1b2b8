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
_NO_THREAD = "can't start new thread"
"""What Python says of it; it has no class of its own."""


class Stop(Exception):
    """The end of a command: a message, an exit code, an optional hint and further lines."""

    def __init__(self, message: str, code: int, hint: str = "", more: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.code, self.hint, self.more = code, hint, tuple(more)


def stop_by(error: BaseException | None) -> Stop | None:
    """Return an error that is a Stop, or the Stop for a lack of memory or threads; None for other errors."""
    if isinstance(error, Stop):
        return error
    if isinstance(error, MemoryError):
        return Stop("out of memory", INVALID)
    if isinstance(error, RuntimeError) and str(error) == _NO_THREAD:
        limits = "raise the limit of processes (`ulimit -u`, or that of the container), or of memory"
        return Stop(_NO_THREAD, INVALID, limits)
    return None
