"""The command line: click, printing and exit codes; nothing else imports this package.

Ctrl-C ends the program without a traceback, also while the slow imports are running and while Python ends.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing `typing` is slow
    from typing import Any, NoReturn

_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line, and end this process with its exit code."""
    try:
        code = invoke()
        _leave_on_interrupt()
    except KeyboardInterrupt:
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        _leave()  # Python would wait for threads, whose questions to AWS may take minutes
    sys.exit(code)


def invoke() -> int:
    """Run the command line in a process that goes on; return its exit code."""
    try:
        import signal

        before = _leave_on_interrupt()
        _open_streams()
        from sagespec.cli import program

        signal.signal(signal.SIGINT, before)
        return program.run()
    except KeyboardInterrupt:
        return _INTERRUPTED


def _leave_on_interrupt() -> Any:
    """Let Ctrl-C end this process at once from now on; return what it did before."""
    import signal

    before = signal.getsignal(signal.SIGINT)
    if before == signal.default_int_handler:  # shells ignore SIGINT in background jobs; keep that
        signal.signal(signal.SIGINT, _leave)
    return before


def _leave(*_: object) -> NoReturn:
    """End at once."""
    os._exit(_INTERRUPTED)


def _open_streams() -> None:
    """Open /dev/null for closed standard streams; else the next file or connection would get their descriptor."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
