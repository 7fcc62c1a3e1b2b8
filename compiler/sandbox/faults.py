"""Misbehaviour on purpose, the same again for the same seed."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass, fields
from typing import Literal

Fault = Literal["throttle", "error", "drop"]
MOST_LATENCY = 60
MOST_LAG = 600


@dataclass(frozen=True)
class Faults:
    """How often requests go wrong (0..1), how long each takes, and how late what was written is read.

    `throttle` refuses with ThrottlingException, `error` answers 500, `drop` carries the request out and then cuts the
    connection; `latency` is in seconds, `lag` in seconds of the sandbox's clock.
    """

    throttle: float = 0.0
    error: float = 0.0
    drop: float = 0.0
    latency: float = 0.0
    lag: float = 0.0
    seed: int = 0

    @classmethod
    def parse(cls, text: str) -> Faults:
        """Read `throttle=0.3,error=0.1,drop=0.05,latency=0.05,lag=5,seed=7`.

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
        for name, most in (("latency", MOST_LATENCY), ("lag", MOST_LAG)):
            if not 0 <= values.get(name, 0) <= most:
                raise ValueError(f"{name} is between 0 and {most} seconds")
        seed = int(values.pop("seed", 0))
        return cls(**values, seed=seed)


@dataclass(frozen=True)
class Throw:
    """What a request meets: at most one fault, and how many seconds ago what it reads was the latest."""

    fault: Fault | None
    lag: float


class Dice:
    """Throws for each request what it meets: by the seed, what it asks, and how often that was asked before.

    So the order in which requests of several threads arrive decides nothing.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._asked: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def throw(self, *asked: bytes) -> Throw:
        """Throw for one request.

        Half of all reads are as late as reads can be, the others less, evenly: so two looks at the same thing may
        show it and then not show it, as they do where a service answers from several copies.
        """
        request = hashlib.sha256(b"\0".join(asked)).digest()
        with self._lock:
            self._asked[request] += 1
            nth = self._asked[request]
        thrown = hashlib.sha256(f"{self._faults.seed} {nth} ".encode() + request).digest()
        number, late = (int.from_bytes(thrown[i : i + 8], "big") / 2**64 for i in (0, 8))
        return Throw(self._fault(number), self._faults.lag * min(1.0, 2 * late))

    def _fault(self, number: float) -> Fault | None:
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
