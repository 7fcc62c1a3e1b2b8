"""Ask AWS several questions at once.

In: a question, and what it is asked about. Out: the answers in that order. An interrupt does not wait for answers: a
connection may hang for minutes. Whoever sends what must not be cut off waits by itself, as `apply` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")


def ask(question: Callable[[K], T], about: Iterable[K], threads: int = 8) -> list[T]:
    """Ask one question about many things; raises what the first that fails does."""
    with pool(threads) as opened:
        return list(opened.map(question, about))


@contextmanager
def pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Open threads for a block; whatever ends it, what has not begun is not asked any more."""
    opened, is_wanted = ThreadPoolExecutor(threads), True
    try:
        yield opened
        opened.shutdown()
    except KeyboardInterrupt:
        is_wanted = False
        raise
    finally:
        opened.shutdown(wait=is_wanted, cancel_futures=True)
