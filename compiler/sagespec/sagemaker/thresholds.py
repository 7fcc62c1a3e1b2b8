"""Check thresholds against the metrics that an evaluation measures.

In: the thresholds of a spec, and what its kind knows of its metrics. Refuses thresholds that no result can meet or
miss: of a metric that is not measured, outside its range, of a loss without an evaluated base model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from sagespec.checking import schema
from sagespec.diagnostics import Hint, Problems, did_you_mean
from sagespec.documents.traced import Traced
from sagespec.sagemaker.inputs import Inputs
from sagespec.sagemaker.model import Model

Range = tuple[float, float]
SHARE: Range = (0.0, 1.0)
UNBOUNDED: Range = (-math.inf, math.inf)


def given(inputs: Inputs) -> Traced:
    """Return the thresholds of a spec, with their paths; none where the schema refuses them."""
    spec = inputs.spec
    written = spec.data["metadata"].get("thresholds")
    shape = schema.load(spec.kind)["properties"]["metadata"]["properties"]["thresholds"]
    refused = spec.broken is not None and written is not None and schema.validate_against(shape, written)
    return Traced(None if refused else written, ("metadata", "thresholds"))


def check(
    inputs: Inputs, model: Model | None, known: Mapping[str, Range], problems: Problems, others: bool = False
) -> None:
    """Check thresholds against the known metrics and their ranges; with `others` there may be more metrics.

    `model` is the model that is evaluated, None where it is unknown.
    """
    seen: set[tuple[str, str]] = set()
    for threshold in given(inputs):
        name = threshold.metric.value
        if name not in known and not others:
            message = f"this evaluation will not measure {name!r}: the threshold would be missed"
            problems.error("unknown-metric", message, threshold.metric.path, did_you_mean(name, known))
        low, high = known.get(name, UNBOUNDED)
        minimum, loss = threshold.minimum, threshold.maximum_loss
        if minimum.given and _is_beyond(minimum.value, low, high):
            message = f"{name} is {_between(low, high)}: {minimum.value} cannot be its minimum"
            problems.error("out-of-range", message, minimum.path, _as_share(minimum.value, high))
        if loss.given:
            if _is_beyond(loss.value, 0.0, high - low):
                message = f"{name} is {_between(low, high)}: it cannot lose more than {loss.value}"
                problems.error("out-of-range", message, loss.path, _as_share(loss.value, high))
            _check_comparison(inputs, model, loss, problems)
        for one in (one for one in (minimum, loss) if one.given):
            if (name, str(one.path[-1])) in seen:
                message = f"{name} has another {one.path[-1]} above"
                problems.error("duplicate-item", message, one.path, on_key=True)
            seen.add((name, str(one.path[-1])))


def _is_beyond(value: float, low: float, high: float) -> bool:
    """Return whether a number is outside a range; one that is too large for a float always is."""
    try:
        return not low <= float(value) <= high
    except OverflowError:
        return True


def _between(low: float, high: float) -> str:
    return "a number" if math.isinf(high) else f"between {low:g} and {high:g}"


def _as_share(value: float, high: float) -> str:
    """Return a hint where a percentage is given instead of a share of 1, else ''."""
    share = f"{value / 100:g}"
    return Hint(f"{value} % is {share}", "source", str(value), [share]) if high == 1 and 1 < value <= 100 else ""


def _check_comparison(inputs: Inputs, model: Model | None, loss: Traced, problems: Problems) -> None:
    """Check that a threshold of a loss has a base model to compare with."""
    if model is not None and model.package is None:
        message = f"{model.name} is a base model: there is no other model to compare it with"
        hint = "use `minimum`, or evaluate a fine-tuned model"
        problems.error("no-comparison", message, loss.path, hint, on_key=True)
    elif not inputs.fields.evaluate_base_model:
        message = "the base model is not evaluated: there is nothing to compare with"
        problems.error("no-comparison", message, loss.path, "set evaluate_base_model: true", on_key=True)
