"""BenchMarkEvaluator: a pipeline that runs a public benchmark on the base model, the fine-tuned one, or both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from sagespec import assets
from sagespec.diagnostics import Problems, did_you_mean
from sagespec.documents.compiled import Request
from sagespec.documents.traced import Traced
from sagespec.sagemaker import evaluation, inference_parameters, thresholds
from sagespec.sagemaker.evaluation import Ground
from sagespec.sagemaker.inputs import Inputs
from sagespec.sagemaker.model import Model


@dataclass(frozen=True)
class Facts:
    """The facts of a benchmark; `hyperparameters` are complete, as they are sent."""

    ground: Ground
    hyperparameters: dict[str, Any]


@cache
def _benchmarks() -> dict[str, Any]:
    """Return the benchmarks by name: modality, description, metrics, strategy, subtasks."""
    benchmarks: dict[str, Any] = assets.document(assets.data() / "benchmarks.json")
    return benchmarks


def resolve(inputs: Inputs, problems: Problems) -> Facts | None:
    fields = inputs.fields
    benchmark = _benchmarks().get(fields.benchmark.value)
    subtask = _subtask(fields.subtasks, fields.benchmark.value, benchmark, problems) if benchmark else None
    ground = evaluation.find_ground(inputs, problems)
    if benchmark is not None:
        _check_thresholds(inputs, benchmark["metrics"], ground, problems)
    if ground is None or benchmark is None:
        return None
    _check_nova(fields.benchmark, benchmark, ground.model, problems)
    recipe = evaluation.recipe(inputs, ground.model, problems, benchmark["modality"])
    settled = {
        **inference_parameters.find(fields.hyperparameters, recipe, problems),
        "task": fields.benchmark,
        "strategy": fields.benchmark.to(benchmark["strategy"]),
        inference_parameters.metric_name(ground.model): fields.benchmark.to(benchmark["metrics"][0]),
    }
    return Facts(ground, {**settled, **({"subtask": subtask} if subtask else {})})


def _check_thresholds(inputs: Inputs, metrics: list[str], ground: Ground | None, problems: Problems) -> None:
    """Check thresholds.

    All metrics are shares with a standard error; a benchmark with `all` has metrics not listed here.
    """
    measured = {name: thresholds.SHARE for metric in metrics for name in (metric, f"{metric}_stderr")}
    model = ground.model if ground else None
    if "all" in metrics:
        thresholds.check(inputs, model, {}, problems, others=True)
    else:
        thresholds.check(inputs, model, measured, problems)


def _subtask(given: Traced, name: str, benchmark: dict[str, Any], problems: Problems) -> Traced | None:
    """Return the subtasks as they are sent, joined by commas; None for all of them."""
    if not given.given:
        return None
    if not benchmark["takes_subtasks"]:
        problems.error("bad-subtask", f"{name} has no subtasks", given.path)
        return None
    if isinstance(given.value, str) and given.value.upper() == "ALL":
        return None
    wanted = list(given) if isinstance(given.value, list) else [given]
    evaluation.warn_of_repeats(wanted, problems)
    known = benchmark["subtasks"]
    for one in wanted:
        if known and one.value not in known:
            problems.error(
                "bad-subtask", f"{name} has no subtask {one.value!r}", one.path, did_you_mean(one.value, known)
            )
    return given.to(",".join(str(one.value) for one in wanted))


def _check_nova(given: Traced, benchmark: dict[str, Any], model: Model, problems: Problems) -> None:
    if benchmark["nova"] == "only" and not model.is_nova:
        problems.error("nova-only", f"{given.value} runs on Nova models only, not on {model.name}", given.path)
    if benchmark["nova"] == "never" and model.is_nova:
        problems.error("not-on-nova", f"{given.value} does not run on Nova models such as {model.name}", given.path)


def requests(inputs: Inputs, facts: Facts) -> list[Request]:
    given = facts.hyperparameters
    return evaluation.scored_requests(inputs, facts.ground, "BenchmarkEvaluation", hyperparameters=given)
