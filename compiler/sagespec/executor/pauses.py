"""Wait; no other module of the executor does. Tests let the time of this module pass faster."""

from __future__ import annotations

import threading
import time

SPEED = 1.0
"""Seconds that pass here for each second of the clock, so that tests need not wait."""


def now() -> float:
    """Return a time in seconds, for differences only."""
    return time.monotonic() * SPEED


def pause(seconds: float, stopping: threading.Event | None = None) -> None:
    """Wait for some seconds, or until `stopping` is set."""
    if stopping is None:
        time.sleep(seconds / SPEED)
    else:
        stopping.wait(seconds / SPEED)
