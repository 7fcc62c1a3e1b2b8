"""Inject faults, the same for the same seed."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass, fields
from typing import Literal, get_args

Fault = Literal["throttle", "error", "drop", "cut", "html"]
MOST_LATENCY = 60
MOST_LAG = 600


@dataclass(frozen=True)
class Faults:
    """How often requests go wrong (0..1), how long each takes, and how late what was written is read.

    `throttle` refuses with ThrottlingException, `error` answers 500, `drop` carries the request out and then cuts the
    connection, `cut` carries it out and sends half of the answer, `html` answers 200 and a page, as a proxy does that
    wants a sign-in; `latency` is in seconds, `lag` in seconds of the sandbox's clock.
    """

    throttle: float = 0.0
    error: float = 0.0
    drop: float = 0.0
    cut: float = 0.0
    html: float = 0.0
    latency: float = 0.0
    lag: float = 0.0
    seed: int = 0

    @classmethod
    def parse(cls, text: str) -> Faults:
        """Read `throttle=0.3,error=0.1,drop=0.05,cut=0.1,html=0.1,latency=0.05,lag=5,seed=7`.

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
        if not all(0 <= values.get(name, 0) <= 1 for name in get_args(Fault)):
            raise ValueError(f"{', '.join(get_args(Fault))} are between 0 and 1")
        for name, most in (("latency", MOST_LATENCY), ("lag", MOST_LAG)):
            if not 0 <= values.get(name, 0) <= most:
                raise ValueError(f"{name} is between 0 and {most} seconds")
        seed = int(values.pop("seed", 0))
        return cls(**values, seed=seed)


@dataclass(frozen=True)
class Throw:
    """What a request meets: at most one fault, and how many seconds ago what it reads was the latest.

    Half of an answer that `is_announced` is told to be whole; else its length is that of the half.
    """

    fault: Fault | None
    lag: float
    is_announced: bool = False


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
        return Throw(self._fault(number), self._faults.lag * min(1.0, 2 * late), thrown[16] % 2 == 1)

    def _fault(self, number: float) -> Fault | None:
        fault: Fault
        for fault in get_args(Fault):
            chance: float = getattr(self._faults, fault)
            if number < chance:
                return fault
            number -= chance
        return None
