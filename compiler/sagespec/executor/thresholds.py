"""Compare results with the thresholds of a compiled file.

In: the thresholds of a file and its scores. Out: a `Verdict` for each threshold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from sagespec.executor import metrics
from sagespec.executor.answers import at
from sagespec.executor.files import File
from sagespec.executor.results import Score


@dataclass(frozen=True)
class Verdict:
    """Whether one threshold is met; `reason` tells by how much it is missed."""

    metric: str
    wanted: str
    met: bool
    reason: str = ""


def judge(thresholds: Iterable[Mapping[str, Any]], scores: Iterable[Score]) -> tuple[Verdict, ...]:
    """Compare scores with thresholds; a metric that is missing, NaN or infinite misses its threshold."""
    by_metric = {score.metric: score for score in scores}
    return tuple(
        verdict
        for threshold in thresholds
        for verdict in _judge(threshold, _find(threshold["metric"], by_metric), sorted(by_metric))
    )


def _find(metric: str, scores: Mapping[str, Score]) -> Score | None:
    """Find a metric; a judge's may have the prefix `Builtin.` or not."""
    other = metric.removeprefix(_BUILTIN) if metric.startswith(_BUILTIN) else _BUILTIN + metric
    return scores.get(metric) or scores.get(other)


_BUILTIN = "Builtin."


def _judge(threshold: Mapping[str, Any], score: Score | None, known: list[str]) -> Iterable[Verdict]:
    metric = threshold["metric"]
    minimum, most_lost = threshold.get("minimum"), threshold.get("maximum_loss")
    wanted = [] if minimum is None else [f"at least {minimum}"]
    wanted += [] if most_lost is None else [f"at most {most_lost} below the base model"]
    if score is None:
        reason = f"there is no metric {metric}; there is {', '.join(known) or 'none'}"
        return [Verdict(metric, text, False, reason) for text in wanted]
    value = score.base if score.custom is None else score.custom
    verdicts = []
    if minimum is not None:
        met = _is_number(value) and value >= minimum
        verdicts.append(Verdict(metric, wanted[0], met, "" if met else f"is {_shown(value)}"))
    if most_lost is not None:
        reason = _too_much_lost(score, most_lost)
        verdicts.append(Verdict(metric, wanted[-1], not reason, reason))
    return verdicts


def _is_number(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _too_much_lost(score: Score, most: float) -> str:
    """Return why the fine-tuned model has lost too much against its base model, or ''."""
    base, custom = score.base, score.custom
    if base is None or custom is None:
        return "only one model was evaluated"
    if not _is_number(base) or not _is_number(custom):
        return f"is {_shown(custom)}, and {_shown(base)} for the base model"
    loss = base - custom
    # decimal fractions are inexact: 0.8 - 0.78 is slightly more than 0.02
    if loss <= most or math.isclose(loss, most, rel_tol=1e-9, abs_tol=1e-9 * abs(base)):
        return ""
    return f"is {_shown(custom)}, {loss:.4g} below {_shown(base)}"


def _shown(value: float | None) -> str:
    """Format with all digits: a value slightly below 0.6 must not be shown as 0.6."""
    return "absent" if value is None else f"{value}"


def are_unreadable(file: File) -> bool:
    """Return whether the scores of thresholds may be in MLflow only, while the extra for it is missing."""
    requests = file.content.requests
    steps = [s for r in requests for s in at(r.parameters, "PipelineDefinition", "$json", "Steps") or ()]
    by_job = any(at(step, "Type") == "Job" for step in steps)
    return bool(file.content.thresholds) and by_job and not metrics.is_installed()
