"""One process of an MPI job: the environment of the host that it runs on, then the script in its place.

mpirun's daemon comes to the other hosts by SSH, and so without anything of the container's environment; what it
could bring along from the first host (names, ranks, credentials) is wrong elsewhere. In: what the host's own driver
has written down. Out: nothing, the script takes over.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Dict, List

from . import environment

MPIRUNS_OWN = ("OMPI_", "PMI", "PRTE_")


def command(drivers: Path, script: List[str], python: str) -> List[str]:
    """Build the command that mpirun starts on every host; isolated, so that nothing beside the script is imported."""
    start = "import sys; sys.path.insert(0, sys.argv[1]); from drivers import mpi_rank; mpi_rank.become(sys.argv[2:])"
    return [python, "-I", "-c", start, str(drivers), *script]


def keep(variables: Dict[str, str]) -> None:
    """Write down this host's environment, for the processes that mpirun will start here."""
    _file().write_text(json.dumps(variables), "utf-8")


def become(script: List[str]) -> None:
    """Turn into the script: this host's variables, but for what mpirun sets itself or has been told to (-x)."""
    own: Dict[str, str] = json.loads(_file().read_text("utf-8"))
    options = json.loads(own["SM_DISTRIBUTED_CONFIG"]).get("mpi_additional_options") or []
    told = {options[at + 1].partition("=")[0] for at, option in enumerate(options[:-1]) if option in ("-x", "--x")}
    kept = {n: v for n, v in os.environ.items() if n not in own or n in told or n.startswith(MPIRUNS_OWN)}
    os.execvpe(script[0], script, {**own, **kept})


def _file() -> Path:
    return environment.root() / "input" / "sm_environment.json"
