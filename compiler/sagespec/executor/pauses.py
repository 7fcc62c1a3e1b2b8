"""Wait; no other module of the executor does. Tests let the time of this module pass faster, or as a sandbox's."""

from __future__ import annotations

import threading
import time

SPEED = 1.0
"""Seconds that pass here for each second of the clock, so that tests need not wait."""


class Clock:
    """The clock of this machine."""

    def now(self) -> float:
        return time.monotonic() * SPEED

    def pause(self, seconds: float, stopping: threading.Event) -> None:
        stopping.wait(seconds / SPEED)


CLOCK = Clock()


def now() -> float:
    """Return a time in seconds, for differences only."""
    return CLOCK.now()


def pause(seconds: float, stopping: threading.Event | None = None) -> None:
    """Wait for some seconds, or until `stopping` is set."""
    CLOCK.pause(seconds, stopping or threading.Event())
