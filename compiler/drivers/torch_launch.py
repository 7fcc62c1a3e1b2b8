"""torchrun: the command that starts a script's processes on this host.

In: the distributed config and the SM_* variables. Out: a command, and the variables that the network needs.
"""

from __future__ import annotations

import json
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, List, Tuple


def processes(distributed: Dict[str, Any], environment: Dict[str, str]) -> int:
    """Processes on this host: as configured, else one for each accelerator, else one."""
    given = distributed.get("process_count_per_node")
    return int(given or int(environment["SM_NUM_GPUS"]) or int(environment["SM_NUM_NEURONS"]) or 1)


def command(
    distributed: Dict[str, Any],
    environment: Dict[str, str],
    script: str,
    arguments: List[str],
) -> List[str]:
    """Build the command; a shell script is started as it is in each process."""
    hosts = int(environment["SM_HOST_COUNT"])
    found = ["neuron_parallel_compile"] if environment.get("RUN_NEURON_PARALLEL_COMPILE") == "1" else []
    module = "torch.distributed.run" if _torch() >= (1, 9) else "torch.distributed.launch"
    found += [sys.executable, "-m", module]
    found += ["--nnodes=%d" % hosts, "--nproc_per_node=%d" % processes(distributed, environment)]
    if hosts > 1:
        found += [
            "--master_addr=" + environment["SM_MASTER_ADDR"],
            "--master_port=" + environment["SM_MASTER_PORT"],
            "--node_rank=" + environment["SM_CURRENT_HOST_RANK"],
        ]
    if script.endswith(".sh"):
        found += ["--no-python", shutil.which("bash") or "/bin/bash"]
    return [*found, script, *arguments]


def _torch() -> Tuple[int, int]:
    try:
        major, minor = metadata.version("torch").split(".")[:2]
    except metadata.PackageNotFoundError:
        return (2, 0)
    return int(major), int(minor)


def network(environment: Dict[str, str]) -> Dict[str, str]:
    """Variables for NCCL and libfabric, by what the instance type has."""
    instances = json.loads(Path(__file__).with_name("efa.json").read_text("utf-8"))
    kind = environment["SM_CURRENT_INSTANCE_TYPE"]
    found = {"NCCL_SOCKET_IFNAME": environment["SM_NETWORK_INTERFACE_NAME"], "NCCL_PROTO": "simple"}
    if kind in instances["efa"]:
        found["FI_PROVIDER"] = "efa"
    if kind in instances["rdma"]:
        found.update(FI_EFA_USE_DEVICE_RDMA="1", RDMAV_FORK_SAFE="1")
    return found
