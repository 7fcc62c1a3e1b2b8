"""List benchmarks, scorers, judge metrics and a model's hyperparameters as rows of plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagespec import assets
from sagespec.diagnostics import Problems
from sagespec.documents.traced import Traced
from sagespec.project.lock import Context, MissingFact
from sagespec.sagemaker import hyperparameters, inference_parameters, model, recipes
from sagespec.sagemaker.model import Model
from sagespec.sagemaker.recipes import Recipe

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


def hyperparameters_of(context: Context, given: str, kind: str | None) -> list[Row]:
    """What may be given to a model's kinds: kind, recipe, name, type, default, min, max, enum.

    The model is given as a spec's `model` is: by id, alias or ARN. Raises MissingFact where the lock does not
    know it.
    """
    chosen = _model(context, given)
    return [
        {"kind": name, "recipe": recipe.key, "name": entry, **about}
        for name in recipes.kinds()
        if kind in (None, name)
        for recipe in recipes.of_model(name, is_nova=chosen.is_nova)
        for entry, about in _entries(recipe, chosen).items()
    ]


def _entries(recipe: Recipe, chosen: Model) -> Mapping[str, Any]:
    """The entries of a model's recipe that a spec may give."""
    known = chosen.recipe(recipe.key)
    if recipe.is_inference:
        return inference_parameters.entries(known)
    managed = hyperparameters.SERVICE_MANAGED
    return {entry: about for entry, about in hyperparameters.entries(known).items() if entry not in managed}


def _model(context: Context, given: str) -> Model:
    problems = Problems()
    chosen = model.find(Traced(given), context, problems)
    for problem in problems:
        raise MissingFact(problem.message, problem.hint)
    if chosen is None or chosen.recipes is None:
        raise MissingFact(f"the lock does not know the base model of {given}", "run `sagespec lock`")
    return chosen


def _data(name: str) -> dict[str, Any]:
    document: dict[str, Any] = assets.document(assets.data() / f"{name}.json")
    return document
