"""What can be chosen: benchmarks, scorers, judge metrics, a model's hyperparameters; as rows of plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compiler import assets, hyperparameters, inference, model
from compiler.diagnostics import Problems
from compiler.hyperparameters import Recipe
from compiler.lock import Context, MissingFact
from compiler.model import Model
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


_SCORING = ("Evaluation/DeterministicEvaluation",)
_NOVA_BENCHMARKS = ("Evaluation/DeterministicTextBenchmark", "Evaluation/DeterministicMultiModalBenchmark")
_RECIPES = {
    "MultiTurnRLTrainer": ("FineTuning/MTRL/LORA",),
    "MultiTurnRLEvaluator": ("Evaluation/MTRLEvaluation",),
    "BenchMarkEvaluator": _SCORING,
    "CustomScorerEvaluator": _SCORING,
}
RECIPES = frozenset(name for names in (*_RECIPES.values(), _NOVA_BENCHMARKS) for name in names)
"""The recipes that hyperparameters of any kind come from."""
KINDS = tuple(sorted(_RECIPES))
"""The kinds that have hyperparameters of a recipe."""


def hyperparameters_of(context: Context, given: str, kind: str | None) -> list[Row]:
    """What may be given to a model's kinds: kind, recipe, name, type, default, min, max, enum.

    The model is given as a spec's `model` is: by id, alias or ARN. Raises MissingFact where the lock does not
    know it.
    """
    found = _model(context, given)
    return [
        {"kind": name, "recipe": recipe, "name": entry, **about}
        for name, recipes in _RECIPES.items()
        if kind in (None, name)
        for recipe in (_NOVA_BENCHMARKS if found.is_nova and name == "BenchMarkEvaluator" else recipes)
        for entry, about in _entries(recipe, found.recipe(recipe)).items()
    ]


def _entries(name: str, recipe: Recipe | None) -> Mapping[str, Any]:
    """The entries of a recipe that a spec may give."""
    if name in (*_SCORING, *_NOVA_BENCHMARKS):
        return inference.entries(recipe)
    managed = hyperparameters.SERVICE_MANAGED
    return {entry: about for entry, about in hyperparameters.entries(recipe).items() if entry not in managed}


def _model(context: Context, given: str) -> Model:
    problems = Problems()
    found = model.find(Traced(given), context, problems)
    for problem in problems:
        raise MissingFact(problem.message, problem.hint)
    if found is None or found.recipes is None:
        raise MissingFact(f"the lock does not know the base model of {given}", "run `sagespec lock`")
    return found


def _data(name: str) -> dict[str, Any]:
    found: dict[str, Any] = assets.document(assets.data() / f"{name}.json")
    return found
