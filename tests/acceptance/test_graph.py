"""`graph`: what refers to what, and the steps of a pipeline."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, Run


@pytest.fixture
def examples(project: Path) -> Path:
    for name in ("graph.yaml", "custom-agent-lambda.yaml", "model-trainer.yaml", "torchrun.yaml"):
        shutil.copy(ROOT / "specs" / name, project / "specs")
    for name in ("agents", "training"):
        shutil.copytree(ROOT / "specs" / name, project / "specs" / name)
    return project


def test_specs_with_what_they_need_and_what_needs_them(examples: Path, run: Run) -> None:
    assert examples
    everything = json.loads(run("graph", "-o", "json").stdout)
    assert len(everything["nodes"]) == 7
    around = json.loads(run("graph", "BenchMarkEvaluator/*", "-o", "json").stdout)
    assert [node["id"] for node in around["nodes"]] == [
        "BenchMarkEvaluator/calculator-math",
        "CustomAgentLambda/calculator",
        "MultiTurnRLTrainer/calculator-agent",
    ]
    by_path = run("graph", "specs/torchrun.yaml").stdout
    assert by_path == (
        'flowchart LR\n  n0["ModelTrainer/line"]\n  n1["Torchrun/two-a-node"]\n  n1 -->|distributed| n0\n'
    )
    run("compile")
    assert run("graph", "compiled/Torchrun/two-a-node.json").stdout == by_path
    assert run("graph", "compiled").stdout == run("graph").stdout
    assert run("graph", "-o", "svg").stdout == run("graph", "-o", "svg").stdout
    assert "did you mean" in run("graph", "BenchMarkEvaluator/calculator-maths", code=2).stderr


def test_steps_of_one_pipeline(examples: Path, run: Run) -> None:
    assert examples
    drawn = json.loads(run("graph", "calculator-math", "--steps", "-o", "json").stdout)
    assert [node["name"] for node in drawn["nodes"]] == [
        "CreateEvaluationAction",
        "EvaluateBaseModel",
        "EvaluateCustomModel",
        "AssociateLineage",
    ]
    assert {(edge["first"], edge["then"]) for edge in drawn["edges"]} >= {("EvaluateBaseModel", "AssociateLineage")}
    assert "3 are asked for" in run("graph", "--steps", code=2).stderr


def test_specs_that_are_not_valid_are_said_and_left_out(examples: Path, run: Run) -> None:
    file = examples / "specs" / "model-trainer.yaml"
    file.write_text(file.read_text("utf-8").replace("instance_count: 2", "instance_count: two"), "utf-8")
    said = run("graph", code=1)
    assert "ModelTrainer" not in said.stdout
    assert "specs/model-trainer.yaml:8" in said.stderr
