"""torchrun: the command that starts a script's processes on this host.

In: the distributed config and the SM_* variables. Out: a command.
"""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Any, Dict, List, Tuple

from . import script


def processes(distributed: Dict[str, Any], environment: Dict[str, str]) -> int:
    """Processes on this host: as configured, else one for each accelerator, else one."""
    given = distributed.get("process_count_per_node")
    return int(given or int(environment["SM_NUM_GPUS"]) or int(environment["SM_NUM_NEURONS"]) or 1)


def command(
    distributed: Dict[str, Any],
    environment: Dict[str, str],
    name: str,
    arguments: List[str],
) -> List[str]:
    """Build the command; each process of a shell script is started as the script says.

    Behind `--` nothing is torchrun's: it would take a script's `--log` or `--n` for short forms of its own options.
    """
    hosts = int(environment["SM_HOST_COUNT"])
    launcher = ["neuron_parallel_compile"] if environment.get("RUN_NEURON_PARALLEL_COMPILE") == "1" else []
    module = "torch.distributed.run" if _torch() >= (1, 9) else "torch.distributed.launch"
    launcher += [sys.executable, "-m", module]
    launcher += ["--nnodes=%d" % hosts, "--nproc_per_node=%d" % processes(distributed, environment)]
    if hosts > 1:
        launcher += [
            "--master_addr=" + environment["SM_MASTER_ADDR"],
            "--master_port=" + environment["SM_MASTER_PORT"],
            "--node_rank=" + environment["SM_CURRENT_HOST_RANK"],
        ]
    _python, *words = started = script.command(environment["SM_SOURCE_DIR"], name)
    if name.endswith(".sh"):
        return [*launcher, "--no_python", "--", *started, *arguments]  # so spelt in every version
    return [*launcher, "--", *words, *arguments]


def _torch() -> Tuple[int, int]:
    try:
        major, minor = metadata.version("torch").split(".")[:2]
    except metadata.PackageNotFoundError:
        return (2, 0)
    return int(major), int(minor)
