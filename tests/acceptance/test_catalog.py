"""The catalogue as a user sees it: what can be chosen, from the data of this package and from the lock."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from tests.conftest import LOCK, ROOT, Run

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


OF_THE_TRAINER = {"reserved-name", "service-managed", "unknown-hyperparameter"}
"""The rules about hyperparameters that no spec should have, whatever their values are."""


@pytest.mark.parametrize(
    ("model", "kinds"), [("huggingface-reasoning-qwen3-32b", 8), ("nova-textgeneration-lite-v2", 6)]
)
def test_what_is_listed_is_what_a_spec_may_set(model: str, kinds: int, project: Path, run: Run) -> None:
    """Specs set every entry of the recipes in the lock; what is refused or warned of is not listed."""
    (context,) = json.loads(LOCK.read_text("utf-8"))["contexts"].values()
    known = context["hub_models"][model]["recipes"]
    texts = [file.read_text("utf-8") for file in (ROOT / "specs").glob("*.yaml")]
    specs = {spec["kind"]: spec for text in texts for spec in yaml.safe_load_all(text)}
    listed, all_names = dict[str, set[str]](), dict[str, set[str]]()
    for row in json.loads(run("catalog", "hyperparameters", model, "-o", "json").stdout):
        if row["recipe"].count("/") == 1 or row["recipe"].endswith("/LORA"):
            listed.setdefault(row["kind"], set()).add(row["name"])
            recipe = known.get(row["recipe"]) or known[f"{row['recipe']}/LORA"]
            specs[row["kind"]]["spec"]["hyperparameters"] = {
                name: about.get("default") or 1 for name, about in recipe["hyperparameters"].items()
            }
            all_names[row["kind"]] = {*recipe["hyperparameters"]}
    assert len(listed) == kinds
    deciding = {"reward_model_id", "reward_prompt"}  # they take the place of entries
    for kind in listed:
        kept = {name: value for name, value in specs[kind]["spec"].items() if name not in deciding}
        specs[kind]["spec"] = {**kept, "model": model}
        (project / "specs" / f"{kind}.json").write_text(json.dumps(specs[kind]), "utf-8")
    refused = dict[str, set[str]]()
    for one in json.loads(run("validate", "--format", "json", code=1).stdout)["diagnostics"]:
        if one["rule"] in OF_THE_TRAINER:
            refused.setdefault(one["address"].partition("/")[0], set()).add(one["path"].rpartition(".")[2])
    assert listed == {kind: names - refused.get(kind, set()) for kind, names in all_names.items()}


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
