"""What an evaluation used of a trainer that was run again since is no longer what is there."""

from __future__ import annotations

from pathlib import Path

from compiler.sandbox import Sandbox
from compiler.sandbox.service import REMEMBERED_SECONDS
from tests.acceptance.test_apply import FAST
from tests.acceptance.test_preflight import SPECS
from tests.conftest import Run

TRAINER, EVALUATION = "MultiTurnRLTrainer/agent", "MultiTurnRLEvaluator/episodes"


def test_an_evaluation_of_what_was_trained_again_is_stale(project: Path, aws: Sandbox, run: Run) -> None:
    (project / "specs" / "a.yaml").write_text(SPECS, "utf-8")
    run("compile")
    run("apply", *FAST)
    for fresh in (["verify", EVALUATION], ["results", EVALUATION, "--check"]):
        assert "stale" not in run(*fresh).stdout
    run("delete", TRAINER, "--yes")
    run("apply", *FAST)
    started = [call.operation for call in aws.mutations()].count("StartPipelineExecution")
    for words, code in (
        (["plan"], 0),
        (["status", EVALUATION], 0),
        (["verify", EVALUATION], 1),
        (["results", EVALUATION], 0),
        (["results", EVALUATION, "--check"], 4),
    ):
        said = run(*words, code=code)
        told = said.stdout + said.stderr
        assert "stale: it used arn:aws:sagemaker:us-west-2:123456789012:model-package/" in told, words
        assert f"{TRAINER} has put out arn:" in told
    run("apply", *FAST)
    assert [call.operation for call in aws.mutations()].count("StartPipelineExecution") == started
    run("delete", EVALUATION, "--yes")
    aws.clock.advance(REMEMBERED_SECONDS)  # a token that was used is good for a day
    run("apply", *FAST)
    assert "ran what is in" in run("verify", EVALUATION).stderr
