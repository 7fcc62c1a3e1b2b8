"""`diff`: what a change of specs would start, against a commit of the real git."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_commits import git
from tests.conftest import ROOT, Run

PROJECT = """apiVersion: sagespec/v1
kind: Project
defaults:
  region: us-west-2
  tags: {team: rl}
environments:
  prod:
    values: {tries: 2}
"""


@pytest.fixture
def committed(project: Path, run: Run) -> Path:
    """The examples of a graph and of a training, compiled and committed."""
    for name in ("graph.yaml", "custom-agent-lambda.yaml", "model-trainer.yaml", "torchrun.yaml"):
        shutil.copy(ROOT / "specs" / name, project / "specs")
    for name in ("agents", "training"):
        shutil.copytree(ROOT / "specs" / name, project / "specs" / name)
    (project / "sagespec.yaml").write_text(PROJECT, "utf-8")
    run("compile")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    return project


def change(file: str, old: str, new: str) -> None:
    path = Path(file)
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def entries(run: Run, *arguments: str, code: int = 0) -> dict[str, dict[str, Any]]:
    document = json.loads(run("diff", "-o", "json", *arguments, code=code).stdout)
    return {entry["address"]: entry for entry in document["entries"]}


def test_a_change_is_said_with_what_starts_and_where(committed: Path, run: Run) -> None:
    assert committed
    assert run("diff").stdout.endswith("\n0 start, 0 removed, 0 changed quietly, 0 refused.\n")
    change("specs/graph.yaml", "group_size: 4", "group_size: 8")
    change("specs/graph.yaml", "[algebra, prealgebra]", "[algebra]")
    change("specs/model-trainer.yaml", "instance_count: 2", "instance_count: 4")
    change("sagespec.yaml", "team: rl", "team: agents")
    said = run("diff", "--detailed-exitcode", code=6)
    assert "compiled files on disk are out of date" in said.stderr
    head, *lines = said.stdout.splitlines()
    assert head == f"HEAD {git('rev-parse', 'HEAD')[:7]} .. work tree, account 123456789012"
    text = "\n".join(lines)
    for expected in (
        "> ModelTrainer/line                           4 x ml.p4d.24xlarge, at most 30 m: 2 instance-hours (was 1)\n"
        "    compute.instance_count  2 -> 4  specs/model-trainer.yaml:8\n",
        "    hyperparameters.group_size  4 -> 8 (the recipe's own)  specs/graph.yaml:11\n",
        "  <- BenchMarkEvaluator/calculator-math        4 steps, at most 24 h each; changed itself too\n"
        "      subtasks  [algebra, prealgebra] -> [algebra]  specs/graph.yaml:28\n",
        "~ CustomAgentLambda/calculator: tags.team  rl -> agents  sagespec.yaml:5 (default)  starts nothing\n",
        "5 start (3 of them after another), 0 removed, 1 changed quietly, 0 refused; at most 2 instance-hours.",
    ):
        assert expected in text
