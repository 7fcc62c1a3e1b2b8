"""Ctrl-C where a command waits for AWS, and where it has done its work: it ends the process, at once and quietly."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sagespec import cli
from sagespec.cli import exits
from sagespec.cli.program import COMMANDS

from tests import forks
from tests.conftest import LOCK, ROOT
from tests.loopback import Silent, serving

CALLER = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/me</Arn><UserId>me</UserId><Account>123456789012</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "compiler")}
ENDS = "import atexit, signal\natexit.register(signal.raise_signal, signal.SIGINT)\n"


@pytest.fixture
def asked() -> Iterator[tuple[threading.Event, dict[str, str]]]:
    """An endpoint that says who calls, and answers nothing else: an event of another question, and its variables."""
    came, ended = threading.Event(), threading.Event()

    class Handler(Silent):
        def answer(self) -> None:
            if b"GetCallerIdentity" not in self.rfile.read(int(self.headers.get("Content-Length") or 0)):
                came.set()
                ended.wait()
            self.send_response(200)
            self.send_header("Content-Length", str(len(CALLER)))
            self.end_headers()
            self.wfile.write(CALLER)

        do_GET = do_HEAD = do_POST = answer

    with serving(Handler) as url:
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-west-2"}
        yield came, {**os.environ, **keys, "AWS_ENDPOINT_URL": url}
        ended.set()


@pytest.mark.parametrize("command", ["lock --upgrade", "plan", "apply --yes -o json"])
def test_answers_of_aws_are_not_waited_for(
    command: str, asked: tuple[threading.Event, dict[str, str]], tmp_path: Path
) -> None:
    came, environment = asked
    project = tmp_path / "p"
    shutil.copytree(ROOT / "specs", project / "specs")
    shutil.copy(ROOT / "sagespec.yaml", project)
    shutil.copy(LOCK, project)
    forks.finish(["compile"], environment, project)
    fork = forks.start(command.split(), environment, project, tmp_path / "said.txt", speed=1)
    assert came.wait(60)
    os.kill(fork.process.pid, signal.SIGINT)
    code, said = fork.end(30)
    assert code == exits.INTERRUPTED
    assert said.endswith("interrupted\n")
    assert "Traceback" not in said


def test_an_interrupt_ends_the_language_server() -> None:
    """It serves in asyncio, whose own handler would wait for the thread that reads what an editor sends."""
    content: dict[str, Any] = {"processId": None, "rootUri": None, "capabilities": {}}
    asked = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": content}).encode()
    command, pipe = [sys.executable, "-m", "sagespec", "lsp"], subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdin=pipe, stdout=pipe, stderr=pipe) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stderr is not None
        server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(asked), asked))
        server.stdin.flush()
        assert server.stdout.readline()
        server.send_signal(signal.SIGINT)
        try:
            assert server.wait(60) == exits.INTERRUPTED
        finally:
            server.kill()
        assert server.stderr.read() == b""


def test_an_interrupt_while_python_ends(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(ENDS, "utf-8")
    path = os.pathsep.join((str(tmp_path), str(ROOT / "compiler")))
    command = [sys.executable, "-m", "sagespec", "--version"]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (exits.INTERRUPTED, "")


def test_no_command_replaces_a_function_of_its_package() -> None:
    """A module that is imported becomes a name of its package: `run` as a function would be gone after `run`."""
    functions = {name for name, value in vars(cli).items() if inspect.isfunction(value)}
    assert not functions & COMMANDS.keys()
