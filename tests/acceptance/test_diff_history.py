"""What `diff` says of every address is what `apply` then does, over a history of forty commits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from sagespec.review.entry import STARTING, Class
from sagespec.sandbox import Sandbox
from sagespec.sandbox.service import Timing

from tests.acceptance.test_commits import git
from tests.conftest import Run, start_account

PROJECT = """apiVersion: sagespec/v1
kind: Project
defaults:
  region: us-west-2
  tags: {team: rl}
environments:
  dev:
    values: {size: 2, seconds: 600}
"""
GRAPH = """apiVersion: sagespec/v1
kind: MultiTurnRLTrainer
metadata: {name: agent}
spec:
  model: huggingface-reasoning-qwen3-32b
  agent_env: {ref: CustomAgentLambda/adapter}
  training_dataset: s3://my-bucket/train.jsonl
  s3_output_path: s3://my-bucket/out/${spec.name}/${spec.run}
  hyperparameters: {group_size: 4}
---
apiVersion: sagespec/v1
kind: BenchMarkEvaluator
metadata: {name: math}
spec:
  model: {ref: MultiTurnRLTrainer/agent}
  benchmark: math
  subtasks: [algebra]
  s3_output_path: s3://my-bucket/evaluations/${spec.name}
"""
ADAPTER = """apiVersion: sagespec/v1
kind: CustomAgentLambda
metadata: {name: adapter}
spec: {role: LambdaRole, source: adapter.py}
"""
TRAINING = """apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: NAME}
spec:
  training_image: 763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.4-gpu
  compute: {instance_type: ml.p4d.24xlarge, instance_count: 1}
  source_code: {source_dir: code, entry_script: train.py}
  distributed: {ref: Torchrun/pair}
  stopping_condition: {max_runtime_in_seconds: "${seconds}"}
  output_data_config: {s3_output_path: "s3://my-bucket/output/${spec.name}"}
"""
PAIR = """apiVersion: sagespec/v1
kind: Torchrun
metadata: {name: pair}
spec: {process_count_per_node: 2}
"""


Step = Callable[[], object]


def change(file: str, old: str, new: str) -> Step:
    def step() -> None:
        path = Path(file)
        text = path.read_text("utf-8")
        assert old in text, (file, old)
        path.write_text(text.replace(old, new), "utf-8")

    return step


def write(file: str, text: str) -> Step:
    return lambda: Path(file).write_text(text, "utf-8")


def remove(file: str) -> Step:
    return lambda: Path(file).unlink()


GRAPH_FILE, LINE, PROJECT_FILE = "specs/graph.yaml", "specs/line.yaml", "sagespec.yaml"
STEPS: list[tuple[Step, set[Class]]] = [
    (change(GRAPH_FILE, "group_size: 4", "group_size: 8"), {"start", "after"}),
    (change(GRAPH_FILE, "group_size: 8", "group_size: 4"), {"back"}),
    (change(GRAPH_FILE, "[algebra]", "[algebra, prealgebra]"), {"start"}),
    (change(LINE, "{name: line}", "{name: line, description: a line}"), set()),
    (change(LINE, "spec:\n", "# a comment\nspec:\n"), set()),
    (change(PROJECT_FILE, "team: rl", "team: agents"), {"quiet"}),
    (change(LINE, "instance_count: 1", "instance_count: 2"), {"start"}),
    (change(PROJECT_FILE, "seconds: 600", "seconds: 900"), {"start"}),
    (change(PROJECT_FILE, "seconds: 900", "seconds: 600"), {"back"}),
    (change("specs/pair.yaml", "node: 2", "node: 4"), {"start"}),
    (change("specs/code/train.py", "1", "2"), {"start"}),
    (change("specs/code/train.py", "2", "1"), {"back"}),
    (change("specs/adapter.py", "pass", "return {}"), {"start", "after"}),
    (change("specs/adapter.py", "return {}", "pass"), {"back"}),
    (change(GRAPH_FILE, "{name: agent}", "{name: agent, run: 2}"), {"start", "after"}),
    (change(GRAPH_FILE, "run: 2", "run: 1"), {"back"}),
    (change(GRAPH_FILE, ", run: 1", ""), {"quiet"}),
    (write("specs/second.yaml", TRAINING.replace("NAME", "second")), {"start"}),
    (change("specs/second.yaml", "name: second", "name: third"), {"renamed"}),
    (change("specs/second.yaml", "name: third", "name: second"), {"gone", "back"}),
    (remove("specs/second.yaml"), {"gone"}),
    (write("specs/second.yaml", TRAINING.replace("NAME", "second")), {"back"}),
    (change("specs/second.yaml", "instance_count: 1", "instance_count: one"), {"refused"}),
    (change("specs/second.yaml", "instance_count: one", "instance_count: 3"), {"start"}),
    (change(GRAPH_FILE, "kind: MultiTurnRLTrainer", "kind: [MultiTurnRLTrainer"), {"refused"}),
    (change(GRAPH_FILE, "kind: [MultiTurnRLTrainer", "kind: MultiTurnRLTrainer"), set()),
    (change(LINE, "spec:\n", "spec:\n  tags: {a: b}\n"), {"quiet"}),
    (change(LINE, "tags: {a: b}", "tags: {a: c}"), {"quiet"}),
    (change(LINE, "  tags: {a: c}\n", "  hyperparameters: {lr: 0.1}\n"), {"start"}),
    (change(LINE, "lr: 0.1", "lr: 0.10"), set()),
    (change(LINE, "lr: 0.1", "lr: 0.2"), {"start"}),
    (change(LINE, "lr: 0.2", "lr: 0.3"), {"start"}),
    (change(GRAPH_FILE, "benchmark: math", "benchmark: bbh"), {"refused"}),
    (change(GRAPH_FILE, "  subtasks: [algebra, prealgebra]\n", ""), {"start"}),
    (change(GRAPH_FILE, "spec.name}/${spec.run}", "spec.name}/x${spec.run}"), {"start", "after"}),
    (change("sagespec.lock.json", "2.0.1", "2.0.2"), {"start", "after"}),
    (change(PROJECT_FILE, "tags: {team: agents}", "tags: {team: agents, owner: me}"), {"quiet"}),
    (change(PROJECT_FILE, "region: us-west-2", "region: us-west-2\n  base_job_name: fixed"), {"start", "after"}),
    (change("specs/pair.yaml", "node: 4", "node: 2"), {"start"}),
    (change(PROJECT_FILE, "\n  base_job_name: fixed", ""), {"back", "start"}),
]


STARTS = {"CreateJob", "CreateTrainingJob", "StartPipelineExecution"}
"""The operations that begin runs; a function is made and does not run."""


@pytest.fixture(scope="module")
def quick() -> Iterator[Sandbox]:
    """An account in which nothing takes long."""
    with start_account(Timing(job=0.02, lineage=0.01)) as running:
        yield running


def runs(run: Run) -> dict[str, str]:
    """The ARN of what AWS runs or has run, of each address that has a compiled file."""
    listed = json.loads(run("status", "-e", "dev", "-o", "json").stdout)["status"]
    return {one["address"]: one["arn"] for one in listed}


@pytest.mark.slow
def test_what_diff_says_is_what_apply_does(
    project: Path, run: Run, quick: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in quick.environment().items():
        monkeypatch.setenv(name, value)
    (project / "specs" / "code").mkdir()
    files = {
        PROJECT_FILE: PROJECT,
        GRAPH_FILE: GRAPH,
        LINE: TRAINING.replace("NAME", "line"),
        "specs/pair.yaml": PAIR,
        "specs/adapter.yaml": ADAPTER,
        "specs/adapter.py": "def handler(event, context): pass\n",
        "specs/code/train.py": "print(1)\n",
    }
    for file, text in files.items():
        write(file, text)()
    run("compile", "-e", "dev")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "0")
    run("apply", "-e", "dev", "--yes", "--wait", "--poll", "1")
    assert len(STEPS) == 40
    assert {sort for _, expected in STEPS for sort in expected} == {*get_args(Class)}
    unexpected: list[tuple[int, dict[str, Class]]] = []
    seen = {*runs(run).values()}
    for number, (step, expected) in enumerate(STEPS, 1):
        step()
        said: dict[str, Any] = json.loads(run("diff", "-e", "dev", "-o", "json", code=None).stdout)
        classes: dict[str, Class] = {entry["address"]: entry["class"] for entry in said["entries"]}
        run("compile", "-e", "dev", code=None)
        before = len(quick.calls)
        run("apply", "-e", "dev", "--yes", "--wait", "--poll", "1")
        sent = [call.operation for call in quick.calls[before:] if call.operation in STARTS]
        now = runs(run)
        started = {address for address, arn in now.items() if arn not in seen}
        seen |= {*now.values()}
        assert started == {address for address, sort in classes.items() if sort in STARTING}, number
        run_now = {address for address in started if not address.startswith("CustomAgentLambda/")}
        assert len(sent) == len(run_now), f"{number}: what has no compiled file has not started either"
        if {*classes.values()} != expected:
            unexpected.append((number, classes))
        git("add", "--all", ".")
        git("commit", "-q", "--allow-empty", "-m", str(number))
    assert not unexpected
