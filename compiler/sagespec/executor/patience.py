"""Wait for AWS to show what it has created: its reads are eventually consistent.

Reads trail writes. What an answer has said to exist does exist, whatever Describe, List and ListTags say of it for
some minutes after: it is looked for again, and neither made once more nor called deleted. In: a look. Out: what it
shows in the end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from sagespec.executor import pauses
from sagespec.executor.cloud import CloudError

SECONDS = 300.0
"""How long what is known to exist may go without being shown."""
UNKNOWN_SECONDS = 90.0
"""How long something is looked for that may have been started a moment ago, by another command."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
GROWTH = 1.5
T = TypeVar("T")


@dataclass
class Patience:
    """What is left of the time for which something may not be shown; it begins with the last proof that it exists."""

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
        """Wait before the next look, longer each time."""
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
    """Look for something that exists until AWS shows it; `on_wait` is called where the first look shows nothing.

    A look shows nothing by None, or by an error that says "not found". Once patience is over that is the answer:
    None, or the error. Raises CloudError.
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
    """Look at something that exists until AWS shows it.

    Raises CloudError: "not found" only once patience is over.
    """
    seen = look_for(lambda: (look(),))
    assert seen is not None, "a tuple, or an error"
    return seen[0]
