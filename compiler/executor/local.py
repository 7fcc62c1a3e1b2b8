"""A training on this machine: the same files, drivers and variables as in the container, in a tree of its own.

In: the compiled file of a training job. Out: its exit code, and why it failed. Each host is a process group on
loopback with its own `/opt/ml`-like tree; no root is needed, and nothing outside the tree is written.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from compiler.compiled import Compiled, Request
from compiler.executor import markers

DRIVERS = "sm_drivers"
GRACE_SECONDS = 10.0
_KEPT = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TMPDIR", "USER", "VIRTUAL_ENV")

OnLine = Callable[[str, str], None]
"""Called with a host and a line that it has written."""


class CannotRun(Exception):
    """A compiled file that is no training with a script, or files that have changed."""


@dataclass(frozen=True)
class Options:
    """How to run: `processes` a host instead of the spec's, `channels` local folders by channel."""

    tree: Path
    root: Path
    hosts: int = 1
    processes: int | None = None
    channels: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """How it ended: the exit code of the first host that failed, and the failure that it has written."""

    code: int
    host: str = ""
    reason: str = ""


def run(content: Compiled, options: Options, on_line: OnLine) -> Ended:
    """Run a training to its end; when one host fails, the others are stopped.

    Raises CannotRun.
    """
    job = next((r for r in content.requests if r.operation == "CreateTrainingJob"), None)
    uploads = [r for r in content.requests if r.operation == "PutObject"]
    if job is None or not any(r.id.startswith("drivers/") for r in uploads):
        raise CannotRun(f"{content.address} is not a training with source_code: there is nothing to run here")
    if options.hosts > 1 and _is_mpi(uploads, options):
        raise CannotRun("several hosts of MPI need SSH between them: run one host here, with more --processes")
    hosts = [f"algo-{number}" for number in range(1, options.hosts + 1)]
    try:
        trees = {host: _lay_out(host, hosts, job, uploads, options) for host in hosts}
    except markers.Unfilled as error:
        raise CannotRun(str(error)) from None
    port = _free_port()
    running = {host: _start(tree, job, port, options) for host, tree in trees.items()}
    readers = [
        threading.Thread(target=_read, args=(host, process.stdout, on_line), daemon=True)
        for host, process in running.items()
    ]
    for reader in readers:
        reader.start()
    try:
        failed = _watch(running)
    finally:
        _end(running)
        for reader in readers:
            reader.join(timeout=5)
    if failed is None:
        return Ended(0)
    failure = trees[failed] / "output" / "failure"
    reason = failure.read_text("utf-8") if failure.is_file() else ""
    return Ended(running[failed].returncode, failed, reason)


def _is_mpi(uploads: list[Request], options: Options) -> bool:
    config: Any = next((r.parameters["Body"] for r in uploads if r.id == "drivers/distributed.json"), {"$json": {}})
    return bool(json.loads(markers.fill(config, {}, options.root)).get("type") == "MPI")


def _lay_out(host: str, hosts: list[str], job: Request, uploads: list[Request], options: Options) -> Path:
    """Make one host's tree, as the service lays it out: configuration, channels, code and drivers."""
    tree = options.tree / host / "opt" / "ml"
    config = tree / "input" / "config"
    for folder in (config, tree / "model", tree / "output" / "data"):
        folder.mkdir(parents=True)
    parameters = job.parameters
    channels = parameters.get("InputDataConfig", [])
    resource = {
        "current_host": host,
        "current_instance_type": parameters["ResourceConfig"]["InstanceType"],
        "hosts": hosts,
        "network_interface_name": "lo",
    }
    _write_json(config / "resourceconfig.json", resource)
    _write_json(config / "hyperparameters.json", parameters.get("HyperParameters", {}))
    names = {c["ChannelName"]: {"TrainingInputMode": c.get("InputMode", "File")} for c in channels}
    _write_json(config / "inputdataconfig.json", names)
    for channel in channels:
        name, place = channel["ChannelName"], tree / "input" / "data" / channel["ChannelName"]
        place.parent.mkdir(parents=True, exist_ok=True)
        if name in options.channels:
            place.symlink_to(options.channels[name].absolute())
        else:
            place.mkdir()
    for request in uploads:
        label, _, name = request.id.partition("/")
        body = markers.fill(request.parameters["Body"], {}, options.root)
        content = body.encode() if isinstance(body, str) else body
        if name == "distributed.json" and label == "drivers" and options.processes:
            content = json.dumps({**json.loads(content), "process_count_per_node": options.processes}).encode()
        file = tree / "input" / "data" / (DRIVERS if label == "drivers" else "code") / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tree


def _write_json(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content), "utf-8")


def _start(tree: Path, job: Request, port: int, options: Options) -> subprocess.Popen[bytes]:
    """Start one host as the container would be started, in a process group of its own."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {name: str(value) for name, value in job.parameters.get("Environment", {}).items()}
    environment |= {
        "SM_PYTHON": os.environ.get("SM_PYTHON", sys.executable),
        "SM_ROOT": str(tree),
        "SM_PIP_TARGET": str(options.tree / "site-packages"),
        "SM_MASTER_ADDR": "127.0.0.1",
        "SM_MASTER_PORT": str(port),
        "PYTHONUNBUFFERED": "1",
    }
    bash = shutil.which("bash") or "/bin/bash"
    entry = tree / "input" / "data" / DRIVERS / "sm_train.sh"
    return subprocess.Popen(
        [bash, "-c", 'chmod +x "$0" && "$0"', str(entry)],
        env=environment,
        cwd=tree,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _read(host: str, stream: BinaryIO, on_line: OnLine) -> None:
    with stream:
        for line in iter(stream.readline, b""):
            on_line(host, line.decode("utf-8", "replace").rstrip("\n"))


def _watch(running: Mapping[str, subprocess.Popen[bytes]]) -> str | None:
    """Wait until all hosts are done, or one has failed: give that one."""
    while True:
        codes = {host: process.poll() for host, process in running.items()}
        failed = next((host for host, code in codes.items() if code), None)
        if failed is not None or all(code == 0 for code in codes.values()):
            return failed
        time.sleep(0.05)


def _end(running: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """Stop what still runs: first asking, then not."""
    for number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
        alive = list(_alive(running))
        for process in alive:
            os.killpg(process.pid, number)
        deadline = time.monotonic() + seconds
        for process in alive:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue


def _alive(running: Mapping[str, subprocess.Popen[bytes]]) -> Iterator[subprocess.Popen[bytes]]:
    return (process for process in running.values() if process.poll() is None)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
