"""From the container's start to its end: environment, requirements, the script, and why it failed.

In: `sourcecode.json` and `distributed.json` beside this package, and the tree that the service lays out. Out: the
script's exit code, and `output/failure` where it is not 0.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, Dict, List, Tuple

from . import environment, mpi_launch, process, torch_launch

HERE = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run what the job is to run; never ends without a reason in `output/failure`."""
    root = Path(os.environ.get("SM_ROOT", "/opt/ml"))
    try:
        code, why = _run(root)
    except (OSError, ValueError, LookupError, subprocess.SubprocessError):
        code, why = 1, traceback.format_exc()
        sys.stderr.write(why)
    if code != 0:
        failure = root / "output" / "failure"
        failure.parent.mkdir(parents=True, exist_ok=True)
        failure.write_text(why[-process.REASON_LIMIT :], "utf-8")
    return code


def _run(root: Path) -> Tuple[int, str]:
    source = environment.load(HERE / "sourcecode.json", {})
    distributed = environment.load(HERE / "distributed.json", {})
    variables = environment.build(root, source, distributed)
    for name in ("SM_MODEL_DIR", "SM_OUTPUT_DATA_DIR"):
        Path(variables[name]).mkdir(parents=True, exist_ok=True)
    code_folder = Path(variables["SM_SOURCE_DIR"])
    folder = code_folder if code_folder.is_dir() else root
    if source.get("requirements"):
        _install(folder / source["requirements"], variables)
    kind = distributed.get("type")
    if kind == "Torchrun":
        variables.update(torch_launch.network(variables))
    if kind == "MPI" and variables["SM_CURRENT_HOST_RANK"] != "0":
        mpi_launch.lend()
        return 0, ""
    if kind == "MPI":
        mpi_launch.await_workers(variables)
    command = _command(kind, source, distributed, variables, root)
    code, said = process.run(command, str(folder), variables)
    code = process.script_code(code, said) if kind == "Torchrun" else code
    return code, process.reason(code, said) if code else ""


def _command(
    kind: Any,
    source: Dict[str, Any],
    distributed: Dict[str, Any],
    variables: Dict[str, str],
    root: Path,
) -> List[str]:
    bash = shutil.which("bash") or "/bin/bash"
    if source.get("command"):
        return [bash, "-c", source["command"]]
    script, arguments = source.get("entry_script") or "", environment.arguments(root)
    if kind == "Torchrun":
        return torch_launch.command(distributed, variables, script, arguments)
    if kind == "MPI":
        return mpi_launch.command(distributed, variables, script, arguments)
    if kind == "Custom":
        own = str(Path(variables["SM_DISTRIBUTED_DRIVERS_DIR"]) / distributed["driver_script"])
        return [bash, own] if own.endswith(".sh") else [sys.executable, own]
    return [bash if script.endswith(".sh") else sys.executable, script, *arguments]


def _install(file: Path, variables: Dict[str, str]) -> None:
    """Install requirements; with SM_PIP_TARGET into that folder, so that a local run changes no environment."""
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "-r", str(file)]
    target = variables.get("SM_PIP_TARGET")
    if target:
        command += ["--target", target]
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, (target, variables.get("PYTHONPATH"))))
    subprocess.run(command, env=variables, check=True)


if __name__ == "__main__":
    raise SystemExit(main())
