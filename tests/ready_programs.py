"""Programs that start at once: forks of a process that has imported what they need, which takes seconds.

The program that is written has nothing but what it is started with: it hands its arguments, streams, environment and
folder to a fork, waits for its end, and ends alike. A test of a program's start itself, or of its end by a signal,
does without.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PROGRAM = """#!{python} -IS
import json, os, socket, sys

with socket.socket(socket.AF_UNIX) as asked:
    asked.connect({address!r})
    socket.send_fds(asked, [b"."], [0, 1, 2])
    asked.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
    asked.shutdown(socket.SHUT_WR)
    sys.exit((asked.recv(1) or bytes([70]))[0])
"""
READY = b"ready\n"


@contextmanager
def ready(module: str, environment: Mapping[str, str]) -> Iterator[Path]:
    """Start a module that calls `serve`, and wait until it does; gives the program that asks it for a fork."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's folders may be too long for the name of a socket
        address, program = Path(folder) / "socket", Path(folder) / "program"
        program.write_text(PROGRAM.format(python=sys.executable, address=str(address)), "utf-8")
        program.chmod(0o755)
        command = [sys.executable, "-W", "ignore", "-m", module, str(address)]
        with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            try:
                assert server.stdout.readline() == READY
                yield program
            finally:
                server.kill()


def serve(address: str, run: Callable[[list[str]], object]) -> None:
    """Run a function in a fork for each program that asks, with its arguments."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        sys.stdout.buffer.write(READY)
        sys.stdout.flush()
        while True:
            asked, _ = server.accept()
            with asked:
                if os.fork() == 0:
                    server.close()
                    _answer(asked, run)


def _answer(asked: socket.socket, run: Callable[[list[str]], object]) -> None:
    """Be the program that asks: with its streams, its environment, its folder; tell it how this ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(asked, 1, 3)
    arguments, folder, environment = json.loads(b"".join(iter(lambda: asked.recv(2**16), b"")))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
    code = 0
    try:
        run(arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  an interpreter's end is so, too
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # as an interpreter's end does, which waits for threads
    for output in (sys.stdout, sys.stderr):
        if not output.closed:
            output.flush()
    asked.sendall(bytes([code]))
    os._exit(code)
