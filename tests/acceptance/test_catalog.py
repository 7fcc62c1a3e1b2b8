"""The catalogue as a user sees it: what can be chosen, from the data of this package and from the lock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Run

HUB = "arn:aws:sagemaker:us-west-2:aws:hub-content/SageMakerPublicHub/Model"
PACKAGE = "arn:aws:sagemaker:us-west-2:123456789012:model-package"


@pytest.mark.parametrize(
    "model",
    [
        "nova-textgeneration-lite-v2",
        "amazon.nova-2-lite-v1:0",
        f"{HUB}/nova-textgeneration-lite-v2",
        f"{PACKAGE}/nova-ft/4",
    ],
)
def test_hyperparameters_of_a_model_by_any_of_its_names(model: str, project: Path, run: Run) -> None:
    rows = json.loads(run("catalog", "hyperparameters", model, "--kind", "BenchMarkEvaluator", "-o", "json").stdout)
    assert {row["name"] for row in rows} == {"max_new_tokens", "temperature", "top_k", "top_p"}
    assert {row["recipe"].rpartition("/")[2] for row in rows} == {
        "DeterministicTextBenchmark",
        "DeterministicMultiModalBenchmark",
    }


def test_a_model_without_recipes_says_so(project: Path, run: Run) -> None:
    result = run("catalog", "hyperparameters", "huggingface-llm-bare-7b")
    assert (result.stdout, result.stderr) == ("", "huggingface-llm-bare-7b has no recipe in the lock\n")
    one = run("catalog", "hyperparameters", "huggingface-reasoning-qwen3-4b", "--kind", "MultiTurnRLTrainer")
    assert "no recipe for a MultiTurnRLTrainer" in one.stderr


@pytest.mark.parametrize("model", ["nope", f"{HUB}/nope", f"{PACKAGE}/nope/1"])
def test_a_model_that_the_lock_does_not_know_is_refused(model: str, project: Path, run: Run) -> None:
    assert "run `sagespec lock`" in run("catalog", "hyperparameters", model, code=1).stderr
