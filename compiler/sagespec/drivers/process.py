"""The child process: its output passed on as it comes, its last words kept, signals handed down.

In: a command. Out: its exit code and the end of what it said on stderr. Refuses to start anything once the
container has been asked to stop: SIGTERM ends the job, whichever of its children runs at that moment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import Any, Dict, List, Tuple

KEPT_BYTES = 64 * 1024
CHUNK_BYTES = 64 * 1024
NOT_EXECUTABLE, NOT_FOUND = 126, 127
"""A shell's exit codes for what it cannot start."""


class _Now:
    """What the signal handler has to know: the child that runs, and the signal that has come."""

    child: subprocess.Popen[bytes] | None = None
    signal: int = 0


def obey() -> None:
    """Hand SIGTERM and SIGINT down from now on: as PID 1 nothing else would make them count."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _hand_down)


def _hand_down(number: int, _frame: Any) -> None:
    _Now.signal = number
    _forward()


def _forward() -> None:
    """Send the signal that has come to everything that the child has started."""
    if _Now.child is not None:
        try:
            os.killpg(_Now.child.pid, _Now.signal)
        except ProcessLookupError:
            return  # it has just ended


def asked_to_stop() -> int:
    """The exit code of having been asked to stop; 0 where that has not happened."""
    return 128 + _Now.signal if _Now.signal else 0


def run(command: List[str], cwd: str, environment: Dict[str, str]) -> Tuple[int, str]:
    """Run a command to its end, unless the container is to stop; one that cannot be started is told in a sentence."""
    if _Now.signal:
        return asked_to_stop(), "asked to stop by " + signal.Signals(_Now.signal).name
    try:
        child = subprocess.Popen(command, cwd=cwd, env=environment, stderr=subprocess.PIPE, start_new_session=True)
    except OSError as error:
        said = "%s cannot be started: %s\n" % (command[0], os.strerror(error.errno or 0).lower())
        sys.stderr.write(said)
        return (NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE), said
    _Now.child = child
    if _Now.signal:
        _forward()  # it came while the child was being started
    kept = bytearray()
    reader = threading.Thread(target=_pass_on, args=(child.stderr, kept), daemon=True)
    reader.start()
    code = child.wait()
    _Now.child = None
    reader.join(timeout=5)  # a grandchild may still hold the pipe
    return (128 - code if code < 0 else code), bytes(kept).decode("utf-8", "replace")


def _pass_on(stream: Any, kept: bytearray) -> None:
    """Copy a stream to stderr in whatever pieces it comes: a progress bar has no ends of lines."""
    heard = True
    for chunk in iter(lambda: os.read(stream.fileno(), CHUNK_BYTES), b""):
        kept += chunk
        del kept[:-KEPT_BYTES]
        try:
            if heard:
                sys.stderr.buffer.write(chunk)
                sys.stderr.buffer.flush()
        except OSError:
            heard = False  # the child must not wait for a reader that is gone
