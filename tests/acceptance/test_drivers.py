"""The drivers as a container has them: a tree laid out by hand, real processes, real signals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

STARTERS = [
    "None",
    pytest.param("Torchrun", marks=pytest.mark.torch),
    pytest.param("MPI", marks=pytest.mark.mpi),
]
FAILED = "exit code {}\n"


def container(
    tree: Path, script: str, distributed: dict[str, Any] | None = None, resource: Any = None, **source: str
) -> Path:
    """Lay out what the service lays out; give the folder of the drivers."""
    code, drivers, config = tree / "input/data/code", tree / "input/data/sm_drivers", tree / "input/config"
    for folder in (code, drivers, config):
        folder.mkdir(parents=True)
    (code / "train.py").write_text(script, "utf-8")
    shutil.copytree(
        ROOT / "compiler/sagespec/drivers", drivers / "drivers", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "compiler/sagespec/drivers/sm_train.sh", drivers)
    (drivers / "sourcecode.json").write_text(json.dumps({"entry_script": "train.py", **source}), "utf-8")
    if distributed is not None:
        (drivers / "distributed.json").write_text(json.dumps(distributed), "utf-8")
    if resource is not None:
        (config / "resourceconfig.json").write_text(json.dumps(resource), "utf-8")
    return drivers


def environment(tree: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "SM_ROOT": str(tree), "SM_PYTHON": sys.executable, "PYTHONUNBUFFERED": "1", **more}


def start(tree: Path, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["/bin/bash", tree / "input/data/sm_drivers/sm_train.sh"],
        env=environment(tree, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def failure(tree: Path) -> str:
    return (tree / "output/failure").read_text("utf-8")


def outcome(tree: Path, **more: str) -> tuple[int, str]:
    """Run a container to its end: exit code and failure file."""
    (tree / "output/failure").unlink(missing_ok=True)
    process = start(tree, **more)
    process.communicate()
    return process.returncode, failure(tree) if process.returncode else ""


@contextmanager
def running(tree: Path, until: str) -> Iterator[subprocess.Popen[str]]:
    """A container that has said so much; it is ended whatever happens."""
    process = start(tree)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if until in line:
                break
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def starter(kind: str) -> dict[str, Any] | None:
    return None if kind == "None" else {"type": kind, "process_count_per_node": 1}


CAUSES = {
    "a cause": (
        "try: {}['k']\nexcept KeyError as e: raise ValueError('one\\ntwo') from e\n",
        ["KeyError", "one\ntwo"],
    ),
    "words": ("raise SystemExit('no data é in the bucket')\n", ["no data é in the bucket"]),
    "the last words": (
        "import logging, os, sys\ntry: 1 / 0\nexcept ZeroDivisionError: logging.exception('harmless')\n"
        "sys.stderr.write('fatal: out of luck\\n'); sys.stderr.flush(); os._exit(9)\n",
        ["fatal: out of luck"],
    ),
}


@pytest.mark.parametrize("kind", STARTERS)
@pytest.mark.parametrize("cause", sorted(CAUSES))
def test_the_failure_file_ends_with_the_scripts_own_words(tmp_path: Path, kind: str, cause: str) -> None:
    script, words = CAUSES[cause]
    container(tmp_path, script, starter(kind))
    code, why = outcome(tmp_path)
    assert why.startswith(FAILED.format(code))
    for part in words:
        assert part in why
    assert why.endswith(words[-1])
    assert "torch/distributed" not in why
    assert "mpirun" not in why


@pytest.mark.torch
def test_of_several_ranks_the_first_that_failed_is_heard(tmp_path: Path) -> None:
    script = """
import torch.distributed as dist
dist.init_process_group("gloo")
if dist.get_rank() == 1: raise ValueError("one\\ntwo")
dist.barrier()
"""
    container(tmp_path, script, {"type": "Torchrun", "process_count_per_node": 2})
    _, why = outcome(tmp_path)
    assert why.endswith("[rank1]: ValueError: one\n[rank1]: two")
    assert "Connection closed" not in why


@pytest.mark.torch
def test_what_a_worker_of_the_data_loader_has_said_is_kept(tmp_path: Path) -> None:
    script = """
from torch.utils.data import DataLoader
def fail(_): raise ValueError("a broken picture")
if __name__ == "__main__":
    next(iter(DataLoader([1], collate_fn=fail, num_workers=1)))
"""
    container(tmp_path, script)
    _, why = outcome(tmp_path)
    assert "in fail" in why
    assert why.endswith("ValueError: a broken picture")


def test_what_a_script_has_written_as_its_failure_stays(tmp_path: Path) -> None:
    script = "import os, sys\nopen(os.environ['SM_OUTPUT_FAILURE'], 'w').write('row 7 is bad')\nsys.exit('noise')\n"
    container(tmp_path, script)
    assert outcome(tmp_path) == (1, "row 7 is bad")


def test_a_failure_that_cannot_be_written_costs_no_exit_code(tmp_path: Path) -> None:
    script = """
import os, pathlib, shutil, sys
place = pathlib.Path(os.environ["SM_OUTPUT_DIR"])
shutil.rmtree(place)
place.touch()
sys.exit(7)
"""
    container(tmp_path, script)
    process = start(tmp_path)
    said, _ = process.communicate()
    assert process.returncode == 7
    assert "cannot be written down" in said


@pytest.mark.parametrize("kind", STARTERS)
def test_the_options_of_a_shell_scripts_first_line_count(tmp_path: Path, kind: str) -> None:
    drivers = container(tmp_path, "", starter(kind), entry_script="train.sh")
    (tmp_path / "input/data/code/train.sh").write_text("#!/bin/bash -e\nfalse\necho went on\n", "utf-8")
    assert outcome(tmp_path)[0] == 1
    (drivers / "sourcecode.json").write_text(json.dumps({"command": "false; echo went on"}), "utf-8")
    assert outcome(tmp_path)[0] == 1


def test_a_failing_installation_speaks_for_itself(tmp_path: Path) -> None:
    container(tmp_path, "", requirements="needs.txt")
    (tmp_path / "input/data/code/needs.txt").write_text("./no-such-folder\n", "utf-8")
    code, why = outcome(tmp_path, PIP_DISABLE_PIP_VERSION_CHECK="1")
    assert code == 1
    assert "no-such-folder" in why
    assert "drivers/run.py" not in why


def test_requirements_are_relative_to_the_code(tmp_path: Path) -> None:
    container(tmp_path, "import ours; print(ours.NAME)\n", requirements="more/needs.txt")
    code = tmp_path / "input/data/code"
    (code / "more").mkdir()
    (code / "more" / "needs.txt").write_text("./wheels/ours-1-py3-none-any.whl\n", "utf-8")
    (code / "wheels").mkdir()
    with zipfile.ZipFile(code / "wheels" / "ours-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("ours.py", "NAME = 'installed'\n")
        wheel.writestr("ours-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: ours\nVersion: 1\n")
        wheel.writestr("ours-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("ours-1.dist-info/RECORD", "")
    process = start(tmp_path, SM_PIP_TARGET=str(tmp_path / "site"))
    said, _ = process.communicate()
    assert said.endswith("installed\n"), said


def test_a_driver_that_fails_says_so(tmp_path: Path) -> None:
    drivers = container(tmp_path, "", {"type": "Torchrun", "process_count_per_node": "many"})
    code, why = outcome(tmp_path)
    assert code == 1
    assert why.endswith("ValueError: invalid literal for int() with base 10: 'many'")
    (drivers / "distributed.json").write_text("[]", "utf-8")
    assert outcome(tmp_path)[1].startswith("Traceback"), "whatever the error is"


STOPPED = """
import signal, sys, time
def stop(*_):
    print("asked to stop", flush=True)
    sys.exit(5)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(600)
"""


def test_signals_reach_the_script(tmp_path: Path) -> None:
    container(tmp_path, STOPPED)
    with running(tmp_path, "ready") as process:
        process.send_signal(signal.SIGTERM)
        assert process.communicate()[0] == "asked to stop\n"
        assert process.returncode == 5


def test_nothing_is_started_after_sigterm(tmp_path: Path) -> None:
    container(tmp_path, "print('trained')\n", requirements="needs.txt")
    code = tmp_path / "input/data/code"
    (code / "needs.txt").write_text("./slow\n", "utf-8")
    (code / "slow").mkdir()
    (code / "slow" / "setup.py").write_text("", "utf-8")
    # stands in for pip, and takes its time; it swallows the signal, as a tool may
    pip = "import signal, time\nsignal.signal(15, lambda *_: None)\nprint('installing', flush=True)\ntime.sleep(1)\n"
    (code / "pip.py").write_text(pip, "utf-8")
    with running(tmp_path, "installing") as process:
        process.send_signal(signal.SIGTERM)
        assert process.communicate()[0] == ""
        assert process.returncode == 143
    assert "asked to stop by SIGTERM" in failure(tmp_path)


def test_waiting_for_other_hosts_ends_with_sigterm(tmp_path: Path) -> None:
    resource = {"hosts": ["algo-1", "nobody.invalid"], "current_host": "algo-1"}
    container(tmp_path, "", {"type": "MPI"}, resource)
    waiting = tmp_path / "input/sm_environment.json"
    (tmp_path / "mpirun").symlink_to("/bin/false")  # never called
    process = start(tmp_path, PATH=f"{os.environ['PATH']}:{tmp_path}")
    try:
        while not waiting.exists():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 143
    finally:
        process.kill()
        process.communicate()


def test_output_comes_as_it_is_written(tmp_path: Path) -> None:
    script = """
import sys
sys.stderr.write("50%\\r"); sys.stderr.flush()
sys.stdin.readline()
sys.stderr.write("x" * 3_000_000 + " the end"); sys.exit(1)
"""
    container(tmp_path, script)
    entry = tmp_path / "input/data/sm_drivers/sm_train.sh"
    process = subprocess.Popen(
        ["/bin/bash", entry],
        env=environment(tmp_path),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    assert process.stderr.read(4) == b"50%\r", "a line without an end is not held back"
    _, rest = process.communicate(b"go on\n")
    assert rest.endswith(b"x the end")
    assert failure(tmp_path).endswith("x the end")
    assert len(failure(tmp_path)) == 1024


MPI_HOST = """
import json, os
from mpi4py import MPI
names = "SM_CURRENT_HOST SM_CURRENT_HOST_RANK SM_CURRENT_INSTANCE_TYPE NCCL_PROTO GIVEN OWN TOLD"
found = {n: os.environ.get(n) for n in names.split()}
found["sum"] = MPI.COMM_WORLD.allreduce(1)
open(os.path.join(os.environ["REPORTS"], str(MPI.COMM_WORLD.Get_rank())), "w").write(json.dumps(found))
"""
# what sshd gives a process: nothing of the container's; and what makes one machine look like two to Open MPI
SSH = """#!/bin/bash
while [ "${1:0:1}" = - ]; do [ "$1" = -o ] && shift; shift; done
tree=TREES/$1; shift
exec /usr/bin/env -i HOME=/ PATH=/nowhere OWN=login SM_ROOT=$tree TMPDIR=$tree \\
  OMPI_MCA_btl_vader_backing_directory=$tree /bin/bash -c "$*"
"""
# there is no sshd here: the other host lends itself to whoever plays ssh
LENDING = """
import sys, time
from pathlib import Path
from drivers import mpi_launch, run
def lend():
    while not Path(sys.argv[1]).exists(): time.sleep(0.05)
mpi_launch.lend, mpi_launch.await_workers = lend, lambda environment: None
mpi_launch.SSH_SERVER = sys.executable  # there, and never started
sys.exit(run.main())
"""


@pytest.mark.mpi
def test_each_host_of_mpi_has_its_own_environment(tmp_path: Path) -> None:
    hosts = {"algo-1": "ml.g5.xlarge", "algo-2": "ml.g5.2xlarge"}
    options = ["-x", "TOLD=on the way", "--oversubscribe"]
    distributed = {"type": "MPI", "process_count_per_node": 2, "mpi_additional_options": options}
    (tmp_path / "reports").mkdir()
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin" / "ssh"
    ssh.write_text(SSH.replace("TREES", str(tmp_path)), "utf-8")
    ssh.chmod(0o755)
    processes = {}
    for host, kind in reversed(hosts.items()):
        tree = tmp_path / host
        resource = {"hosts": list(hosts), "current_host": host, "current_instance_type": kind}
        drivers = container(tree, MPI_HOST, distributed, {**resource, "network_interface_name": "lo"})
        given = {"REPORTS": str(tmp_path / "reports"), "GIVEN": "by the spec", "OWN": f"of {host}", "TOLD": "before"}
        processes[host] = subprocess.Popen(
            [sys.executable, "-c", LENDING, tmp_path / "done"],
            cwd=drivers,
            env=environment(tree, PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}", **given),
        )
    assert processes["algo-1"].wait() == 0
    (tmp_path / "done").touch()
    assert processes["algo-2"].wait() == 0
    for rank in range(4):
        host = f"algo-{rank // 2 + 1}"
        assert json.loads((tmp_path / "reports" / str(rank)).read_text("utf-8")) == {
            "SM_CURRENT_HOST": host,
            "SM_CURRENT_HOST_RANK": str(rank // 2),
            "SM_CURRENT_INSTANCE_TYPE": hosts[host],
            "NCCL_PROTO": "simple",
            "GIVEN": "by the spec",
            "OWN": f"of {host}",
            "TOLD": "on the way",
            "sum": 4,
        }


def test_an_image_with_an_old_python_is_told_so(tmp_path: Path) -> None:
    container(tmp_path, "")
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\necho Python 3.6.9\nexit 1\n", "utf-8")
    old.chmod(0o755)
    assert outcome(tmp_path, SM_PYTHON=str(old)) == (1, f"the drivers need Python 3.8, {old} is Python 3.6.9\n")


def test_drivers_need_nothing_but_the_standard_library() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import drivers.run, drivers.mpi_rank"
    subprocess.run([sys.executable, "-I", "-S", "-c", code, str(ROOT / "compiler" / "sagespec")], check=True)


def without(tree: Path, *absent: str) -> str:
    """A PATH with the usual programs but for some."""
    folder = tree / "bin"
    folder.mkdir()
    for directory in ("/bin", "/usr/bin"):
        for program in Path(directory).iterdir():
            link = folder / program.name
            if program.name not in absent and not link.is_symlink():
                link.symlink_to(program)
    return str(folder)


def test_a_missing_mpirun_is_told_in_a_sentence(tmp_path: Path) -> None:
    container(tmp_path, "", {"type": "MPI"})
    code, why = outcome(tmp_path, PATH=without(tmp_path, "mpirun"))
    assert code == 127
    assert (
        why
        == "exit code 127\nmpirun is not here: MPI needs an image with Open MPI, such as those of AWS for training"
    )


def test_another_host_without_an_ssh_server_says_so_at_once(tmp_path: Path) -> None:
    container(tmp_path, "", {"type": "MPI"}, {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]})
    code, why = outcome(tmp_path, PATH=without(tmp_path, "ssh-keygen"))
    assert code == 127
    assert why.endswith("ssh-keygen is not here: MPI on several hosts needs an image with an SSH server")


def test_what_cannot_be_started_is_told_in_a_sentence(tmp_path: Path) -> None:
    drivers = container(tmp_path, "", entry_script="train.sh")
    (drivers.parent / "code" / "train.sh").write_text("#!/no/such/shell\n", "utf-8")
    assert outcome(tmp_path) == (127, "exit code 127\n/no/such/shell cannot be started: no such file or directory")
