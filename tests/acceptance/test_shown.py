"""What `describe`, `list`, `status` and `logs` show to people."""

from __future__ import annotations

import json
import re
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sagespec.executor import listing
from sagespec.sandbox import Sandbox
from sagespec.sandbox.service import OPERATIONS, ServiceError

from tests.conftest import ROOT, Run

SPECS = ("model-trainer", "torchrun", "multi-turn-rl-trainer", "custom-agent-lambda", "bench-mark-evaluator")
RUNS = {
    "ModelTrainer/line": ("Identity", "Status", "History", "Where it runs", "Model and data", "Results"),
    "MultiTurnRLTrainer/support-agent": ("Identity", "Status", "History", "Model and data", "Results", "Tags"),
    "CustomAgentLambda/calculator": ("Identity", "Status", "Where it runs"),
    "BenchMarkEvaluator/llama-mmlu": ("Identity", "Status", "Steps", "Where it runs", "Results"),
}
EVALUATION = "BenchMarkEvaluator/llama-mmlu"
PYTHON = re.compile(r"\b(None|True|False|datetime|tzutc)\b|[{}\[\]']")


@pytest.fixture
def ran(project: Path, aws: Sandbox, run: Run) -> Path:
    """One run of each sort."""
    for name in SPECS:
        shutil.copy(ROOT / "specs" / f"{name}.yaml", project / "specs")
    for folder in ("training", "agents"):
        shutil.copytree(ROOT / "specs" / folder, project / "specs" / folder)
    run("compile")
    run("apply", "--yes", "--wait", "--poll", "1")
    return project


def test_people_are_shown_tables_and_blocks(ran: Path, aws: Sandbox, run: Run) -> None:
    for address, blocks in RUNS.items():
        text = run("describe", address).stdout
        titles = [line for line in text.splitlines() if line[:1].isalpha()]
        assert [title for title in titles if title in blocks] == list(blocks), text
        assert not PYTHON.search(text), text
        assert f"sagespec logs {address}" in text
        for block in text.split("\n\n"):  # the values of a block stand in one column
            cells = [re.match(r"  \S.*?  +", line) for line in block.splitlines()[1:]]
            assert len({len(cell[0]) for cell in cells if cell}) <= 1, block
    assert "#/jobs/line-" in run("describe", "ModelTrainer/line").stdout
    assert "#/functions/SageMaker-agent" in run("describe", "CustomAgentLambda/calculator").stdout

    header, *rows = run("status").stdout.splitlines()
    assert header.split() == ["spec", "status", "progress", "elapsed", "run"]
    column = header.index("status")
    assert [row[column:].split()[0] for row in rows if not row.startswith(" ")].count("Completed") == 2
    assert run("status", "Torchrun/two-a-node").stdout == "Torchrun/two-a-node: runs nothing itself\n"

    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ line-[0-9a-f]{12}/algo-1 \S+"
    assert all(re.match(pattern, line) for line in run("logs", "ModelTrainer/line").stdout.splitlines())


def test_a_list_has_a_header_and_asks_little(ran: Path, aws: Sandbox, run: Run) -> None:
    header, *rows = run("list", "--created-after", "1h").stdout.splitlines()
    assert header.split() == ["kind", "name", "status", "created", "duration", "address", "model"]
    own = next(row for row in rows if "ModelTrainer/line" in row)
    assert re.search(r"Completed  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC  \d+ s +ModelTrainer/line +-$", own)
    assert re.search(r"MultiTurnRLTrainer/support-agent +huggingface-reasoning-qwen3-32b$", "\n".join(rows), re.M)
    entries = json.loads(run("list", "-o", "json").stdout)["runs"]
    assert {"address", "model", "end_time", "duration_seconds"} <= entries[0].keys()

    before = len(aws.calls)
    run("list", "--kind", "ModelTrainer", "--name-contains", "line")
    assert [call.operation for call in aws.calls[before:]].count("DescribeTrainingJob") == 0, "its file is known"
    shutil.rmtree(ran / "compiled")
    before = len(aws.calls)
    assert "line-" in run("list", "--kind", "ModelTrainer", "--descending", "--limit", "1").stdout
    assert [call.operation for call in aws.calls[before:]].count("DescribeTrainingJob") <= 3


def test_of_evaluations_that_have_ended_the_newest_are_asked_how_long_they_took(
    ran: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def durations(*options: str) -> dict[str, Any]:
        found = json.loads(run("list", "-o", "json", *options).stdout)["runs"]
        return {entry["address"]: entry["duration_seconds"] for entry in found}

    described = json.loads(run("describe", EVALUATION, "-o", "json").stdout)
    taken = datetime.fromisoformat(described["end_time"]) - datetime.fromisoformat(described["creation_time"])
    assert durations()[EVALUATION] == int(taken.total_seconds())
    before = len(aws.calls)
    assert EVALUATION not in durations("--limit", "1", "--sort-by", "Status")
    assert "DescribePipelineExecution" not in [call.operation for call in aws.calls[before:]], "it is not shown"

    with monkeypatch.context() as patch:
        patch.setattr(listing, "MOST_ASKED", 0)
        assert durations()[EVALUATION] is None

    def denied(_region: Any, _request: dict[str, Any]) -> dict[str, Any]:
        raise ServiceError("AccessDeniedException", "User is not authorized")

    monkeypatch.setitem(OPERATIONS, "DescribePipelineExecution", denied)
    assert durations()[EVALUATION] is None, "a list is shown as far as the caller may see it"
