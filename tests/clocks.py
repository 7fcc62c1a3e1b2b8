"""Clocks by which time passes at once: where a command waits, it puts the sandbox's clock forward instead."""

from __future__ import annotations

import mmap
import threading
from pathlib import Path

from sagespec import sandbox
from sagespec.executor import pauses

BRIEF = 4.0
"""The seconds of the longest pause that is waited for, by the speed of `pauses`: others have their turn meanwhile."""


class ClockOfSandbox(pauses.Clock):
    """The sandbox's time, as the executor's: where a command waits it passes at once. It goes on from where it is."""

    def __init__(self, clock: sandbox.Clock) -> None:
        self._clock = clock
        self._offset = pauses.now() - clock.now()

    def now(self) -> float:
        return self._clock.now() + self._offset

    def pause(self, seconds: float, stopping: threading.Event) -> None:
        end = self._clock.now() + seconds
        super().pause(min(seconds, BRIEF), stopping)
        self._clock.advance(max(0.0, end - self._clock.now()))


class SharedClock(sandbox.Clock):
    """A sandbox's clock that commands in processes of their own put forward, too, by a file that all have mapped."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        if not file.exists():
            file.write_bytes(bytes(8))
        with file.open("r+b") as opened:
            self._seconds = memoryview(mmap.mmap(opened.fileno(), 8)).cast("d")

    def now(self) -> float:
        return super().now() + self._seconds[0]

    def advance(self, seconds: float) -> None:
        self._seconds[0] += seconds
