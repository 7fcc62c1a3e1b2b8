"""The SM_* variables that a training script may rely on, and those that the network needs.

In: the tree that the service lays out (`/opt/ml`) and what the drivers are given. Out: the script's environment.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

MASTER_PORT = "7777"
LONGEST_BYTES = 128 * 1024 - 2
DESCRIBING = (
    "current_host",
    "current_instance_type",
    "hosts",
    "input_config_dir",
    "input_data_config",
    "input_data_dir",
    "input_dir",
    "log_level",
    "master_addr",
    "master_port",
    "model_dir",
    "network_interface_name",
    "num_cpus",
    "num_gpus",
    "num_neurons",
    "output_data_dir",
    "resource_config",
)
"""What SM_TRAINING_ENV repeats of the other variables, under these names."""


def root() -> Path:
    """The service's tree; a run outside of a container has one of its own."""
    return Path(os.environ.get("SM_ROOT", "/opt/ml"))


def load(path: Path, default: Any) -> Any:
    """Read a JSON file; an absent one gives the default."""
    return json.loads(path.read_text("utf-8")) if path.is_file() else default


def build(root: Path, source: Dict[str, Any], distributed: Dict[str, Any]) -> Dict[str, str]:
    """Build the environment of the script: what is there already, and the SM_* variables on top."""
    config = root / "input" / "config"
    resource = load(config / "resourceconfig.json", {})
    inputs: Dict[str, Any] = load(config / "inputdataconfig.json", {})
    channels = sorted(inputs)
    hyperparameters: Dict[str, str] = load(config / "hyperparameters.json", {})
    hosts = sorted(resource.get("hosts", ["algo-1"]), key=_host_order)
    current = resource.get("current_host", hosts[0])
    data = root / "input" / "data"
    variables: Dict[str, Any] = {
        "SM_MODEL_DIR": root / "model",
        "SM_INPUT_DIR": root / "input",
        "SM_INPUT_DATA_DIR": data,
        "SM_INPUT_CONFIG_DIR": config,
        "SM_OUTPUT_DIR": root / "output",
        "SM_OUTPUT_DATA_DIR": root / "output" / "data",
        "SM_OUTPUT_FAILURE": root / "output" / "failure",
        "SM_SOURCE_DIR": data / "code",
        "SM_DISTRIBUTED_DRIVER_DIR": data / "sm_drivers" / "distributed_drivers",
        "SM_ENTRY_SCRIPT": source.get("entry_script") or "",
        "SM_DISTRIBUTED_CONFIG": json.dumps(distributed),
        "SM_RESOURCE_CONFIG": json.dumps(resource),
        "SM_INPUT_DATA_CONFIG": json.dumps(inputs),
        "SM_CHANNELS": json.dumps(channels),
        "SM_HPS": json.dumps({name: decoded(text) for name, text in hyperparameters.items()}),
        "SM_HOSTS": json.dumps(hosts),
        "SM_CURRENT_HOST": current,
        "SM_CURRENT_INSTANCE_TYPE": resource.get("current_instance_type", "local"),
        "SM_CURRENT_HOST_RANK": hosts.index(current),
        "SM_HOST_COUNT": len(hosts),
        "SM_NETWORK_INTERFACE_NAME": resource.get("network_interface_name", "eth0"),
        "SM_MASTER_ADDR": os.environ.get("SM_MASTER_ADDR", hosts[0]),
        "SM_MASTER_PORT": os.environ.get("SM_MASTER_PORT", MASTER_PORT),
        "SM_LOG_LEVEL": os.environ.get("SM_LOG_LEVEL", "20"),
        "SM_NUM_CPUS": os.cpu_count() or 1,
        "SM_NUM_GPUS": _gpus(),
        "SM_NUM_NEURONS": _neuron_cores(),
    }
    for channel in channels:
        variables["SM_CHANNEL_" + _variable(channel)] = data / channel
    for name, text in hyperparameters.items():
        variables["SM_HP_" + _variable(name)] = text
    texts = {name: str(value) for name, value in variables.items()}
    texts["SM_TRAINING_ENV"] = json.dumps(_summary(texts, channels))
    return {**os.environ, **dict(_possible(texts))}


def _possible(variables: Dict[str, str]) -> Iterator[Tuple[str, str]]:
    """Leave out what Linux refuses to start any process with, and say so."""
    for name, text in variables.items():
        if len(os.fsencode(name + text)) < LONGEST_BYTES:
            yield name, text
        else:
            sys.stderr.write("%s is too long for a variable: read it from SM_INPUT_CONFIG_DIR\n" % name)


def _summary(variables: Dict[str, str], channels: List[str]) -> Dict[str, Any]:
    """All of it in one document, for who wants to read a single variable."""
    return {
        **{name: decoded(variables["SM_" + name.upper()]) for name in DESCRIBING},
        "channel_input_dirs": {name: variables["SM_CHANNEL_" + _variable(name)] for name in channels},
        "hyperparameters": json.loads(variables["SM_HPS"]),
        "job_name": os.environ.get("TRAINING_JOB_NAME", ""),
    }


def _host_order(host: str) -> Any:
    """algo-2 before algo-10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", host)]


def _variable(name: str) -> str:
    return re.sub(r"\W", "_", name).upper()


def decoded(text: str) -> Any:
    """A hyperparameter as the value that it was: its JSON where it is some, else the text.

    Text that looks like JSON cannot be told from it: the service keeps text only.
    """
    try:
        return json.loads(text, parse_constant=_refused, parse_float=_finite)
    except (ValueError, RecursionError):
        return text


def _refused(name: str) -> Any:
    """NaN and Infinity are no JSON, though Python reads and writes them."""
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refused(text)


def arguments(root: Path) -> List[str]:
    """The hyperparameters as arguments, `--name value`, the text exactly as it was given.

    Those of model parallelism are for the library, which reads its variable, and unknown to the script.
    """
    hyperparameters: Dict[str, str] = load(root / "input" / "config" / "hyperparameters.json", {})
    return [
        word
        for name, text in sorted(hyperparameters.items())
        if name != "mp_parameters"
        for word in ("--" + name, text)
    ]


def network(environment: Dict[str, str]) -> Dict[str, str]:
    """Variables for NCCL and libfabric, by what the instance type has."""
    instances = load(Path(__file__).with_name("efa.json"), {})
    kind = environment["SM_CURRENT_INSTANCE_TYPE"]
    variables = {"NCCL_SOCKET_IFNAME": environment["SM_NETWORK_INTERFACE_NAME"], "NCCL_PROTO": "simple"}
    if kind in instances["efa"]:
        variables["FI_PROVIDER"] = "efa"
    if kind in instances["rdma"]:
        variables.update(FI_EFA_USE_DEVICE_RDMA="1", RDMAV_FORK_SAFE="1")
    return variables


def _gpus() -> int:
    return len([line for line in _output("nvidia-smi", "--list-gpus").splitlines() if line.startswith("GPU")])


def _neuron_cores() -> int:
    try:
        return sum(device.get("nc_count", 0) for device in json.loads(_output("neuron-ls", "-j") or "[]"))
    except ValueError:
        return 0


def _output(*command: str) -> str:
    """What a tool says; nothing where it is not there or fails."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
