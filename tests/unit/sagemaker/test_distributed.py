"""Rules of distributed trainings, and the files that they upload."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sagespec.sagemaker import distributed

from tests.conftest import ROOT, Run


def compile_one(project: Path, run: Run, code: int, smp: dict[str, Any], **fields: Any) -> str:
    (project / "specs" / "src").mkdir(exist_ok=True)
    (project / "specs" / "src" / "train.py").write_text("", "utf-8")
    spec = {
        "training_image": "image:1",
        "compute": {"instance_type": "ml.p4d.24xlarge", "instance_count": 2},
        "source_code": {"source_dir": "src", "entry_script": "train.py"},
        "distributed": {"type": "Torchrun", "smp": smp},
        **fields,
    }
    document = {"apiVersion": "sagespec/v1", "kind": "ModelTrainer", "metadata": {"name": "t"}, "spec": spec}
    (project / "specs" / "t.json").write_text(json.dumps(document), "utf-8")
    return run("compile", code=code).stderr


def compiled(project: Path) -> dict[str, Any]:
    made = json.loads((project / "compiled" / "ModelTrainer" / "t.json").read_text("utf-8"))
    return {request["id"]: request["parameters"] for request in made["requests"]}


@pytest.mark.parametrize(
    ("smp", "says"),
    [
        ({"tensor_parallel_degree": 32}, "more than the 16 processes"),
        ({"tensor_parallel_degree": 3}, "does not divide the 16 processes"),
        ({"expert_parallel_degree": 5}, "does not divide the 16 processes"),
        ({"tensor_parallel_degree": 2, "expert_parallel_degree": 2}, "excludes tensor parallelism"),
        ({"context_parallel_degree": 4, "hybrid_shard_degree": 2}, "more than hybrid_shard_degree 2"),
        ({"hybrid_shard_degree": 17}, "more than the 16 processes"),
    ],
)
def test_degrees_that_cannot_work(project: Path, run: Run, smp: dict[str, Any], says: str) -> None:
    assert says in compile_one(project, run, 1, smp)


@pytest.mark.parametrize(
    "smp",
    [
        {},
        {"tensor_parallel_degree": 1, "expert_parallel_degree": 4},
        {"context_parallel_degree": 4, "hybrid_shard_degree": 0},
        {"context_parallel_degree": 4, "hybrid_shard_degree": 8, "tensor_parallel_degree": 2},
    ],
)
def test_degrees_that_work(project: Path, run: Run, smp: dict[str, Any]) -> None:
    compile_one(project, run, 0, smp)
    assert json.loads(compiled(project)["job"]["HyperParameters"]["mp_parameters"]) == smp


def test_a_driver_of_ones_own_is_told_what_it_likes(project: Path, run: Run) -> None:
    own = {"process_count_per_node": "8", "smp": {"tensor_parallel_degree": "many"}, "none": None}
    config = {"type": "Custom", "driver_dir": "src", "driver_script": "./train.py", **own}
    parameters = {"mp_parameters": "its own"}
    compile_one(project, run, 0, {}, distributed=config, hyperparameters=parameters)
    requests = compiled(project)
    assert requests["drivers/distributed.json"]["Body"] == {"$json": config}
    assert requests["job"]["HyperParameters"] == parameters


def test_the_drivers_of_torchrun_and_mpi_are_named(project: Path, run: Run) -> None:
    for kind, script in (("Torchrun", "torch_launch.py"), ("MPI", "mpi_launch.py")):
        compile_one(project, run, 0, {}, distributed={"type": kind})
        requests = compiled(project)
        document = requests["drivers/distributed.json"]["Body"]["$json"]
        assert document == {"type": kind, "driver_dir": "sm_drivers/drivers", "driver_script": script}
        assert f"drivers/{document['driver_dir'].removeprefix('sm_drivers/')}/{script}" in requests


def test_where_pip_finds_nothing_is_said(project: Path, run: Run) -> None:
    (project / "specs" / "src").mkdir()
    (project / "specs" / "src" / "r.txt").touch()
    source = {"source_dir": "src", "entry_script": "train.py", "requirements": "./r.txt"}
    fields = {"source_code": source, "networking": {"enable_network_isolation": True}}
    assert "warning[no-network]" in compile_one(project, run, 0, {}, **fields)
    repository = {"CA_REPOSITORY_ARN": "arn:aws:codeartifact:us-west-2:123456789012:repository/d/r"}
    said = compile_one(project, run, 0, {}, source_code=source, environment=repository)
    assert "warning[no-effect]: requirements are not looked for in CodeArtifact" in said


def test_nothing_is_known_of_an_unknown_instance_type(project: Path, run: Run) -> None:
    compute = {"instance_type": "ml.z9.24xlarge", "instance_count": 2}
    compile_one(project, run, 0, {"tensor_parallel_degree": 64}, compute=compute)


def test_slow_networks_are_hinted_at(project: Path, run: Run) -> None:
    compute = {"instance_type": "ml.g5.4xlarge", "instance_count": 2}
    assert "warning[no-efa]" in compile_one(project, run, 0, {}, compute=compute)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"source_code": {"command": "ls"}}, "distributed starts an entry_script"),
        ({"source_code": None}, "distributed has no script"),
        ({"source_code": {"entry_script": "train.py"}}, "needs a source_dir"),
        ({"source_code": {"source_dir": "nowhere", "entry_script": "a.py"}}, "no such folder"),
        ({"source_code": {"source_dir": "x" * 5000, "entry_script": "a.py"}}, "no such folder"),
        ({"source_code": {"source_dir": "a\0b", "entry_script": "a.py"}}, "no such folder"),
        ({"source_code": {"source_dir": "s3://my-bucket/a", "entry_script": "a.py"}}, "a folder ends in /"),
        ({"source_code": {"source_dir": "src", "entry_script": "b.py"}}, "b.py is not in src"),
        ({"hyperparameters": {"mp_parameters": 1}}, "smp sets the hyperparameter"),
        ({"input_data_config": [{"channel_name": "code", "data_source": "s3://my-bucket/c"}]}, "sagespec's own"),
        ({"distributed": {"type": "MPI", "smp": {}}}, "smp"),
    ],
)
def test_what_contradicts_itself(project: Path, run: Run, fields: dict[str, Any], says: str) -> None:
    given = {name: value for name, value in fields.items() if value is not None}
    if fields.get("source_code", 1) is None:
        given["source_code"] = {}
    assert says in compile_one(project, run, 1, {}, **given)


def test_the_drivers_know_the_same_networks() -> None:
    efa = json.loads((ROOT / "compiler" / "sagespec" / "drivers" / "efa.json").read_text("utf-8"))["efa"]
    assert efa == sorted(name for name, known in distributed.instances().items() if known["efa"])
    for name in ("ml.p5en.48xlarge", "ml.p6-b200.48xlarge", "ml.g6.48xlarge", "ml.g6e.48xlarge", "ml.trn2.48xlarge"):
        assert name in efa
