"""Wait until AWS shows what it has created: its reads are eventually consistent.

Once an answer has said that something exists, "not found" from Describe, List or ListTags is not believed for some
minutes: the resource is looked up again, neither created again nor reported as deleted. In: a look-up. Out: its final
result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from sagespec.executor import pauses
from sagespec.executor.cloud import CloudError

SECONDS = 300.0
"""How long an existing resource may be missing from answers."""
UNKNOWN_SECONDS = 90.0
"""How long to look for what another command may have started a moment ago."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
GROWTH = 1.5
T = TypeVar("T")


@dataclass
class Patience:
    """The time left in which something may not be shown; it restarts with each proof that it exists."""

    seconds: float = field(default_factory=lambda: SECONDS)
    _since: float = field(default_factory=pauses.now)
    _pause: float = FIRST_PAUSE_SECONDS
    _waited: float | None = None

    @property
    def is_over(self) -> bool:
        elapsed = pauses.now() - self._since
        # where looks themselves take long, there are as many as else
        return elapsed >= self.seconds and (self._waited is None or self._waited >= self.seconds)

    def pause(self, stopping: threading.Event) -> None:
        """Wait before the next look-up, longer each time."""
        pauses.pause(self._pause, stopping)
        self._waited = (self._waited or 0.0) + self._pause
        self._pause = min(self._pause * GROWTH, LONGEST_PAUSE_SECONDS)


def look_for(
    look: Callable[[], T | None],
    *,
    patience: Patience | None = None,
    stopping: threading.Event | None = None,
    on_wait: Callable[[], None] = lambda: None,
) -> T | None:
    """Look something up until AWS shows it; `on_wait` is called if the first look-up finds nothing.

    A look-up finds nothing if it returns None or raises "not found". When the patience is over, that is the result.
    Raises CloudError.
    """
    left, stop, waited = patience or Patience(), stopping or threading.Event(), False
    while True:
        try:
            seen = look()
        except CloudError as error:
            if not error.is_missing or left.is_over:
                raise
        else:
            if seen is not None or left.is_over:
                return seen
        if not waited:
            on_wait()
            waited = True
        left.pause(stop)


def insist(look: Callable[[], T]) -> T:
    """Look something up until AWS shows it.

    Raises CloudError; "not found" only when the patience is over.
    """
    seen = look_for(lambda: (look(),))
    assert seen is not None, "a tuple, or an error"
    return seen[0]
