"""Inference parameters of evaluations that score by rule, as the SDK chooses and sends them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compiler import hyperparameters
from compiler.diagnostics import Problems
from compiler.model import Model
from compiler.trace import Traced

PARAMETERS = (
    "max_new_tokens",
    "temperature",
    "top_k",
    "top_p",
    "aggregation",
    "postprocessing",
    "max_model_len",
)
"""What the SDK takes from a recipe's override spec; the rest belongs to the service."""


def find(given: Traced, found: Model, recipe_name: str, problems: Problems) -> dict[str, Traced]:
    """The parameters of a recipe, given or default, as text; those without a value are left out."""
    recipe = found.recipe(f"Evaluation/{recipe_name}")
    if recipe is None:
        message = f"{found.name} has no {recipe_name} recipe in the lock: it is evaluated without its parameters"
        problems.warn("no-recipe", message, given.path, "run `sagespec lock` if it should have one")
    return hyperparameters.complete(given, _inference_only(recipe), problems)


def _inference_only(recipe: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if recipe is None:
        return None
    entries = hyperparameters.entries(recipe)
    return {**recipe, "hyperparameters": {k: v for k, v in entries.items() if k in PARAMETERS}}


def metric_name(found: Model) -> str:
    """What the metric is called: Nova's container has another word for it."""
    return "metric" if found.is_nova else "evaluation_metric"
