"""Wait: the only module of the executor that does. All of it waits in seconds that tests let pass faster."""

from __future__ import annotations

import threading
import time

SPEED = 1.0
"""How many seconds pass here in one of the machine: a test does not wait for minutes."""


def now() -> float:
    """Seconds since some moment."""
    return time.monotonic() * SPEED


def pause(seconds: float, stopping: threading.Event | None = None) -> None:
    """Wait, or until `stopping` is set."""
    if stopping is None:
        time.sleep(seconds / SPEED)
    else:
        stopping.wait(seconds / SPEED)
