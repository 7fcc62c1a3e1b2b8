"""Processes of the command line that start at once: forks of one that has imported all that a command needs.

A test of what becomes of a process that is killed needs many of them, and importing boto3 and the models of AWS's
services would be most of its time. What is forked has not begun anything: it has its own arguments, environment,
folder and output, is a process of its own, and dies of signals as any other.
"""

from __future__ import annotations

import functools
import gc
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from multiprocessing import connection, forkserver
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.retries.standard import ExponentialBackoff
from sagespec import cli
from sagespec.cli import apply  # noqa: F401  with all that it imports
from sagespec.executor import pauses

from tests import models
from tests.clocks import ClockOfSandbox, SharedClock

ROOT = Path(__file__).parent.parent
SERVICES = ("ecr", "iam", "lambda", "logs", "s3", "sagemaker", "sts")
_FORKING = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Fork:
    """A running command, and the file that has what it says."""

    process: Any
    output: Path

    def kill(self) -> None:
        """Kill it with SIGKILL, and wait until it is gone; any thread may."""
        self.process.kill()
        connection.wait([self.process.sentinel])

    def end(self, seconds: float = 300) -> tuple[int, str]:
        """Wait for its end: its exit code (that of a signal is negative) and what it said.

        One that hangs is ended, and fails the test.
        """
        hangs = not connection.wait([self.process.sentinel], seconds)
        if hangs:
            self.kill()
        self.process.join()
        said = self.output.read_text("utf-8", "replace")
        if hangs:
            pytest.fail(f"it hangs:\n{said[-5000:]}")
        return self.process.exitcode, said


def start(
    arguments: list[str],
    environment: Mapping[str, str],
    folder: Path,
    output: Path,
    speed: float,
    clock: Path | None = None,
) -> Fork:
    """Start a command, whose patience is `speed` times as short as a user's; it puts a shared `clock` forward."""
    _ensure_running()
    process = _FORKING.Process(target=_main, args=(arguments, dict(environment), folder, output, speed, clock))
    process.start()
    return Fork(process, output)


def finish(arguments: list[str], environment: Mapping[str, str], folder: Path) -> str:
    """Run a command to its end, which must be a good one; what it said."""
    with tempfile.TemporaryDirectory() as place:
        code, said = start(arguments, environment, folder, Path(place) / "said.txt", speed=1).end()
    assert code == 0, said
    return said


@functools.cache
def _ensure_running() -> None:
    """Start the process that the others are forks of; it finds this module wherever the tests are started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT / "compiler"), str(ROOT))))
        patch.chdir(ROOT)
        _FORKING.set_forkserver_preload([f"{__name__}_ready"])
        forkserver.ensure_running()


def prepare() -> None:
    """Compile and apply the examples: a fork has all that commands keep of the package and of AWS's models."""
    models.share(setattr)
    session = boto3.Session("none", "none", region_name="us-west-2")
    for service in SERVICES:
        session.client(service)
    with (
        tempfile.TemporaryDirectory() as folder,
        redirect_stdout(StringIO()),
        redirect_stderr(StringIO()),
        pytest.MonkeyPatch.context() as patch,
    ):
        shutil.copytree(ROOT / "specs", Path(folder) / "specs")
        shutil.copy(ROOT / "tests" / "account" / "sagespec.lock.json", folder)
        patch.chdir(folder)
        for arguments in (["compile"], ["apply", "--yes", "--sandbox"]):
            patch.setattr("sys.argv", ["sagespec", *arguments])
            assert cli.invoke() == 0, arguments
    gc.collect()
    gc.freeze()


def _main(
    arguments: list[str],
    environment: dict[str, str],
    folder: Path,
    output: Path,
    speed: float,
    clock: Path | None,
) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    with output.open("wb") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    pauses.SPEED = speed
    if clock is not None:
        pauses.CLOCK = ClockOfSandbox(SharedClock(clock))
    scales = {"throttling_base_scale": 0.001, "non_throttling_base_scale": 0.001}
    ExponentialBackoff._DEFAULT_BACKOFF_CONFIG = scales
    sys.argv = ["sagespec", *arguments]
    cli.main()
