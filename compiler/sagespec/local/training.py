"""Run a training on this machine with the files, drivers and variables that its container would have.

In: the compiled file of a training job. Out: its exit code and the reason of a failure. Each host is a process group
on loopback with its own `/opt/ml`-like tree. No root is needed, nothing outside the tree is written, and no process
is left behind.
"""

from __future__ import annotations

import codecs
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from sagespec import disk
from sagespec.documents.compiled import Compiled, Request, identified
from sagespec.executor import markers
from sagespec.local import host
from sagespec.local.tree import CODE, DRIVERS, SOURCE, lay_out, place
from sagespec.project.settings import Project
from sagespec.sagemaker import distributed

CHUNK_BYTES = 64 * 1024
REASON_CHARACTERS = 1024  # the service ignores the rest of a failure file
_KEPT = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TMPDIR", "USER", "VIRTUAL_ENV")

OnOutput = Callable[[str, str], None]
"""Called with a host and a chunk of its output as it is written; a chunk may end within a line."""


class CannotRun(Exception):
    """A compiled file that is not a training with a script, or whose files have changed."""


class Stopped(Exception):
    """The user has stopped the training."""


@dataclass(frozen=True)
class Options:
    """Options of a run.

    `processes` for each host replace the spec's; `channels` maps channels to local folders.
    """

    tree: Path
    project: Project
    hosts: int = 1
    processes: int | None = None
    channels: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """How a training ended: exit code, the first host that failed, and its failure file; code 0 without a host."""

    code: int
    host: str = ""
    reason: str = ""


def channels(content: Compiled) -> list[str]:
    """Return the names of a training's input channels, except those of its drivers and of uploaded code.

    Raises CannotRun.
    """
    own = {DRIVERS}
    if any(request.id.startswith(SOURCE) for request in content.requests):
        own.add(CODE)
    return [name for name in _uris(_job(content)) if name not in own]


def _uris(job: Request) -> dict[str, str]:
    """Return the S3 URIs of a job's channels by name, '' for data elsewhere."""
    channels = job.parameters.get("InputDataConfig", ())
    return {c["ChannelName"]: c["DataSource"].get("S3DataSource", {}).get("S3Uri", "") for c in channels}


def run(content: Compiled, options: Options, on_output: OnOutput, stops: Callable[[], int]) -> Ended:
    """Run a training to its end; when one host fails, the others are stopped.

    `stops` returns how often the user has asked to stop: once ends the processes, twice kills them. An OSError of
    `on_output` stops the training and is raised again. Raises CannotRun, Stopped, OSError.
    """
    job = _job(content)
    uploads = [r for r in content.requests if r.operation == "PutObject"]
    config = distributed.of_compiled(content)
    if options.hosts > 1 and config and config["type"] == "MPI":
        raise CannotRun("several hosts of MPI need SSH between them: run one host here, with more --processes")
    if config and config["type"] == "MPI" and shutil.which("mpirun") is None:
        raise CannotRun("mpirun is not on this machine: install Open MPI (Debian: openmpi-bin, Homebrew: open-mpi)")
    if options.processes and not config:
        raise CannotRun(f"{content.address} has no `distributed`: one process a host is all that it starts")
    if CODE in channels(content) and CODE not in options.channels:
        raise CannotRun(
            f"the code is {_uris(job)[CODE]}: download it, and give its folder with --channel {CODE}=FOLDER"
        )
    hosts = [f"algo-{number}" for number in range(1, options.hosts + 1)]
    try:
        trees = {host: _lay_out(host, hosts, job, uploads, options) for host in hosts}
    except markers.Unfilled as error:
        raise CannotRun(str(error)) from None
    except OSError as error:
        raise CannotRun(f"{error.filename}: {(error.strerror or str(error)).lower()}") from None
    variables = _variables(content, job, _free_port())
    running: dict[str, subprocess.Popen[bytes]] = {}
    readers: list[_Reader] = []
    try:
        for name, tree in trees.items():
            running[name] = _start(tree, variables)
            if stream := running[name].stdout:
                readers.append(_Reader(name, stream, on_output))
        failed = _watch(running, readers, stops)
    finally:
        host.end(list(running.values()), hurry=lambda: stops() > 1)
        for reader in readers:
            reader.join(host.GRACE_SECONDS)
    if stops():
        raise Stopped
    for reader in readers:
        if reader.trouble is not None:
            raise reader.trouble
    if failed is None:
        return Ended(0)
    failure = trees[failed] / "output" / "failure"
    return Ended(running[failed].returncode, failed, _reason(failure))


def _reason(failure: Path) -> str:
    """Return the failure file of a host, cut to what the service reads; '' where there is none."""
    try:
        return disk.head(failure, 4 * REASON_CHARACTERS).decode("utf-8", "replace")[:REASON_CHARACTERS]
    except OSError:
        return ""


def _job(content: Compiled) -> Request:
    job = next((r for r in content.requests if r.operation == "CreateTrainingJob"), None)
    if job is None or not any(r.id.startswith("drivers/") for r in content.requests):
        raise CannotRun(f"{content.address} is not a training with source_code: there is nothing to run here")
    return replace(job, parameters=identified(job.parameters, content.identity))


def _lay_out(host: str, hosts: list[str], job: Request, uploads: list[Request], options: Options) -> Path:
    """Create the tree of one host, with its files."""
    laid_out, closed = lay_out(options.tree, host, hosts, job, options.channels)
    place(laid_out, closed, uploads, options.project, options.processes)
    return laid_out


def _variables(content: Compiled, job: Request, port: int) -> dict[str, str]:
    """Return the environment variables of the container; Python and the first host's address are this machine's."""
    here = {name: os.environ[name] for name in _KEPT if name in os.environ}
    given = {name: str(value) for name, value in job.parameters.get("Environment", {}).items()}
    return {
        **here,
        "AWS_REGION": content.region,
        "TRAINING_JOB_NAME": job.parameters["TrainingJobName"],
        **given,
        "SM_PYTHON": os.environ.get("SM_PYTHON", sys.executable),
        "SM_MASTER_ADDR": "127.0.0.1",
        "SM_MASTER_PORT": str(port),
        "PYTHONUNBUFFERED": "1",
    }


def _start(tree: Path, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start one host like its container, with a folder for pip packages outside of the tree that it sees."""
    own = {"SM_ROOT": str(tree), "SM_PIP_TARGET": str(tree.parents[1] / "site-packages")}
    bash = shutil.which("bash") or "/bin/bash"
    entry = tree / "input" / "data" / DRIVERS / "sm_train.sh"
    return host.start([bash, "-c", 'chmod +x "$0" && "$0"', str(entry)], tree, {**variables, **own})


class _Reader(threading.Thread):
    """Passes on the output of a host.

    After an error it keeps reading, so that the host is not blocked by a full pipe.
    """

    def __init__(self, host: str, stream: IO[bytes], on_output: OnOutput) -> None:
        super().__init__(daemon=True)
        self.trouble: OSError | None = None
        self._host, self._stream, self._on_output = host, stream, on_output
        self.start()

    def run(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with self._stream as stream:
            while chunk := os.read(stream.fileno(), CHUNK_BYTES):
                text = decoder.decode(chunk)
                try:
                    if text and self.trouble is None:
                        self._on_output(self._host, text)
                except OSError as error:
                    self.trouble = error


def _watch(
    running: Mapping[str, subprocess.Popen[bytes]], readers: list[_Reader], stops: Callable[[], int]
) -> str | None:
    """Wait until all hosts have ended or one has failed, and return that one.

    None also on a stop or a reader's error.
    """
    while not stops() and not any(reader.trouble for reader in readers):
        codes = {host: process.poll() for host, process in running.items()}
        failed = next((host for host, code in codes.items() if code), None)
        if failed is not None or all(code == 0 for code in codes.values()):
            return failed
        time.sleep(host.POLL_SECONDS)
    return None


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
