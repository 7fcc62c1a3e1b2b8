"""Inference parameters of evaluations that score by rule, as the SDK chooses and sends them."""

from __future__ import annotations

from compiler import hyperparameters
from compiler.diagnostics import Problems
from compiler.hyperparameters import Recipe
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
"""What an evaluation says of itself beside them."""


def find(given: Traced, recipe: Recipe | None, problems: Problems) -> dict[str, Traced]:
    """The parameters of a recipe, given or default, as text; those without a value are left out."""
    if recipe is None:
        for name, value in given.entries():
            if name in SETTLED:
                problems.error("reserved-name", f"the evaluation sets {name!r} itself", value.path, on_key=True)
        return hyperparameters.complete(given, None, problems)
    entries = {k: v for k, v in hyperparameters.entries(recipe).items() if k in PARAMETERS}
    return hyperparameters.complete(given, {**recipe, "hyperparameters": entries}, problems)


def metric_name(found: Model) -> str:
    """What the metric is called: Nova's container has another word for it."""
    return "metric" if found.is_nova else "evaluation_metric"
