"""CustomScorerEvaluator: a pipeline that scores answers to your own prompts by rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagespec.diagnostics import Problems
from sagespec.documents.compiled import Request
from sagespec.documents.traced import Traced
from sagespec.sagemaker import evaluation, inference_parameters, registry, thresholds
from sagespec.sagemaker.evaluation import Ground
from sagespec.sagemaker.inputs import Inputs


@dataclass(frozen=True)
class Facts:
    """The facts of a scoring; `evaluator` is an ARN, None for a built-in scorer."""

    ground: Ground
    evaluator: Traced | None
    hyperparameters: dict[str, Any]


def resolve(inputs: Inputs, problems: Problems) -> Facts | None:
    fields, scorer = inputs.fields, inputs.fields.evaluator
    ground = evaluation.find_ground(inputs, problems)
    # the metrics of scorers are not documented, and custom ones name their own
    thresholds.check(inputs, ground.model if ground else None, {}, problems, others=True)
    if ground is None:
        return None
    recipe = evaluation.recipe(inputs, ground.model, problems)
    chosen = inference_parameters.find(fields.hyperparameters, recipe, problems)
    settled: dict[str, Any] = {
        **chosen,
        "task": "gen_qa",
        "strategy": "gen_qa",
        inference_parameters.metric_name(ground.model): "all",
        **({"lambda_type": "rft"} if ground.model.is_nova else {}),
    }
    if not str(scorer.value).startswith("arn:"):
        return Facts(ground, None, {**settled, "preset_reward_function": scorer})
    registry.check_type(scorer, problems)
    _require_postprocessing(fields.hyperparameters, problems)
    settled["postprocessing"] = scorer.to("True")
    settled["aggregation"] = chosen.get("aggregation") or scorer.to("mean")
    return Facts(ground, scorer, settled)


def _require_postprocessing(given: Traced, problems: Problems) -> None:
    """Warn where postprocessing is off: custom scorers run in postprocessing, which is therefore always on."""
    chosen = given.postprocessing
    if chosen.given and chosen.value != "True":
        problems.warn("no-effect", "postprocessing is always on for an evaluator ARN", chosen.path)


def requests(inputs: Inputs, facts: Facts) -> list[Request]:
    given, scorer = facts.hyperparameters, facts.evaluator
    return evaluation.scored_requests(
        inputs, facts.ground, "CustomScorerEvaluation", hyperparameters=given, evaluator=scorer
    )
