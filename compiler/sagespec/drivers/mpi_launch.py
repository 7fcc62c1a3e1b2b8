"""mpirun: one command on the first host, for all processes of all hosts; the others lend their machines.

In: the distributed config and the SM_* variables. Out: a command; and the waiting that it takes on both sides.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from importlib import util
from pathlib import Path
from typing import Any, Dict, List

from . import mpi_rank, process, script
from .torch_launch import processes

DAEMONS = ("orted", "prted")
"""What mpirun starts on the other hosts: of Open MPI up to 4, and of 5."""
SSH_PORT = 22
SSH_SERVER = "/usr/sbin/sshd"
PATIENCE_SECONDS = 300
POLL_SECONDS = 0.2


def lacking(environment: Dict[str, str]) -> str:
    """Say, in a sentence, what this host needs and has not got; nothing where all is there."""
    path = environment.get("PATH")
    if environment["SM_CURRENT_HOST_RANK"] == "0":
        needed, image = ["mpirun"], "MPI needs an image with Open MPI, such as those of AWS for training"
    else:
        needed, image = ["ssh-keygen", SSH_SERVER], "MPI on several hosts needs an image with an SSH server"
    return next(("%s is not here: %s" % (name, image) for name in needed if not shutil.which(name, path=path)), "")


def command(
    distributed: Dict[str, Any],
    environment: Dict[str, str],
    drivers: Path,
    name: str,
    arguments: List[str],
) -> List[str]:
    """Build the command of the first host: `-np` counts the processes of all hosts."""
    hosts = json.loads(environment["SM_HOSTS"])
    each = processes(distributed, environment)
    alone = len(hosts) == 1
    slots = ",".join("%s:%d" % ("localhost" if alone else host, each) for host in hosts)
    words = ["mpirun", "--host", slots, "-np", str(each * len(hosts)), "--allow-run-as-root"]
    words += ["-mca", "pml", "ob1", "-mca", "btl", "^openib", "-mca", "orte_abort_on_non_zero_status", "1"]
    words += ["-mca", "btl_vader_single_copy_mechanism", "none"]  # a container lets no process read another's memory
    if not alone:
        interface = environment["SM_NETWORK_INTERFACE_NAME"]
        words += ["-mca", "btl_tcp_if_include", interface, "-mca", "oob_tcp_if_include", interface]
        words += _prefix()
        words += ["-mca", "plm_rsh_no_tree_spawn", "1", "-mca", "plm_rsh_args", "-o StrictHostKeyChecking=no"]
    words += distributed.get("mpi_additional_options") or []
    options = ["-m", "mpi4py"] if util.find_spec("mpi4py") else []
    started = script.command(environment["SM_SOURCE_DIR"], name, *options)
    return [*words, *mpi_rank.command(drivers, [*started, *arguments], sys.executable)]


def _prefix() -> List[str]:
    """Where mpirun's daemon is, on the other hosts too: whoever comes by SSH has no PATH to find it on."""
    daemon = next(filter(None, map(shutil.which, DAEMONS)), None)
    return ["--prefix", str(Path(daemon).resolve().parent.parent)] if daemon else []


def await_workers(environment: Dict[str, str]) -> None:
    """Wait until every other host can be reached, or this one is to stop; raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    others = [h for h in json.loads(environment["SM_HOSTS"]) if h != environment["SM_CURRENT_HOST"]]
    for host in others:
        while not process.asked_to_stop():
            try:
                socket.create_connection((host, SSH_PORT), 2).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise TimeoutError("%s cannot be reached by SSH" % host) from None
                time.sleep(POLL_SECONDS)


def lend() -> None:
    """Be one of the other hosts: serve SSH until the processes that the first host starts here have ended.

    Ends at once when asked to stop; raises TimeoutError.
    """
    Path("/run/sshd").mkdir(parents=True, exist_ok=True)
    subprocess.run(["ssh-keygen", "-A"], stdout=subprocess.DEVNULL, check=False)
    server = subprocess.Popen([SSH_SERVER, "-D"])
    deadline = time.monotonic() + PATIENCE_SECONDS
    used = False
    try:
        while not process.asked_to_stop():
            uses = _is_used()
            if used and not uses:
                return
            used = uses
            if not used and time.monotonic() > deadline:
                raise TimeoutError("the first host has started nothing here")
            time.sleep(POLL_SECONDS)
    finally:
        server.terminate()
        server.wait()


def _is_used() -> bool:
    """Whether mpirun's daemon runs here."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                name = os.fsdecode((entry / "comm").read_bytes()).strip()
            except OSError:
                continue
            if name in DAEMONS:
                return True
    return False
