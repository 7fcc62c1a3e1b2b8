"""List benchmarks, scorers, judge metrics and a model's hyperparameters as rows of plain data."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sagespec import assets
from sagespec.diagnostics import Problems
from sagespec.documents.traced import Traced
from sagespec.project.facts import Context, MissingFact
from sagespec.sagemaker import hyperparameters, inference_parameters, model, recipes, techniques
from sagespec.sagemaker.model import Model
from sagespec.sagemaker.recipes import Recipe

Row = dict[str, Any]


def benchmarks() -> list[Row]:
    """Return the benchmarks: name, modality, description, metrics, strategy, subtasks, Nova restriction."""
    return [{"name": name, **about} for name, about in _data("benchmarks").items()]


def scorers() -> list[Row]:
    """Return the built-in scorers: name and description."""
    return [{"name": name, "description": text} for name, text in _data("scorers").items()]


def judge_metrics() -> list[Row]:
    """Return the metrics that Bedrock documents for judges: name and description."""
    return [{"name": name, "description": text} for name, text in _data("judge_metrics").items()]


def hyperparameters_of(context: Context, given: str, kind: str | None) -> list[Row]:
    """Return the hyperparameters of a model that a spec may set: kind, recipe, name, type, default, min, max, enum.

    `given` is an id, an alias or an ARN, as in a spec's `model`. A fine-tuning has recipes for training types and
    sequence lengths. Raises MissingFact where the lock does not have the model.
    """
    return of_recipes(_model(context, given), kind)


def of_recipes(known: Model, kind: str | None) -> list[Row]:
    """Return the hyperparameters of a model that is looked up, as `hyperparameters_of` does."""
    return [
        {"kind": name, "recipe": key, "name": entry, **about}
        for name in recipes.kinds()
        if kind in (None, name)
        for recipe in recipes.of_model(name, is_nova=known.is_nova)
        for key, entries in _entries(recipe, known)
        for entry, about in entries.items()
    ]


def _entries(recipe: Recipe, found: Model) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the entries that a spec may set, for each recipe of a model that is one of a kind's."""
    keys = sorted(key for key in found.recipes or {} if key.startswith(f"{recipe.key}/"))
    if techniques.of_recipe(recipe.key) is None:
        yield recipe.key, settable(recipe, found.recipe(recipe.key))
    else:
        yield from ((key, settable(recipe, found.recipe(key))) for key in keys)


def settable(recipe: Recipe, known: Mapping[str, Any] | None, given: Collection[str] = ()) -> dict[str, Any]:
    """Return the entries that a spec may set of a model's recipe, which the lock knows.

    Left out is what the service or the trainer sets, and what those fields decide that the spec has, `given`.
    """
    if recipe.is_inference:
        return dict(inference_parameters.entries(known))
    technique = techniques.of_recipe(recipe.key)
    filled_in = technique.filled_in if technique else ()
    settled = [pattern for field, pattern in technique.settling.items() if field in given] if technique else []
    return {
        name: about
        for name, about in hyperparameters.entries(known).items()
        if not (name in filled_in or hyperparameters.is_of_the_service(name, about))
        and not any(re.fullmatch(pattern, name) for pattern in settled)
    }


def judges(region: str | None) -> list[Row]:
    """Return the judges for reward_model_id of an RLAIFTrainer, of a region or all: name, regions."""
    rows = [{"name": name, "regions": regions} for name, regions in techniques.judges().items()]
    return [row for row in rows if region is None or region in row["regions"]]


def reward_prompts(context: Context, given: str | None) -> list[Row]:
    """Return the presets for reward_prompt of an RLAIFTrainer: model, name, and the value that is sent.

    Contains the presets of one model, or of all in the lock, and the registered prompts in the lock. Raises
    MissingFact where the lock does not have the model.
    """
    models = [_model(context, name) for name in ([given] if given else context.facts.get("hub_models", {}))]
    keys = tuple(f"{recipe.key}/" for recipe in recipes.of_kind("RLAIFTrainer"))
    rows = {
        (found.name, value): {"model": found.name, "name": name, "value": value}
        for found in models
        for key, recipe in sorted((found.recipes or {}).items())
        if key.startswith(keys)
        for name, value in techniques.prompts(recipe).items()
    }
    registered = [
        {"model": "", "name": known["name"], "value": arn}
        for arn, known in sorted(context.facts.get("evaluators", {}).items())
        if known["type"] == "RewardPrompt"
    ]
    return [*rows.values(), *registered]


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
