"""Inference parameters of evaluations that score by rule, as the SDK selects and sends them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagespec.diagnostics import Problems
from sagespec.documents.traced import Traced
from sagespec.sagemaker import hyperparameters
from sagespec.sagemaker.hyperparameters import Recipe
from sagespec.sagemaker.model import Model

PARAMETERS = (
    "max_new_tokens",
    "temperature",
    "top_k",
    "top_p",
    "aggregation",
    "postprocessing",
    "max_model_len",
)
"""The entries that the SDK uses of a recipe's override spec; the service sets the others."""

SETTLED = frozenset(
    {
        "task",
        "strategy",
        "subtask",
        "metric",
        "evaluation_metric",
        "lambda_type",
        "preset_reward_function",
    }
)
"""Further values that an evaluation sets itself."""


def find(given: Traced, recipe: Recipe | None, problems: Problems) -> dict[str, Traced]:
    """Return the parameters of a recipe, given or default, as text; those without a value are left out."""
    if recipe is None:
        for name, value in given.entries():
            if name in SETTLED:
                problems.error("reserved-name", f"the evaluation sets {name!r} itself", value.path, on_key=True)
        return hyperparameters.complete(given, None, problems)
    return hyperparameters.complete(given, {**recipe, "hyperparameters": entries(recipe)}, problems)


def entries(recipe: Recipe | None) -> Mapping[str, Any]:
    """Return the entries of a recipe's override spec that are inference parameters."""
    return {name: about for name, about in hyperparameters.entries(recipe).items() if name in PARAMETERS}


def metric_name(model: Model) -> str:
    """Return the name of the metric's parameter, which differs in Nova's container."""
    return "metric" if model.is_nova else "evaluation_metric"
