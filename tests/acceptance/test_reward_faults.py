"""An RLVR training with a Lambda function under kills, faults and late reads: one hub, one evaluator, one job."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from sagespec.sandbox import Faults, Sandbox, existing

from tests.acceptance.test_faults import Toll, apply_and_kill, apply_until_done, count, start
from tests.conftest import Run

REWARD = "arn:aws:lambda:us-west-2:123456789012:function:our_reward"
CALLS = ("CreateHub", "ImportHubContent", "POST /2015-03-31/functions", "DescribeHubContent", "CreateTrainingJob")


@pytest.fixture
def compiled(project: Path, run: Run) -> Path:
    """Two trainings that share a reward function."""
    for name in ("one", "two"):
        spec = {
            "model": "huggingface-reasoning-qwen3-32b",
            "model_package_group": "out-mpg",
            "training_dataset": "s3://my-bucket/train.jsonl",
            "custom_reward_function": REWARD,
        }
        document = {"apiVersion": "sagespec/v1", "kind": "RLVRTrainer", "metadata": {"name": name}, "spec": spec}
        (project / "specs" / f"{name}.json").write_text(json.dumps(document), "utf-8")
    run("compile")
    return project / "compiled"


def begin(faults: Faults, folder: Path) -> Sandbox:
    """A sandbox with the function and without a registry, which comes to be with the first import."""
    running = start(faults, folder)
    region = running.region("us-west-2")
    existing.create(region, REWARD)
    region.table("hub_contents").clear()
    region.table("hubs").clear()
    running.clock.advance(60)  # no late read shows what was there before
    return running


def check(folder: Path, running: Sandbox) -> None:
    toll, region = Toll(), running.region("us-west-2")
    count(folder, running, toll)
    assert (toll.duplicates, toll.losses) == (0, 0), toll
    assert (len(region.table("hubs")), len(region.table("hub_contents"))) == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "done"), list(itertools.product(CALLS, (False, True))), ids=lambda value: str(value).replace(" ", "-")
)
def test_a_kill_at_any_call_is_made_good(call: str, done: bool, compiled: Path) -> None:
    with begin(Faults(), compiled) as running:
        assert apply_and_kill(compiled, running, (call, done), 1), f"{call} was never called"
        apply_until_done(compiled, running, Toll())
        check(compiled, running)


@pytest.mark.slow
@pytest.mark.parametrize("lag", [5, 60])
def test_faults_and_late_reads_double_nothing(lag: int, compiled: Path) -> None:
    with begin(Faults(throttle=0.2, error=0.1, drop=0.1, lag=lag, seed=lag), compiled) as running:
        apply_until_done(compiled, running, Toll())
        running.misbehave(Faults())
        check(compiled, running)
