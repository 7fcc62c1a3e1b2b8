"""The catalogue as a user sees it: what can be chosen, from the data of this package and from the lock."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from tests.conftest import LOCK, Run

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


def test_a_technique_has_entries_for_each_type_and_length(project: Path, run: Run) -> None:
    rows = json.loads(
        run(
            "catalog", "hyperparameters", "huggingface-reasoning-qwen3-32b", "--kind", "SFTTrainer", "-o", "json"
        ).stdout
    )
    by_recipe: dict[str, set[str]] = {}
    for row in rows:
        by_recipe.setdefault(row["recipe"], set()).add(row["name"])
    assert set(by_recipe) == {f"FineTuning/SFT/{rest}" for rest in ("FULL", "LORA", "LORA/8K", "LORA/32K")}
    assert "lora_rank" in by_recipe["FineTuning/SFT/LORA"] - by_recipe["FineTuning/SFT/FULL"]
    assert not any({"data_path", "validation_data_path"} & names for names in by_recipe.values())


def test_judges_are_those_of_a_region(run: Run) -> None:
    everywhere = json.loads(run("catalog", "judges", "-o", "json").stdout)
    here = json.loads(run("catalog", "judges", "--region", "eu-west-1", "-o", "json").stdout)
    assert {row["name"] for row in here} < {row["name"] for row in everywhere}
    assert all("eu-west-1" in row["regions"] for row in here)


def prompts(model: str) -> list[dict[str, Any]]:
    (context,) = json.loads(LOCK.read_text("utf-8"))["contexts"].values()
    recipes = context["hub_models"][model]["recipes"]
    return [recipes["FineTuning/RLAIF/LORA"]["hyperparameters"]["judge_prompt_template"]]


def test_reward_prompts_are_those_of_a_recipe_and_of_the_registry(project: Path, run: Run) -> None:
    rows = json.loads(run("catalog", "reward-prompts", "-o", "json").stdout)
    model = "huggingface-reasoning-qwen3-32b"
    presets = {row["name"]: row["value"] for row in rows if row["model"] == model}
    (sent,) = (p["enum"] for p in prompts(model))
    assert presets == {PurePosixPath(value).stem: value for value in sent}
    assert [row["name"] for row in rows if not row["model"]] == ["my-prompt"]
    assert sent[0] in run("catalog", "reward-prompts", model).stdout
    missing = run("catalog", "reward-prompts", "nope", code=1)
    assert "run `sagespec lock`" in missing.stderr
