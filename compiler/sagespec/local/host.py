"""Run the command of one host, and end every process that it has started.

In: a command as arguments; stdin controls it: a byte asks the command to end, the end of the stream ends it at once,
so a `sagespec run` that is killed leaves no process behind. Out: the command's exit code. On Linux, processes that
have left the group or lost their parent are found and ended too; elsewhere only the process group is. This file runs
as a program, by its path, so it imports the standard library only.
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
    """Start a command whose stdin controls it and whose stdout carries both of its streams.

    Variables are encoded as UTF-8, as they are in a container, not in this machine's locale.
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
    """Ask all hosts to end and wait for them; as soon as `hurry` returns true they are killed."""
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


class _Control:
    """The reading end of the stream that controls a host."""

    def __init__(self, stream: int) -> None:
        self._stream = stream
        self._asked = self._gone = False

    def pull(self, _number: int, _frame: Any) -> None:
        """Handle a signal as a request to end."""
        self._asked = True

    def asked(self) -> bool:
        """Return whether an end was asked for."""
        while not self._gone and select.select([self._stream], [], [], 0)[0]:
            self._asked, self._gone = True, not os.read(self._stream, 1)
        return self._asked

    def gone(self) -> bool:
        """Return whether the command has to end at once."""
        return self.asked() and self._gone


class _Entry(NamedTuple):
    pid: int
    parent: int
    group: int


def main(command: Sequence[str]) -> int:
    """Run a command until it ends or is asked to; return its exit code, or 128 + the signal that killed it."""
    if sys.platform == "linux":
        # orphans become children of this process instead of init's, so that _family finds them
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    control = _Control(sys.stdin.fileno())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, control.pull)
    leader = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    while leader.poll() is None and not control.asked():
        time.sleep(POLL_SECONDS)
    _end(leader, control.gone)
    code = leader.wait()
    return 128 - code if code < 0 else code


def _end(leader: subprocess.Popen[bytes], hurry: Callable[[], bool]) -> None:
    """Send SIGTERM to the group while its leader runs, wait up to GRACE_SECONDS, then kill what is left."""
    if leader.poll() is None:
        _send(os.killpg, leader.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while _runs(leader) and time.monotonic() < deadline and not hurry():
            time.sleep(POLL_SECONDS)
        if leader.poll() is None:
            _send(os.killpg, leader.pid, signal.SIGKILL)
    deadline = time.monotonic() + GRACE_SECONDS
    while (left := _family()) and time.monotonic() < deadline:  # a process may start another one meanwhile
        for entry in left:
            _send(os.kill, entry.pid, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def _runs(leader: subprocess.Popen[bytes]) -> bool:
    """Return whether a process of the group runs: the leader may end before the others."""
    return leader.poll() is None or any(entry.group == leader.pid for entry in _family())


def _send(how: Callable[[int, int], None], target: int, number: int) -> None:
    with contextlib.suppress(
        ProcessLookupError, PermissionError
    ):  # it has ended, or its number belongs to another user now
        how(target, number)


def _family() -> list[_Entry]:
    """Return the descendants of this process."""
    children: dict[int, list[_Entry]] = {}
    for entry in _alive():
        children.setdefault(entry.parent, []).append(entry)
    family = children.get(os.getpid(), [])
    for entry in family:  # grows while it is read
        family += children.get(entry.pid, [])
    return family


def _alive() -> Iterator[_Entry]:
    """Return the processes of this machine, without zombies."""
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
