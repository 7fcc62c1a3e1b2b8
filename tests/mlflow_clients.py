"""Clients of MLflow that start at once: forks of a process that has imported MLflow, which takes seconds.

`metrics.CLIENT` is the program that a command starts for each question. The one written here has nothing but what it
is started with: it hands its streams and environment to a fork, which runs the product's own client with them.
A test of the client's start itself, or of its end, does without.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sagespec.executor import metrics

CLIENT = metrics.CLIENT
HIDDEN = ("pandas", "pyarrow", "scipy")
"""Libraries that the extra does not install: MLflow as a whole is here for its server alone, and imports them."""
IMPORTED = ("boto3", "mlflow.store.tracking.rest_store", "sagemaker_mlflow.mlflow_sagemaker_store")
PROGRAM = """import json, os, socket, sys

with socket.socket(socket.AF_UNIX) as asked:
    asked.connect({address!r})
    socket.send_fds(asked, [b"."], [0, 1, 2])
    asked.sendall(json.dumps(dict(os.environ)).encode())
    asked.shutdown(socket.SHUT_WR)
    sys.exit(0 if asked.recv(1) else 1)
"""


@contextmanager
def ready() -> Iterator[Path]:
    """Start a process that has imported MLflow; the program that takes the place of the client."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's folders may be too long for the name of a socket
        yield from _ready(Path(folder))


def _ready(folder: Path) -> Iterator[Path]:
    address, program, hidden = folder / "socket", folder / "client.py", hide(folder)
    program.write_text(PROGRAM.format(address=str(address)), "utf-8")
    paths = [str(hidden), *(path for path in sys.path if path)]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(paths),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = [sys.executable, "-W", "ignore", "-m", __name__, str(address)]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            assert server.stdout.readline() == b"ready\n"
            yield program
        finally:
            server.kill()


def hide(folder: Path) -> Path:
    """Write a folder that, first on the path, hides what the extra does not install."""
    hidden = folder / "hidden"
    hidden.mkdir()
    for name in HIDDEN:
        (hidden / f"{name}.py").write_text(f"raise ModuleNotFoundError('No module named {name}', name={name!r})\n")
    return hidden


def _serve(address: str) -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            asked, _ = server.accept()
            with asked:
                if os.fork() == 0:
                    server.close()
                    _answer(asked)


def _answer(asked: socket.socket) -> None:
    """Run the client in this fork, with the streams and the environment of who asks; its end tells how it went."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(asked, 1, 3)
    given = b"".join(iter(lambda: asked.recv(2**16), b""))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(json.loads(given))
    sys.stdin = os.fdopen(os.dup(0), encoding="utf-8")
    try:
        runpy.run_path(str(CLIENT), run_name="__main__")
    except BaseException:  # noqa: BLE001  an interpreter's end is so, too
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    sys.stderr.flush()
    asked.sendall(b".")
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
