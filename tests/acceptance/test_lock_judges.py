"""Judge models, locked: until when they can be used, and who is told."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest
from sagespec.cli import plan_text
from sagespec.cli.session import Session
from sagespec.executor import files
from sagespec.sandbox import Sandbox

from tests.acceptance.test_lock import FILE, context, write
from tests.conftest import Run


def test_judges_end(project: Path, aws: Sandbox, run: Run) -> None:
    (project / FILE).unlink()
    given = {
        "model": "huggingface-reasoning-qwen3-4b",
        "dataset": "s3://my-bucket/evaluation.jsonl",
        "s3_output_path": "s3://my-bucket/o",
    }
    write(project, "LLMAsJudgeEvaluator", "tone", evaluator_model="anthropic.claude-retired-v1:0", **given)
    run("lock", "--region", "us-west-2")
    assert context(project)["judge_models"]["anthropic.claude-retired-v1:0"]["usable"] is False
    said = run("validate", code=1).stderr
    assert re.search(r"specs/tone.json:1:\d+: error\[[\w-]+\]: .*anthropic.claude-retired-v1:0", said)
    write(project, "LLMAsJudgeEvaluator", "tone", evaluator_model="amazon.nova-pro-v1:0", **given)
    run("lock")
    lock = json.loads((project / FILE).read_text("utf-8"))
    judge = lock["contexts"]["123456789012/us-west-2"]["judge_models"]["amazon.nova-pro-v1:0"]
    judge["end_of_life"] = "2001-01-01"
    (project / FILE).write_text(json.dumps(lock), "utf-8")
    run("compile")
    assert "the judge amazon.nova-pro-v1:0 ended on 2001-01-01" in run("plan").stderr


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ("2027-02-28", "ended on"),
        ("2027-03-01", "ends on"),
        ("2027-03-31", "ends on"),
        ("2027-04-01", None),
        (None, None),
    ],
)
def test_a_judge_that_ends_within_thirty_days_is_told(
    ends: str | None, told: str | None, project: Path, run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    judge = "amazon.nova-pro-v1:0"
    given = {
        "model": "huggingface-reasoning-qwen3-4b",
        "dataset": "s3://my-bucket/d",
        "s3_output_path": "s3://my-bucket/o",
    }
    write(project, "LLMAsJudgeEvaluator", "tone", evaluator_model=judge, **given)
    run("compile")
    lock = json.loads((project / FILE).read_text("utf-8"))
    lock["contexts"]["123456789012/us-west-2"]["judge_models"][judge]["end_of_life"] = ends
    (project / FILE).write_text(json.dumps(lock), "utf-8")
    plan_text.warn_of_ends(files.read([project / "compiled"]), Session(), date(2027, 3, 1))
    said = capfd.readouterr().err
    assert said == (
        f"warning: LLMAsJudgeEvaluator/tone: the judge {judge} {told} {ends}; choose another\n" if told else ""
    )
