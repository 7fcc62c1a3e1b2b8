"""Limit every HTTP answer in time and size.

A socket's timeout covers one read only: an answer that arrives byte by byte would never end, and one that never stops
would fill the memory. In: connection pools. Out: the same with answers that end or raise Endless.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

SECONDS = 60.0
"""The longest wait for the rest of an answer after its first bytes; botocore waits as long for the first."""
BYTES_PER_SECOND = 16 * 1024
"""The minimum rate of larger answers: slow, but enough for an upload of code."""
ANSWER_BYTES = 32 * 1024**2
"""The largest answer that is read as a whole; AWS's stay below 10 MB. Objects of S3 are read in chunks."""
_reading = threading.local()


class Endless(CancelledError):
    """An answer that takes too long or is too large; botocore does not retry what is cancelled."""


@contextmanager
def at_once() -> Iterator[None]:
    """Limit the size of the answers that this thread reads; streams are read later, without this limit."""
    _reading.most = ANSWER_BYTES
    try:
        yield
    finally:
        _reading.most = None


def limited(pools: Mapping[str, Any]) -> dict[str, Any]:
    """Return connection pools by scheme, whose answers are limited."""
    return {scheme: _pool(pool) for scheme, pool in pools.items()}


def _pool(pool: Any) -> Any:
    class Connection(pool.ConnectionCls):  # type: ignore[misc]  # of urllib3, by way of botocore
        sock: Any

        def connect(self) -> None:
            super().connect()
            self.sock = _Socket(self.sock)

        def _tunnel(self) -> None:
            """Open a tunnel through a proxy, whose answer is limited, too."""
            plain = self.sock
            self.sock = limited = _Socket(plain)
            super()._tunnel()
            if self.sock is limited:
                self.sock = plain

    class Pool(pool):  # type: ignore[misc]
        ConnectionCls = Connection

    return Pool


class _Socket:
    """A connected socket; http.client reads each answer from a file object of its own."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def makefile(self, mode: str, buffering: int = io.DEFAULT_BUFFER_SIZE) -> Any:
        answer = _Answer(self._socket, self._socket.makefile(mode, 0))
        return io.BufferedReader(answer, buffering) if buffering else answer


class _Answer(io.RawIOBase):
    """The bytes of one answer. Only time spent waiting counts, not the time between two reads."""

    def __init__(self, socket: Any, stream: Any) -> None:
        self._socket, self._stream = socket, stream
        self._size, self._waited = 0, 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        usual = self._socket.gettimeout()
        left = SECONDS + self._size / BYTES_PER_SECOND - self._waited
        if self._size and left <= 0:
            raise self._cut()
        begun = time.monotonic()
        if self._size and (usual is None or left < usual):
            self._socket.settimeout(left)
        try:
            size: int = self._stream.readinto(buffer)
        except TimeoutError:
            if self._size and left < (usual or left + 1):
                raise self._cut() from None
            raise
        finally:
            self._waited += time.monotonic() - begun if self._size else 0.0
            self._socket.settimeout(usual)
        self._size += size
        most = getattr(_reading, "most", None)
        if most is not None and self._size > most:
            raise Endless(f"it has more than {most:,} bytes")
        return size

    def _cut(self) -> Endless:
        return Endless(f"it arrives too slowly or has stopped: {self._size:,} bytes received")

    def close(self) -> None:
        self._stream.close()
        super().close()
