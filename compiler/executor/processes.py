"""Everything that this process has started, and what that has started in turn: found, and ended for certain.

In: process groups that were started after `Family()`. Out: nothing of them runs any more. Needs Linux to find what
has left its group, or lost its parent; elsewhere the groups themselves are ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

POLL_SECONDS = 0.05
_PR_SET_CHILD_SUBREAPER = 36


class _Entry(NamedTuple):
    pid: int
    parent: int
    group: int


class Family:
    """The processes that descend from this one, but for those that it had before."""

    def __init__(self) -> None:
        if sys.platform == "linux":
            # whoever loses its parent becomes our child, and not that of init, where we could not find it
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._before = {entry.pid for entry in _alive() if entry.parent == os.getpid()}

    def members(self) -> list[_Entry]:
        """Those that run now."""
        children: dict[int, list[_Entry]] = {}
        for entry in _alive():
            children.setdefault(entry.parent, []).append(entry)
        found = [entry for entry in children.get(os.getpid(), []) if entry.pid not in self._before]
        for entry in found:  # grows while it is read
            found += children.get(entry.pid, [])
        return found

    def end(self, leaders: Sequence[subprocess.Popen[bytes]], seconds: float, hurry: Callable[[], bool]) -> None:
        """End all: groups whose leader still runs are asked first, and have so many seconds; then nobody is asked."""
        asked = {leader.pid for leader in leaders if leader.poll() is None}
        for group in asked:
            _send(os.killpg, group, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while self._runs(leaders, asked) and time.monotonic() < deadline and not hurry():
            time.sleep(POLL_SECONDS)
        for leader in leaders:
            if leader.poll() is None:
                _send(os.killpg, leader.pid, signal.SIGKILL)
        deadline = time.monotonic() + seconds
        while (left := self.members()) and time.monotonic() < deadline:  # one may start another while it is ended
            for entry in left:
                _send(os.kill, entry.pid, signal.SIGKILL)
            time.sleep(POLL_SECONDS)
        for leader in leaders:
            leader.wait()

    def _runs(self, leaders: Sequence[subprocess.Popen[bytes]], groups: set[int]) -> bool:
        """Whether anything is left of some groups: a leader may end before those that it leads."""
        alive = any(leader.pid in groups and leader.poll() is None for leader in leaders)
        return alive or any(entry.group in groups for entry in self.members())


def _send(how: Callable[[int, int], None], target: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended; or is not ours any more
        how(target, number)


def _alive() -> Iterator[_Entry]:
    """The processes of this machine; zombies have ended."""
    proc = Path("/proc")
    for entry in proc.iterdir() if proc.is_dir() else ():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
            if fields[0] not in "ZX":
                yield _Entry(int(entry.name), int(fields[1]), int(fields[2]))
