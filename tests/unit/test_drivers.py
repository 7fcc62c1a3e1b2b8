"""What the drivers make of what they are given, without starting anything."""

from __future__ import annotations

import ast
import json
from argparse import REMAINDER, ArgumentParser
from pathlib import Path

import pytest
from sagespec.drivers import environment, failure, mpi_launch, script, torch_launch

VARIABLES = {
    "SM_HOSTS": '["algo-1", "algo-2", "algo-3"]',
    "SM_HOST_COUNT": "3",
    "SM_CURRENT_HOST_RANK": "1",
    "SM_CURRENT_INSTANCE_TYPE": "ml.p4d.24xlarge",
    "SM_MASTER_ADDR": "algo-1",
    "SM_MASTER_PORT": "7777",
    "SM_NUM_GPUS": "8",
    "SM_NUM_NEURONS": "0",
    "SM_NETWORK_INTERFACE_NAME": "eth0",
    "SM_SOURCE_DIR": "",
}


def test_mpirun_counts_the_processes_of_all_hosts() -> None:
    command = mpi_launch.command({}, VARIABLES, Path("/drivers"), "train.py", [])
    assert command[command.index("-np") + 1] == "24"
    assert "algo-1:8,algo-2:8,algo-3:8" in command


@pytest.mark.parametrize("file", sorted(Path(environment.__file__).parent.glob("*.py")), ids=lambda file: file.stem)
def test_drivers_are_written_for_python_3_8(file: Path) -> None:
    ast.parse(file.read_text("utf-8"), feature_version=(3, 8))


FIRST_LINES = {
    "": [script.bash()],
    "echo\n": [script.bash()],
    "#!\n": [script.bash()],
    "#!/bin/sh": ["/bin/sh"],
    "#!/bin/bash -e\n": ["/bin/bash", "-e"],
    "#! /usr/bin/env -S bash -e\r\n": ["/usr/bin/env", "-S bash -e"],
}


@pytest.mark.parametrize("first", sorted(FIRST_LINES))
def test_a_shell_script_says_what_runs_it(tmp_path: Path, first: str) -> None:
    (tmp_path / "train.sh").write_bytes(first.encode())
    assert script.command(str(tmp_path), "train.sh") == [*FIRST_LINES[first], "train.sh"]


def test_a_name_is_never_an_option(tmp_path: Path) -> None:
    (tmp_path / "-c.sh").touch()
    assert script.command(str(tmp_path), "-c.sh")[-1] == "./-c.sh"
    assert script.command(str(tmp_path), "-c.py", "-m", "mpi4py")[1:] == ["-m", "mpi4py", "./-c.py"]


@pytest.mark.parametrize("name", ["train.py", "train.sh"])
def test_torchrun_takes_none_of_the_scripts_arguments(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    arguments = ["--log", "x", "--n", "3", "--r", "2", "--m", "1", "--node", "k", "--", "-h"]
    _python, _m, _module, *given = torch_launch.command(
        {}, {**VARIABLES, "SM_SOURCE_DIR": str(tmp_path)}, name, arguments
    )
    parser = ArgumentParser()  # as torchrun's: long options with several that start alike, then the script
    for option in (
        "--nnodes",
        "--nproc_per_node",
        "--node_rank",
        "--master_addr",
        "--master_port",
        "--log-dir",
        "--logs",
    ):
        parser.add_argument(option)
    parser.add_argument("-m", "--module", action="store_true")
    parser.add_argument("--no_python", action="store_true")
    parser.add_argument("script")
    parser.add_argument("rest", nargs=REMAINDER)
    found = parser.parse_args(given)
    assert [found.script, *found.rest][-len(arguments) - 1 :] == [name, *arguments]
    assert found.no_python == name.endswith(".sh")


def test_fast_networks_are_used_where_there_are_some() -> None:
    assert environment.network(VARIABLES) == {
        "NCCL_SOCKET_IFNAME": "eth0",
        "NCCL_PROTO": "simple",
        "FI_PROVIDER": "efa",
        "FI_EFA_USE_DEVICE_RDMA": "1",
        "RDMAV_FORK_SAFE": "1",
    }
    slow = {**VARIABLES, "SM_CURRENT_INSTANCE_TYPE": "ml.g5.xlarge"}
    assert "FI_PROVIDER" not in environment.network(slow)


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "[NaN]", "1e999", "[-1e999]", "x", "", "[" * 2500])
def test_what_is_no_json_stays_text(text: str) -> None:
    assert environment.decoded(text) == text


@pytest.mark.parametrize("value", [1, -0.5, 1e300, True, None, "x y", [1, {"a": "b"}], {"k": []}])
def test_what_is_json_is_the_value_that_it_was(value: object) -> None:
    assert environment.decoded(json.dumps(value)) == value


LOG = "E1124 21:10:02.369000 18136 torch/distributed/elastic/api.py:1002] failed (exitcode: 1) local_rank: 0\n"
OLD_LOG = "ERROR:torch.distributed.elastic.multiprocessing.api:failed (exitcode: 1) local_rank: 0\n"
OLDER_LOG = "[2024-01-31 10:00:00,000] torch.distributed.elastic.multiprocessing.api: [ERROR] failed (exitcode: 1)\n"
TORCHRUN = """Traceback (most recent call last):
  File "/x/torch/distributed/run.py", line 1032, in <module>
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
====
Failures:
  exitcode  : -15 (pid: 2)
Root Cause (first observed failure):
[0]:
  rank      : 1 (local_rank: 1)
  exitcode  : 7 (pid: 1)
====
"""
MPIRUN = f"""{"-" * 74}
Primary job  terminated normally, but 1 process returned
a non-zero exit code. Per user-direction, the job has been aborted.
{"-" * 74}
{"-" * 74}
mpirun detected that one or more processes exited with non-zero status, thus causing
the job to be terminated. The first process to do so was:

  Process name: [[1,1],0]
{"-" * 74}
"""
HELP = f"{'-' * 74}\nmpirun was unable to find the specified executable file\n{'-' * 74}\n"


@pytest.mark.parametrize("log", [LOG, OLD_LOG, OLDER_LOG])
def test_torchrun_is_not_what_failed(log: str) -> None:
    said = f"early\nwhy\n{log}{TORCHRUN}"
    assert failure.exit_code(1, said) == 7
    assert failure.reason(7, said) == "exit code 7\nearly\nwhy"


def test_a_rank_that_was_pulled_down_is_not_why() -> None:
    said = f"[rank1]: Traceback\n[rank1]: Error: why\n[rank0]: Error: lost the other\n{TORCHRUN}"
    assert failure.reason(7, said) == "exit code 7\n[rank1]: Traceback\n[rank1]: Error: why"


def test_mpirun_is_not_what_failed_unless_it_is() -> None:
    assert failure.reason(1, f"why\n{MPIRUN}") == "exit code 1\nwhy"
    assert "unable to find" in failure.reason(1, HELP + MPIRUN)
    assert failure.reason(1, MPIRUN).endswith("-" * 74), "better than nothing"


def test_words_right_behind_an_unended_line_are_told_apart() -> None:
    assert failure.reason(7, f"50%{LOG}{TORCHRUN}") == "exit code 7\n50%"
    assert failure.reason(1, f"50%{MPIRUN}why\n") == "exit code 1\n50%\nwhy"


def test_a_signal_is_named() -> None:
    assert failure.reason(139, "why") == "exit code 139 (SIGSEGV)\nwhy"
    assert failure.reason(137, "why") == "exit code 137 (SIGKILL, as when memory runs out)\nwhy"
    assert failure.reason(255, "why") == "exit code 255\nwhy"


def test_a_reason_fits_and_starts_with_a_line() -> None:
    said = "".join(f"line {number}\n" for number in range(1000))
    found = failure.reason(3, said)
    assert len(found) <= failure.LIMIT
    assert found.startswith("exit code 3\nline ")
    assert found.endswith("line 999")
    assert len(failure.reason(3, "x" * 5000)) == failure.LIMIT
