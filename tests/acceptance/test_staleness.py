"""What an evaluation used of a trainer that was run again since is no longer what is there."""

from __future__ import annotations

import json
from pathlib import Path

from sagespec.sandbox import Sandbox
from sagespec.sandbox.service import REMEMBERED_SECONDS

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
        assert f"{TRAINER} has produced arn:" in told
    run("apply", *FAST)
    assert [call.operation for call in aws.mutations()].count("StartPipelineExecution") == started
    run("delete", EVALUATION, "--yes")
    aws.clock.advance(REMEMBERED_SECONDS)  # a token that was used is good for a day
    run("apply", *FAST)
    assert "ran what is in" in run("verify", EVALUATION).stderr


CHAIN = (
    SPECS.split("---")[0]
    + """---
apiVersion: sagespec/v1
kind: MultiTurnRLTrainer
metadata: {name: further}
spec:
  model: {ref: MultiTurnRLTrainer/agent}
  agent_env: myRuntime-aBcDeFgHiJ
  training_dataset: s3://my-bucket/support/train.jsonl
  s3_output_path: s3://my-bucket/output
---
apiVersion: sagespec/v1
kind: MultiTurnRLEvaluator
metadata: {name: last}
spec:
  model: {ref: MultiTurnRLTrainer/further}
  dataset: s3://my-bucket/support/evaluation.jsonl
  s3_output_path: s3://my-bucket/evaluations
"""
)
FURTHER, LAST = "MultiTurnRLTrainer/further", "MultiTurnRLEvaluator/last"


def test_a_chain_is_stale_link_by_link(project: Path, aws: Sandbox, run: Run) -> None:
    """A training that went on from a package that was replaced is stale; what used its own package is not yet."""
    (project / "specs" / "a.yaml").write_text(CHAIN, "utf-8")
    run("compile")
    run("apply", *FAST)
    assert json.loads(run("status", "-o", "json").stdout)["stale"] == {}
    run("delete", TRAINER, "--yes")
    run("apply", *FAST)
    stale = json.loads(run("status", "-o", "json").stdout)["stale"]
    assert set(stale) == {FURTHER}
    (output,) = stale[FURTHER]
    assert output["output"].startswith(f"{TRAINER}.")
    assert output["used"] != output["now"]
    assert json.loads(run("results", LAST, "-o", "json").stdout)["stale"] == []
    assert f"stale: it used {output['used']}" in run("verify", FURTHER, code=1).stdout
    run("delete", FURTHER, "--yes")
    run("apply", *FAST)
    assert set(json.loads(run("status", "-o", "json").stdout)["stale"]) == {LAST}
    (one,) = json.loads(run("results", LAST, "-o", "json").stdout)["stale"]
    assert one["output"].startswith(f"{FURTHER}.")
    run("results", LAST, "--check", code=4)


def test_what_depends_on_what_is_stale_is_not_started(project: Path, aws: Sandbox, run: Run) -> None:
    trainers, _, evaluator = CHAIN.rpartition("---")
    (project / "specs" / "a.yaml").write_text(trainers, "utf-8")
    run("compile")
    run("apply", *FAST)
    run("delete", TRAINER, "--yes")
    run("apply", *FAST)
    (project / "specs" / "b.yaml").write_text(evaluator, "utf-8")
    run("compile")
    assert "\nBLOCKED\n  ! " in run("plan").stdout
    before = len(aws.mutations())
    run("apply", *FAST, code=None)
    assert len(aws.mutations()) == before
    run("delete", FURTHER, "--yes")
    run("apply", *FAST)
    assert json.loads(run("status", "-o", "json").stdout)["stale"] == {}
