"""The sandbox's own clock, and tables that keep their history.

Jobs, steps and late reads advance by this clock. Tests can speed it up or put it forward instead of waiting.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

_ABSENT = object()
_History = dict[str, list[tuple[float, Any]]]


@dataclass
class Clock:
    """Seconds since 1970: the machine's at the start, then `speed` times as fast."""

    speed: float = 1.0
    _start: float = field(default_factory=time.time)
    _ahead: float = 0.0

    def now(self) -> float:
        return self._start + (time.time() - self._start) * self.speed + self._ahead

    def advance(self, seconds: float) -> None:
        """Put the clock forward."""
        self._ahead += seconds


@dataclass
class Table(MutableMapping[str, Any]):
    """Records by key, with their history: a write adds a version, a read returns the version of its moment.

    Records are replaced and never changed in place, so that earlier versions stay as they were. Without a `moment`,
    reads return the latest version, and writes get the time of the clock.
    """

    clock: Clock
    moment: float | None = None
    _history: _History = field(default_factory=dict, repr=False)

    def at(self, moment: float | None) -> Table:
        """Return the same table for reads and writes at another moment."""
        return Table(self.clock, moment, self._history)

    def _shown(self, key: str) -> Any:
        versions = self._history.get(key, ())
        if self.moment is None:
            return versions[-1][1] if versions else _ABSENT
        count = bisect_right(versions, self.moment, key=itemgetter(0))
        return versions[count - 1][1] if count else _ABSENT

    def _write(self, key: str, value: Any) -> None:
        moment = self.clock.now() if self.moment is None else self.moment
        versions = self._history.setdefault(key, [])
        versions.append((max(moment, versions[-1][0]) if versions else moment, value))

    def __getitem__(self, key: str) -> Any:
        value = self._shown(key)
        if value is _ABSENT:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        self._write(key, value)

    def __delitem__(self, key: str) -> None:
        if self._shown(key) is _ABSENT:
            raise KeyError(key)
        self._write(key, _ABSENT)

    def __iter__(self) -> Iterator[str]:
        return iter([key for key in self._history if self._shown(key) is not _ABSENT])

    def __len__(self) -> int:
        return sum(1 for _ in self)
