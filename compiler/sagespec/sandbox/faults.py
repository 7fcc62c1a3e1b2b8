"""Inject faults that depend only on a seed."""

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
    """The probabilities of faults (0 to 1), the duration of requests, and the delay of reads.

    `throttle` refuses with ThrottlingException, `error` answers 500, `drop` carries the request out and closes the
    connection, `cut` carries it out and sends half of the answer, `html` answers 200 with a page, like a proxy that
    wants a sign-in. `latency` is in seconds, `lag` in seconds of the sandbox's clock.
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
        """Parse `throttle=0.3,error=0.1,drop=0.05,cut=0.1,html=0.1,latency=0.05,lag=5,seed=7`.

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
    """What happens to a request: at most one fault, and by how many seconds its reads are late.

    If `is_announced`, half an answer has the length of the whole in its header; else its own length.
    """

    fault: Fault | None
    lag: float
    is_announced: bool = False


class Dice:
    """Decides what happens to each request, by the seed, its content, and the number of earlier equal requests.

    So the order of requests of several threads has no influence.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._asked: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def throw(self, *asked: bytes) -> Throw:
        """Decide for one request.

        Half of all reads have the full delay, the others a uniformly distributed part of it: two reads may show
        something and then not show it, like those of a service with several copies.
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
