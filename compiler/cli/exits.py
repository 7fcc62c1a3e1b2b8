"""What exit codes mean."""

from __future__ import annotations

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
    """An end with a message and an exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
