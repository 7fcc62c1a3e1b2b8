"""What results must reach, as the compiled file says.

In: the thresholds of a file and its scores. Out: a `Verdict` for each threshold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.executor.results import Score


@dataclass(frozen=True)
class Verdict:
    """Whether one threshold is met; `reason` says by how much it is not."""

    metric: str
    wanted: str
    met: bool
    reason: str = ""


def judge(thresholds: Iterable[Mapping[str, Any]], scores: Iterable[Score]) -> tuple[Verdict, ...]:
    """Judge scores; a metric that is not among them misses its threshold."""
    by_metric = {score.metric: score for score in scores}
    return tuple(
        verdict
        for threshold in thresholds
        for verdict in _judge(threshold, by_metric.get(threshold["metric"]), sorted(by_metric))
    )


def _judge(threshold: Mapping[str, Any], score: Score | None, known: list[str]) -> Iterable[Verdict]:
    metric = threshold["metric"]
    minimum, most_lost = threshold.get("minimum"), threshold.get("maximum_loss")
    wanted = [] if minimum is None else [f"at least {minimum}"]
    wanted += [] if most_lost is None else [f"at most {most_lost} below the base model"]
    if score is None:
        reason = f"there is no metric {metric}; there is {', '.join(known) or 'none'}"
        return [Verdict(metric, text, False, reason) for text in wanted]
    value = score.base if score.custom is None else score.custom
    found = []
    if minimum is not None:
        met = value is not None and value >= minimum
        found.append(Verdict(metric, wanted[0], met, "" if met else f"is {_shown(value)}"))
    if most_lost is not None:
        if score.base is None or score.custom is None:
            found.append(Verdict(metric, wanted[-1], False, "only one model was evaluated"))
        else:
            # numbers of a few decimal digits: 0.8 - 0.78 is a little more than 0.02
            most = score.custom + most_lost
            met = most >= score.base or math.isclose(most, score.base)
            loss = score.base - score.custom
            reason = "" if met else f"is {_shown(score.custom)}, {loss:.4g} below {_shown(score.base)}"
            found.append(Verdict(metric, wanted[-1], met, reason))
    return found


def _shown(value: float | None) -> str:
    """All digits: what is a little below 0.6 must not read as 0.6."""
    return "absent" if value is None else f"{value}"
