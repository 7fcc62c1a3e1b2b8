"""Misbehaviour on purpose, the same again for the same seed."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass, fields
from typing import Literal

Fault = Literal["throttle", "error", "drop"]
MOST_LATENCY = 60


@dataclass(frozen=True)
class Faults:
    """How often requests go wrong (0..1), and how long each takes.

    `throttle` refuses with ThrottlingException, `error` answers 500 or 503, `drop` carries the request out and
    then cuts the connection; `latency` is in seconds.
    """

    throttle: float = 0.0
    error: float = 0.0
    drop: float = 0.0
    latency: float = 0.0
    seed: int = 0

    @classmethod
    def parse(cls, text: str) -> Faults:
        """Read `throttle=0.3,error=0.1,drop=0.05,latency=0.05,seed=7`.

        Raises ValueError for anything else.
        """
        known = {f.name for f in fields(cls)}
        values: dict[str, float] = {}
        for part in filter(None, text.split(",")):
            name, equals, value = part.partition("=")
            if name not in known or not equals:
                raise ValueError(f"{part!r} is not one of {', '.join(sorted(known))} with a value")
            try:
                values[name] = int(value) if name == "seed" else float(value)
            except ValueError:
                raise ValueError(f"{name} is a number, not {value!r}") from None
        if not all(0 <= values.get(name, 0) <= 1 for name in ("throttle", "error", "drop")):
            raise ValueError("throttle, error and drop are between 0 and 1")
        if not 0 <= values.get("latency", 0) <= MOST_LATENCY:
            raise ValueError(f"latency is between 0 and {MOST_LATENCY} seconds")
        seed = int(values.pop("seed", 0))
        return cls(**values, seed=seed)


class Dice:
    """Throws for each request which fault it meets: by the seed, what it asks, and how often that was asked before.

    So the order in which requests of several threads arrive decides nothing.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._asked: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def throw(self, *asked: bytes) -> Fault | None:
        """One throw: at most one fault a request."""
        request = hashlib.sha256(b"\0".join(asked)).digest()
        with self._lock:
            self._asked[request] += 1
            nth = self._asked[request]
        thrown = hashlib.sha256(f"{self._faults.seed} {nth} ".encode() + request).digest()
        number = int.from_bytes(thrown[:8], "big") / 2**64
        chances: tuple[tuple[Fault, float], ...] = (
            ("throttle", self._faults.throttle),
            ("error", self._faults.error),
            ("drop", self._faults.drop),
        )
        for fault, chance in chances:
            if number < chance:
                return fault
            number -= chance
        return None
