"""The command line: click, printing and exit codes; nothing else imports this package.

Ctrl-C ends the program without a traceback even while the slow imports are running.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing `typing` is slow
    from typing import NoReturn

_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    try:
        import signal

        before = signal.getsignal(signal.SIGINT)
        if before == signal.default_int_handler:  # shells ignore SIGINT in background jobs; keep that
            signal.signal(signal.SIGINT, _leave)
        _open_streams()
        from sagespec.cli import program

        signal.signal(signal.SIGINT, before)
        code = program.run()
    except KeyboardInterrupt:
        code = _INTERRUPTED
    sys.exit(code)


def _leave(*_: object) -> NoReturn:
    """End at once; no command has begun."""
    os._exit(_INTERRUPTED)


def _open_streams() -> None:
    """Open /dev/null for closed standard streams; else the next file or connection would get their descriptor."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
