"""Data of users in data of ours: whatever the keys, it arrives as it is or is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sagespec.compiling import loading, workspace
from sagespec.compiling.workspace import Compilation
from sagespec.documents import compiled
from sagespec.executor import markers
from sagespec.project import settings as project_settings
from sagespec.project.settings import Project

from tests.conftest import LOCK

FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
KEYS = st.sampled_from([*compiled.MARKERS, "Get", "Std:Join", "ref", "job", "a", "${x}", "x${", "$json "])
TEXT = st.sampled_from(["x", "requests.job.JobArn", "MultiTurnRLTrainer/a.JobArn", "Execution.PipelineName", ""])
SCALARS = TEXT | st.integers(-5, 5) | st.booleans()
TREES = st.recursive(
    SCALARS | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=5,
)
UNKNOWN_MODEL = "arn:aws:sagemaker:us-west-2:aws:hub-content/SageMakerPublicHub/Model/other-model/1.0.0"
AGENT = "arn:aws:lambda:us-west-2:123456789012:function:agent"
TRAINER = {"model": UNKNOWN_MODEL, "agent_env": AGENT, "training_dataset": "s3://my-bucket/train.jsonl"}
EVALUATOR = {
    "model": UNKNOWN_MODEL,
    "agent_config": AGENT,
    "dataset": "s3://my-bucket/x",
    "s3_output_path": "s3://my-bucket/out",
}
TRAINING: dict[str, Any] = {
    "training_image": "123456789012.dkr.ecr.us-west-2.amazonaws.com/train:1",
    "compute": {"instance_type": "ml.g5.12xlarge"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sagespec.lock.json").write_bytes(LOCK.read_bytes())
    (tmp_path / "run.py").write_text("", "utf-8")
    return tmp_path


def compile_spec(folder: Path, kind: str, fields: dict[str, Any]) -> Compilation:
    """Compile a spec with these fields, in which no `$` begins a value."""
    spec = {"apiVersion": "sagespec/v1", "kind": kind, "metadata": {"name": "a"}, "spec": fields}
    (folder / "a.json").write_text(json.dumps(spec), "utf-8")
    chosen, diagnostics = project_settings.choose(Project(root=folder), None, {})
    assert chosen is not None, diagnostics
    return workspace.compile(workspace.check(chosen, [folder / "a.json"]))


def sent(done: Compilation, folder: Path, request: str) -> Any:
    """The parameters of a request as they go to AWS, JSON texts read."""
    (build,) = done.builds.values()
    read = loading.load(compiled.dump(build.compiled).encode())
    (found,) = [r for r in read.requests if r.id == request]
    filled = markers.fill(found.parameters, {}, Project(root=folder))
    return {k: json.loads(v) if isinstance(v, str) and v.startswith("{") else v for k, v in filled.items()}


@FOLDER
@given(st.dictionaries(KEYS, SCALARS, min_size=1, max_size=2))
def test_hyperparameters_of_a_trainer(folder: Path, given_map: dict[str, Any]) -> None:
    done = compile_spec(folder, "MultiTurnRLTrainer", {**TRAINER, "hyperparameters": given_map})
    if not done.failed:
        document = sent(done, folder, "job")["JobConfigDocument"]
        assert document["TrainingConfig"]["HyperParameters"] == {k: str(v) for k, v in given_map.items()}


@FOLDER
@given(st.dictionaries(KEYS, SCALARS, min_size=1, max_size=2))
def test_hyperparameters_of_an_evaluator(folder: Path, given_map: dict[str, Any]) -> None:
    done = compile_spec(folder, "MultiTurnRLEvaluator", {**EVALUATOR, "hyperparameters": given_map})
    if not done.failed:
        step = sent(done, folder, "pipeline")["PipelineDefinition"]["Steps"][1]
        found = json.loads(step["Arguments"]["JobConfigDocument"])["EvaluationConfig"]["HyperParameters"]
        assert found == {k: str(v) for k, v in given_map.items()}
        assert not {"Get", "Std:Join"} & set(found)


@FOLDER
@given(st.dictionaries(KEYS, TREES, min_size=1, max_size=2))
def test_hyperparameters_of_a_training(folder: Path, given_map: dict[str, Any]) -> None:
    done = compile_spec(folder, "ModelTrainer", {**TRAINING, "hyperparameters": given_map})
    if not done.failed:
        texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in given_map.items()}
        assert sent(done, folder, "job")["HyperParameters"] == texts


@FOLDER
@given(st.dictionaries(KEYS, TREES, min_size=1, max_size=2))
def test_a_distributed_config_of_ones_own(folder: Path, given_map: dict[str, Any]) -> None:
    (folder / "driver").mkdir(exist_ok=True)
    (folder / "driver" / "run.py").write_text("", "utf-8")
    config = {**given_map, "type": "Custom", "driver_dir": "driver", "driver_script": "run.py"}
    source = {"source_dir": "driver", "entry_script": "run.py"}
    done = compile_spec(folder, "ModelTrainer", {**TRAINING, "source_code": source, "distributed": config})
    if not done.failed:
        assert sent(done, folder, "drivers/distributed.json")["Body"] == config, "null included"


@FOLDER
@given(st.lists(st.tuples(KEYS, TEXT), min_size=1, max_size=3))
def test_tags_of_a_function(folder: Path, pairs: list[tuple[str, str]]) -> None:
    given_tags = [{"key": key, "value": value} for key, value in pairs]
    fields = {"source": "s3://my-bucket/code.zip", "tags": given_tags}
    done = compile_spec(folder, "CustomAgentLambda", fields)
    if not done.failed:
        assert sent(done, folder, "function")["Tags"] == dict(pairs)
