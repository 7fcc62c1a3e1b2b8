"""Trainings on this machine: our drivers, real PyTorch, real Open MPI, in the tree of the container."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run

STARTERS = [
    None,
    pytest.param("Torchrun", marks=pytest.mark.torch),
    pytest.param("MPI", marks=pytest.mark.mpi),
]
HYPERPARAMETERS = {
    "plain": "x y",
    "quoted": 'it\'s "so" $HOME `id` \\ ${x}'.replace("${x}", "$x"),
    "unicode": "naïve 日本 🎈",
    "number": 0.1,
    "flag": True,
    "nothing": None,
    "nested": {"k": [1, "a b"]},
    "dashes": "--not-an-option",
}
REPORT = """
import json, os, sys
names = "AWS_REGION TRAINING_JOB_NAME RANK LOCAL_RANK WORLD_SIZE OMPI_COMM_WORLD_RANK OMPI_COMM_WORLD_SIZE NCCL_PROTO"
found = {n: v for n, v in os.environ.items() if n.startswith("SM_") or n in names.split()}
found["argv"] = sys.argv[1:]
rank = os.environ.get("RANK") or os.environ.get("OMPI_COMM_WORLD_RANK") or os.environ["SM_CURRENT_HOST"]
open(os.path.join(os.environ["REPORTS"], rank + ".json"), "w").write(json.dumps(found))
"""
# It leaves without Python's clean-up, in which PyTorch 2.13 aborts once in thirty runs: "terminate called without an
# active exception".
ALL_REDUCE = (
    REPORT
    + r"""
import torch, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
dist.init_process_group("gloo")
total = torch.tensor([float(dist.get_rank() + 1)])
dist.all_reduce(total)
model = DistributedDataParallel(torch.nn.Linear(1, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
losses = []
for step in range(15):
    x = torch.randn(32, 1)
    loss = ((model(x) - (3 * x + 1)) ** 2).mean()
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    losses.append(loss.item())
sys.stdout.write(f"RESULT {dist.get_rank()} {total.item()} {losses[0] > 10 * losses[-1]}\n")
dist.barrier()
dist.destroy_process_group()
sys.stdout.flush()
os._exit(0)
"""
)
MPI_REDUCE = (
    REPORT
    + r"""
from mpi4py import MPI
total = MPI.COMM_WORLD.allreduce(MPI.COMM_WORLD.Get_rank() + 1)
sys.stdout.write(f"RESULT {MPI.COMM_WORLD.Get_rank()} {total}\n")
"""
)


def training(project: Path, script: str, name: str = "train.py", **fields: Any) -> Path:
    """Write a trainer with a script; give the folder where the script reports."""
    reports = project / "reports"
    reports.mkdir()
    (project / "specs" / "src").mkdir()
    (project / "specs" / "src" / name).write_text(script, "utf-8")
    spec = {
        "training_image": "image:1",
        "compute": {"instance_type": "ml.p4d.24xlarge", "instance_count": 2},
        "source_code": {"source_dir": "src", "entry_script": name},
        "environment": {"REPORTS": str(reports)},
        **fields,
    }
    document = {"apiVersion": "sagespec/v1", "kind": "ModelTrainer", "metadata": {"name": "t"}, "spec": spec}
    (project / "specs" / "t.json").write_text(json.dumps(document), "utf-8")
    return reports


def started_by(kind: str | None) -> dict[str, Any]:
    return {"distributed": {"type": kind, "process_count_per_node": 1}} if kind else {}


def reported(reports: Path) -> dict[str, Any]:
    return {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(reports.iterdir())}


def check_hyperparameters(report: dict[str, Any]) -> None:
    """Everything arrives as it was written: as arguments, as variables, and all together."""
    arguments = dict(zip(report["argv"][::2], report["argv"][1::2], strict=True))
    for name, value in HYPERPARAMETERS.items():
        text = value if isinstance(value, str) else json.dumps(value)
        assert arguments[f"--{name}"] == text
        assert report[f"SM_HP_{name.upper()}"] == text
    assert json.loads(report["SM_HPS"]) == HYPERPARAMETERS


def test_a_plain_script_gets_what_the_container_would_give_it(project: Path, run: Run) -> None:
    data = project / "data"
    data.mkdir()
    reports = training(
        project,
        REPORT,
        hyperparameters=HYPERPARAMETERS,
        input_data_config=[{"channel_name": "train-set", "data_source": "s3://my-bucket/d"}],
    )
    run("run", "ModelTrainer/t", "--channel", f"train-set={data}")
    (report,) = reported(reports).values()
    check_hyperparameters(report)
    assert report["SM_CURRENT_HOST"] == "algo-1"
    assert json.loads(report["SM_CHANNELS"]) == ["code", "sm_drivers", "train-set"]
    assert report["SM_CHANNEL_TRAIN_SET"].endswith("/opt/ml/input/data/train-set")
    assert report["SM_CURRENT_INSTANCE_TYPE"] == "ml.p4d.24xlarge"
    assert json.loads(report["SM_INPUT_DATA_CONFIG"])["train-set"] == {
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
    }
    summary = json.loads(report["SM_TRAINING_ENV"])
    assert summary["hyperparameters"] == HYPERPARAMETERS
    assert summary["channel_input_dirs"]["train-set"] == report["SM_CHANNEL_TRAIN_SET"]
    assert summary["hosts"] == ["algo-1"]
    assert summary["job_name"] == report["TRAINING_JOB_NAME"]
    assert re.fullmatch(r"t-[0-9a-f]{12}", report["TRAINING_JOB_NAME"])
    assert report["AWS_REGION"] == "us-west-2"
    assert not Path(report["SM_MODEL_DIR"]).exists(), "the tree is thrown away"


def test_hyperparameters_that_are_too_long_for_one_variable(project: Path, run: Run) -> None:
    given = {f"k{number}": "é" * 2500 for number in range(30)}
    reports = training(project, REPORT, hyperparameters=given)
    said = run("run", "ModelTrainer/t").stdout
    (report,) = reported(reports).values()
    assert report["SM_HP_K29"] == given["k29"]
    assert len(report["argv"]) == 60
    assert "SM_HPS" not in report
    assert "SM_HPS is too long for a variable" in said


@pytest.mark.slow
@pytest.mark.torch
def test_two_hosts_of_two_processes_train_with_torchrun(project: Path, run: Run) -> None:
    reports = training(project, ALL_REDUCE, distributed={"type": "Torchrun"}, hyperparameters=HYPERPARAMETERS)
    said = run("run", "ModelTrainer/t", "--hosts", "2", "--processes", "2").stdout
    found = reported(reports)
    assert sorted(found) == ["0", "1", "2", "3"]
    for rank, report in found.items():
        number = int(rank)
        assert report["WORLD_SIZE"] == "4"
        assert report["LOCAL_RANK"] == str(number % 2)
        assert report["SM_CURRENT_HOST"] == f"algo-{number // 2 + 1}"
        assert report["SM_CURRENT_HOST_RANK"] == str(number // 2)
        assert json.loads(report["SM_HOSTS"]) == ["algo-1", "algo-2"]
        assert report["NCCL_PROTO"] == "simple"
        check_hyperparameters(report)
    assert sorted(re.findall(r"RESULT \d \S+ \w+", said)) == [f"RESULT {n} 10.0 True" for n in range(4)]


@pytest.mark.mpi
def test_four_processes_by_mpirun(project: Path, run: Run) -> None:
    options = ["--mca", "mpi_show_mca_params", "all", "-x", "OWN_OPTION=reached"]
    script = MPI_REDUCE + 'assert os.environ["OWN_OPTION"] == "reached"\n'
    distributed = {"type": "MPI", "process_count_per_node": 4, "mpi_additional_options": options}
    reports = training(project, script, distributed=distributed, hyperparameters=HYPERPARAMETERS)
    said = run("run", "ModelTrainer/t").stdout
    found = reported(reports)
    assert sorted(found) == ["0", "1", "2", "3"]
    for report in found.values():
        assert report["OMPI_COMM_WORLD_SIZE"] == "4"
        check_hyperparameters(report)
    assert sorted(re.findall(r"RESULT \d \d+", said)) == [f"RESULT {n} 10" for n in range(4)]


def test_several_hosts_of_mpi_are_refused(project: Path, run: Run) -> None:
    training(project, "", distributed={"type": "MPI"})
    assert "need SSH between them" in run("run", "ModelTrainer/t", "--hosts", "2", code=1).stderr


def test_a_machine_without_mpirun_says_so(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    training(project, "", distributed={"type": "MPI"})
    monkeypatch.setenv("PATH", str(project))
    said = run("run", "ModelTrainer/t", code=1)
    assert said.stderr.startswith("error: mpirun is not on this machine: install Open MPI")
    assert "Traceback" not in said.stderr + said.stdout


@pytest.mark.parametrize("kind", STARTERS)
def test_a_failing_script_tells_why(project: Path, run: Run, kind: str | None) -> None:
    script = 'def fail():\n    raise ValueError("no é luck")\nfail()\n'
    training(project, script, **started_by(kind))
    result = run("run", "ModelTrainer/t", "--keep", project / "kept", code=4)
    assert "algo-1 ended with exit code 1" in result.stderr
    assert "ValueError: no é luck" in result.stderr
    assert "ValueError: no é luck" in result.stdout
    failure = (project / "kept" / "algo-1" / "opt" / "ml" / "output" / "failure").read_text("utf-8")
    assert "in fail" in failure
    assert len(failure) <= 1024


@pytest.mark.parametrize("kind", STARTERS)
def test_the_exit_code_is_the_scripts_own(project: Path, run: Run, kind: str | None) -> None:
    training(project, "import sys; sys.exit(7)\n", **started_by(kind))
    assert "exit code 7" in run("run", "ModelTrainer/t", code=4).stderr


def test_shell_scripts_commands_and_drivers_of_ones_own(project: Path, run: Run) -> None:
    training(project, 'echo "got $1 $2 on $SM_CURRENT_HOST"\n', "train.sh", hyperparameters={"a": "b c"})
    assert "[algo-1] got --a b c on algo-1" in run("run", "ModelTrainer/t").stdout
    spec = project / "specs" / "t.json"
    document = json.loads(spec.read_text("utf-8"))
    document["spec"]["source_code"] = {"command": "echo it says $SM_HP_A"}
    spec.write_text(json.dumps(document), "utf-8")
    assert "[algo-1] it says b c" in run("run", "ModelTrainer/t").stdout
    (project / "specs" / "own").mkdir()
    driver = "import json, os\nprint('driver', json.loads(os.environ['SM_DISTRIBUTED_CONFIG'])['level'])\n"
    (project / "specs" / "own" / "drive.py").write_text(driver, "utf-8")
    document["spec"]["source_code"] = {"source_dir": "src", "entry_script": "train.sh"}
    own = {"type": "Custom", "driver_dir": "own", "driver_script": "drive.py", "level": 3}
    document["spec"]["distributed"] = own
    spec.write_text(json.dumps(document), "utf-8")
    assert "[algo-1] driver 3" in run("run", "ModelTrainer/t").stdout


def test_one_failing_host_stops_the_others(project: Path, run: Run) -> None:
    script = "import os, sys, time\nif os.environ['SM_CURRENT_HOST_RANK'] == '1': sys.exit(3)\ntime.sleep(600)\n"
    training(project, script)
    assert "algo-2 ended with exit code 3" in run("run", "ModelTrainer/t", "--hosts", "2", code=4).stderr


def test_requirements_are_installed_beside_the_tree(project: Path, run: Run) -> None:
    training(
        project,
        "import json\n",
        source_code={"source_dir": "src", "entry_script": "train.py", "requirements": "r.txt"},
    )
    (project / "specs" / "src" / "r.txt").write_text("# nothing is needed\n", "utf-8")
    run("run", "ModelTrainer/t")
    (project / "specs" / "src" / "r.txt").write_text("./no-such-folder\n", "utf-8")
    assert "ended with exit code 1" in run("run", "ModelTrainer/t", code=4).stderr


def test_what_cannot_run_here(project: Path, run: Run) -> None:
    training(project, "", source_code={"source_dir": "src", "entry_script": "other.py"})
    assert "other.py is not in src" in run("run", "ModelTrainer/t", code=1).stderr
    assert "no spec is called" in run("run", "ModelTrainer/nobody", code=2).stderr


def test_a_kept_tree_may_be_given_as_people_do(project: Path, run: Run) -> None:
    training(project, "open('made', 'w').close()\n")
    run("run", "ModelTrainer/t", "--keep", "kept")
    assert (project / "kept/algo-1/opt/ml/input/data/code/made").exists()
    assert "already exists" in run("run", "ModelTrainer/t", "--keep", "kept", code=2).stderr


def test_options_that_would_change_nothing_are_refused(project: Path, run: Run) -> None:
    training(project, "", input_data_config=[{"channel_name": "train", "data_source": "s3://my-bucket/d"}])
    assert "did you mean 'train'?" in run("run", "ModelTrainer/t", "--channel", "trian=specs", code=2).stderr
    assert "no input channel 'code'" in run("run", "ModelTrainer/t", "--channel", "code=specs", code=2).stderr
    assert "has no `distributed`" in run("run", "ModelTrainer/t", "--processes", "2", code=1).stderr


def test_a_progress_bar_is_seen_step_by_step_and_hosts_never_share_a_line(project: Path, run: Run) -> None:
    bar = (
        "import sys, time\nfor n in range(3): sys.stderr.write(f'\\r{n} of 2'); sys.stderr.flush(); time.sleep(0.1)\n"
    )
    training(project, bar)
    assert run("run", "ModelTrainer/t").stdout == "".join(f"[algo-1] {n} of 2\n" for n in range(3))
    said = run("run", "ModelTrainer/t", "--hosts", "3").stdout
    assert all(re.fullmatch(r"\[algo-[123]\] [012] of 2", line) for line in said.splitlines()), said


SHOW = """
import json, os, sys
from pathlib import Path
root = Path(os.environ["SM_INPUT_DIR"])
channel = Path(os.environ["SM_CHANNEL_TRAIN"])
found = {
    "argv": sys.argv[1:],
    "hyperparameters": json.loads((root / "config" / "hyperparameters.json").read_text()),
    "SM_HPS": json.loads(os.environ["SM_HPS"]),
    "data": {p.relative_to(channel).as_posix(): p.read_text("utf-8") for p in channel.rglob("*") if p.is_file()},
    "one file": [p.name for p in Path(os.environ["SM_CHANNEL_LABELS"]).iterdir()],
    "here": sorted(p.name for p in Path.cwd().iterdir()),
}
Path(os.environ["REPORTS"], "report.json").write_text(json.dumps(found))
"""
ARGS = ["a b", "it's $HOME\n", "naïve 日本", 1e-05, 3, ""]


def test_arguments_files_and_an_archive_are_as_in_the_container(project: Path, run: Run) -> None:
    specs = project / "specs"
    reports = training(
        project,
        "",
        source_code={"source_dir": "code.tar.gz", "command": "python3 sub/show.py\n", "args": ARGS},
        hyperparameters="parameters.yaml",
        input_data_config=[
            {"channel_name": "train", "data_source": "data", "content_type": "text/csv"},
            {"channel_name": "labels", "data_source": "labels.csv"},
        ],
    )
    (specs / "data" / ".hidden").mkdir(parents=True)
    (specs / "data" / ".hidden" / "é.csv").write_text("1,é\n", "utf-8")
    (specs / "data" / "a.csv").write_text("1\n", "utf-8")
    (specs / "labels.csv").touch()
    (specs / "parameters.yaml").write_text("lr: 1.0e-05\nname: ${spec.name}\nflag: true\nlist: [1, a]\n", "utf-8")
    with tarfile.open(specs / "code.tar.gz", "w:gz") as packed:
        info = tarfile.TarInfo("sub/show.py")
        info.size = len(SHOW)
        packed.addfile(info, io.BytesIO(SHOW.encode()))
    run("run", "ModelTrainer/t", "--keep", "kept")
    (report,) = reported(reports).values()
    given = {"lr": 1e-05, "name": "${spec.name}", "flag": True, "list": [1, "a"]}
    assert report["argv"] == [str(argument) for argument in ARGS]
    assert report["hyperparameters"] == {k: v if isinstance(v, str) else json.dumps(v) for k, v in given.items()}
    assert report["SM_HPS"] == given
    assert report["data"] == {"a.csv": "1\n", ".hidden/é.csv": "1,é\n"}
    assert report["one file"] == ["labels.csv"]
    assert report["here"] == ["code.tar.gz", "sub"]
    config = project / "kept/algo-1/opt/ml/input/config/inputdataconfig.json"
    assert json.loads(config.read_text("utf-8"))["train"]["ContentType"] == "text/csv"


def test_code_in_s3_is_given_as_a_folder_and_unpacked_in_a_copy(project: Path, run: Run) -> None:
    source = {"source_dir": "s3://my-bucket/code.tar.gz", "entry_script": "train.py"}
    training(project, "", source_code=source)
    own = project / "downloaded"
    own.mkdir()
    with tarfile.open(own / "code.tar.gz", "w:gz") as packed:
        info = tarfile.TarInfo("train.py")
        packed.addfile(info, io.BytesIO(b""))
    told = run("run", "ModelTrainer/t", code=1).stderr
    assert (
        "the code is s3://my-bucket/code.tar.gz: download it, and give its folder with --channel code=FOLDER" in told
    )
    run("run", "ModelTrainer/t", "--channel", f"code={own}")
    assert [path.name for path in own.iterdir()] == ["code.tar.gz"]


def test_hosts_are_in_instance_groups_and_preferences_have_a_first(project: Path, run: Run) -> None:
    groups = [
        {"instance_group_name": "gpu", "instance_type": "ml.p4d.24xlarge", "instance_count": 1},
        {"instance_group_name": "data", "instance_type": "ml.c5.xlarge", "instance_count": 1},
    ]
    reports = training(project, REPORT, compute={"instance_groups": groups})
    run("run", "ModelTrainer/t", "--hosts", "2")
    told = {host: json.loads(report["SM_RESOURCE_CONFIG"]) for host, report in reported(reports).items()}
    assert {host: config["current_group_name"] for host, config in told.items()} == {
        "algo-1": "gpu",
        "algo-2": "data",
    }
    kinds = {host: report["SM_CURRENT_INSTANCE_TYPE"] for host, report in reported(reports).items()}
    assert kinds == {"algo-1": "ml.p4d.24xlarge", "algo-2": "ml.c5.xlarge"}
    spec = project / "specs" / "t.json"
    document = json.loads(spec.read_text("utf-8"))
    preferences = [{"instance_type": "ml.p5.48xlarge"}, {"instance_type": "ml.p4d.24xlarge"}]
    document["spec"]["compute"] = {"instance_count": 1, "instance_preferences": preferences}
    spec.write_text(json.dumps(document), "utf-8")
    run("run", "ModelTrainer/t")
    assert reported(reports)["algo-1"]["SM_CURRENT_INSTANCE_TYPE"] == "ml.p5.48xlarge"
