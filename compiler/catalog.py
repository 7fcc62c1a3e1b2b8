"""What can be chosen: benchmarks, scorers, judge metrics, a model's hyperparameters; as rows of plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from compiler import assets, hyperparameters, model
from compiler.diagnostics import Problems
from compiler.lock import Context, MissingFact
from compiler.trace import Traced

Row = dict[str, Any]


def benchmarks() -> list[Row]:
    """The benchmarks: name, modality, description, metrics, strategy, subtasks, Nova restriction."""
    return [{"name": name, **about} for name, about in _data("benchmarks").items()]


def scorers() -> list[Row]:
    """The built-in scorers."""
    return [{"name": name, "description": text} for name, text in _data("scorers").items()]


def judge_metrics() -> list[Row]:
    """The metrics that Bedrock documents for judges."""
    return [{"name": name, "description": text} for name, text in _data("judge_metrics").items()]


RECIPES = {
    "MultiTurnRLTrainer": ("FineTuning/MTRL",),
    "MultiTurnRLEvaluator": ("Evaluation/MTRLEvaluation",),
    "BenchMarkEvaluator": (
        "Evaluation/DeterministicEvaluation",
        "Evaluation/DeterministicTextBenchmark",
        "Evaluation/DeterministicMultiModalBenchmark",
    ),
    "CustomScorerEvaluator": ("Evaluation/DeterministicEvaluation",),
}
"""The recipes that hyperparameters of each kind come from."""


def hyperparameters_of(context: Context, given: str, kind: str | None) -> list[Row]:
    """A model's hyperparameters by kind: name, type, default, min, max, enum.

    The model is given as a spec's `model` is: by id, alias or ARN. Raises MissingFact where the lock does not
    know it.
    """
    rows = []
    recipes = _recipes(context, given)
    for name, starts in RECIPES.items():
        if kind not in (None, name):
            continue
        for key, recipe in sorted(recipes.items()):
            if any(key == start or key.startswith(f"{start}/") for start in starts):
                rows += [
                    {"kind": name, "recipe": key, "name": entry, **about}
                    for entry, about in hyperparameters.entries(recipe).items()
                    if entry not in hyperparameters.SERVICE_MANAGED
                ]
    return rows


def _recipes(context: Context, given: str) -> Mapping[str, Any]:
    problems = Problems()
    found = model.find(Traced(given), context, problems)
    for problem in problems:
        raise MissingFact(problem.message, problem.hint)
    if found is None or found.recipes is None:
        raise MissingFact(f"the lock does not know the base model of {given}", "run `sagespec lock`")
    return found.recipes


def _data(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((assets.data() / f"{name}.json").read_text("utf-8"))
    return found
