"""The command line: click, printing and exit codes; nothing else imports this package.

Before anything that takes time is imported, an interrupt gets an end without a traceback.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` is among what takes time
    from typing import NoReturn

_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    try:
        import signal

        before = signal.getsignal(signal.SIGINT)
        if before == signal.default_int_handler:  # a shell has its background jobs ignore it
            signal.signal(signal.SIGINT, _leave)
        _open_streams()
        from sagespec.cli import program

        signal.signal(signal.SIGINT, before)
        code = program.run()
    except KeyboardInterrupt:
        code = _INTERRUPTED
    sys.exit(code)


def _leave(*_: object) -> NoReturn:
    """End at once: nothing has begun."""
    os._exit(_INTERRUPTED)


def _open_streams() -> None:
    """Open what is closed of the three standard streams: else the next file or connection would be taken for it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
