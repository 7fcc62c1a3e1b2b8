"""One host of a local run: a command, and the certainty that nothing it has started outlives it.

In: a command as arguments, and on stdin a leash: a byte asks it to end, the end of the stream leaves it no patience,
so that even a `sagespec run` that is killed leaves nothing behind. Out: the command's exit code, and nothing of what
it has started runs any more. Needs Linux to find what has left its group, or lost its parent; elsewhere the group
itself is ended. Runs as a program, by its path, and so needs nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

POLL_SECONDS = 0.05
GRACE_SECONDS = 10.0
_PR_SET_CHILD_SUBREAPER = 36


def start(command: Sequence[str], cwd: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a command on a leash: its stdin; what it writes, on either stream, is its stdout.

    Variables are UTF-8 there as they are in a container, whatever this machine's locale is.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, *command],
        env={name: value.encode("utf-8", "surrogateescape") for name, value in environment.items()},
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def end(hosts: Sequence[subprocess.Popen[bytes]], hurry: Callable[[], bool]) -> None:
    """Ask all to end, and wait until they have; patience ends with a hurry."""
    for host in hosts:
        with contextlib.suppress(OSError):  # it has ended
            if host.stdin:
                os.write(host.stdin.fileno(), b".")
    while any(host.poll() is None for host in hosts) and not hurry():
        time.sleep(POLL_SECONDS)
    for host in hosts:
        if host.stdin:
            host.stdin.close()
    for host in hosts:
        host.wait()


class _Leash:
    """Our end of it."""

    def __init__(self, stream: int) -> None:
        self._stream = stream
        self._asked = self._gone = False

    def pull(self, _number: int, _frame: Any) -> None:
        """Ask from this end, with a signal."""
        self._asked = True

    def asked(self) -> bool:
        """Whether this is to end."""
        while not self._gone and select.select([self._stream], [], [], 0)[0]:
            self._asked, self._gone = True, not os.read(self._stream, 1)
        return self._asked

    def gone(self) -> bool:
        """Whether nobody has patience any more."""
        return self.asked() and self._gone


class _Entry(NamedTuple):
    pid: int
    parent: int
    group: int


def main(command: Sequence[str]) -> int:
    """Run a command to its end, or until it is asked to; give its exit code."""
    if sys.platform == "linux":
        # whoever loses its parent becomes our child, and not that of init, where we could not find it
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    leash = _Leash(sys.stdin.fileno())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, leash.pull)
    leader = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    while leader.poll() is None and not leash.asked():
        time.sleep(POLL_SECONDS)
    _end(leader, leash.gone)
    code = leader.wait()
    return 128 - code if code < 0 else code


def _end(leader: subprocess.Popen[bytes], hurry: Callable[[], bool]) -> None:
    """End all: the group is asked first while its leader runs, and has some time; then nobody is asked."""
    if leader.poll() is None:
        _send(os.killpg, leader.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while _runs(leader) and time.monotonic() < deadline and not hurry():
            time.sleep(POLL_SECONDS)
        if leader.poll() is None:
            _send(os.killpg, leader.pid, signal.SIGKILL)
    deadline = time.monotonic() + GRACE_SECONDS
    while (left := _family()) and time.monotonic() < deadline:  # one may start another while it is ended
        for entry in left:
            _send(os.kill, entry.pid, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def _runs(leader: subprocess.Popen[bytes]) -> bool:
    """Whether anything is left of a group: a leader may end before those that it leads."""
    return leader.poll() is None or any(entry.group == leader.pid for entry in _family())


def _send(how: Callable[[int, int], None], target: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended; or is not ours any more
        how(target, number)


def _family() -> list[_Entry]:
    """The processes that descend from this one."""
    children: dict[int, list[_Entry]] = {}
    for entry in _alive():
        children.setdefault(entry.parent, []).append(entry)
    family = children.get(os.getpid(), [])
    for entry in family:  # grows while it is read
        family += children.get(entry.pid, [])
    return family


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


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
