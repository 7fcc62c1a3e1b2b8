"""From the container's start to its end: environment, code, requirements, the script, and why it failed.

In: `sourcecode.json` and `distributed.json` beside this package, and the tree that the service lays out. Out: the
script's exit code, and `output/failure` where it is not 0.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any, Dict, List, Tuple

from . import archive, environment, failure, mpi_launch, mpi_rank, process, script, torch_launch

HERE = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run what the job is to run; never ends without a reason in `output/failure`."""
    sys.excepthook = _last_words
    process.obey()
    code, said = _run(environment.root())
    if code != 0:
        _leave(failure.reason(code, said))
    return code


def _last_words(kind: Any, error: Any, trace: Any) -> None:
    """Leave the reason of a failure that nobody has foreseen: the driver itself is about to end with it."""
    text = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(text)
    _leave(text.rstrip()[-failure.LIMIT :])


def _leave(why: str) -> None:
    """Leave the reason where the service looks for it, unless the script has left its own there."""
    file = environment.root() / "output" / "failure"
    try:
        if not file.exists() or not file.stat().st_size:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(why, "utf-8", "backslashreplace")
    except OSError as error:  # a full disk is a likely reason to fail, and must not cost the exit code
        sys.stderr.write("the failure cannot be written down: %s\n" % error)


def _run(root: Path) -> Tuple[int, str]:
    """The exit code, and what was said on stderr before it."""
    source = environment.load(HERE / "sourcecode.json", {})
    distributed = environment.load(HERE / "distributed.json", {})
    variables = environment.build(root, source, distributed)
    for name in ("SM_MODEL_DIR", "SM_OUTPUT_DATA_DIR"):
        Path(variables[name]).mkdir(parents=True, exist_ok=True)
    code_folder = Path(variables["SM_SOURCE_DIR"])
    folder = str(code_folder if code_folder.is_dir() else root)
    if source.get("source_dir"):
        try:
            archive.unpack(code_folder / source["source_dir"])
        except archive.Refused as error:
            return 1, _told(str(error))
    if source.get("requirements"):
        code, said = _install(source["requirements"], folder, variables)
        if code != 0:
            return code, said
    if distributed:
        variables = {**environment.network(variables), **variables}
    kind = distributed.get("type")
    if kind == "MPI":
        mpi_rank.keep(variables)
        lacking = mpi_launch.lacking(variables)
        if lacking:
            return process.NOT_FOUND, _told(lacking)
        try:
            if variables["SM_CURRENT_HOST_RANK"] != "0":
                mpi_launch.lend()
                return process.asked_to_stop(), "asked to stop"
            mpi_launch.await_workers(variables)
        except TimeoutError as error:
            return 1, _told(str(error))
    code, said = process.run(_command(kind, source, distributed, variables, root), folder, variables)
    return (failure.exit_code(code, said) if kind == "Torchrun" else code), said


def _told(sentence: str) -> str:
    """What is also said in the log."""
    sys.stderr.write(sentence + "\n")
    return sentence


def _command(
    kind: Any,
    source: Dict[str, Any],
    distributed: Dict[str, Any],
    variables: Dict[str, str],
    root: Path,
) -> List[str]:
    if source.get("command"):
        line = script.with_arguments(source["command"], source.get("args") or [])
        return [script.bash(), "-e", "-c", line]  # what fails in between is a failure, as under the SDK
    name, arguments = source.get("entry_script") or "", environment.arguments(root)
    if kind == "Torchrun":
        return torch_launch.command(distributed, variables, name, arguments)
    if kind == "MPI":
        return mpi_launch.command(distributed, variables, HERE, name, arguments)
    if kind == "Custom":
        own = str(Path(variables["SM_DISTRIBUTED_DRIVER_DIR"]) / distributed["driver_script"])
        return script.command(variables["SM_SOURCE_DIR"], own)
    return [*script.command(variables["SM_SOURCE_DIR"], name), *arguments]


def _install(file: str, folder: str, variables: Dict[str, str]) -> Tuple[int, str]:
    """Install requirements, whose paths are relative to the code.

    With SM_PIP_TARGET they go into that folder, so that a run outside of a container changes no environment.
    """
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "-r", file]
    target = variables.get("SM_PIP_TARGET")
    if target:
        command += ["--target", target]
    code, said = process.run(command, folder, variables)
    if target:
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, (target, variables.get("PYTHONPATH"))))
    return code, said


if __name__ == "__main__":
    raise SystemExit(main())
