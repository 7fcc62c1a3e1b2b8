"""LLMAsJudgeEvaluator: a pipeline in which each model answers, and a judge rates the answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from sagespec import assets
from sagespec.checking import schema
from sagespec.diagnostics import KeyPath, Problems, did_you_mean
from sagespec.documents import identity
from sagespec.documents.compiled import DIGITS, Request
from sagespec.documents.render import render
from sagespec.documents.traced import Traced
from sagespec.project.facts import ask
from sagespec.reading import json_reader, source
from sagespec.sagemaker import default_bucket, evaluation, thresholds, uploads
from sagespec.sagemaker.evaluation import Ground, Report, Step
from sagespec.sagemaker.inputs import Inputs


@dataclass(frozen=True)
class Facts:
    """The facts of a judgement; `metrics` as JSON text, `custom_metrics` are definitions, in the order given."""

    ground: Ground
    metrics: Traced
    custom_metrics: Traced


@dataclass(frozen=True)
class Phase:
    """The two steps of one model: answering, and being judged."""

    inference: Step
    judgement: Step


@cache
def _metrics() -> dict[str, str]:
    """Return the metrics that Bedrock documents, by name without `Builtin.`."""
    metrics: dict[str, str] = assets.document(assets.data() / "judge_metrics.json")
    return metrics


def resolve(inputs: Inputs, problems: Problems) -> Facts | None:
    fields, judge = inputs.fields, inputs.fields.evaluator_model
    builtin = [_builtin(metric, problems) for metric in fields.builtin_metrics]
    evaluation.warn_of_repeats(builtin, problems)
    custom = _custom(fields.custom_metrics, problems)
    if not builtin and not custom:
        hint = "see `sagespec catalog judge-metrics`"
        problems.warn("no-metrics", "without a metric the judge has nothing to rate", ("spec",), hint)
    known = ask(problems, judge.path, lambda: inputs.context.judge_model(judge.value)) if judge else None
    if known is not None and not known.usable:
        since = f" since {known.end_of_life}" if known.end_of_life else ""
        problems.error("judge-unusable", f"{known.id} cannot be used as a judge{since}", judge.path)
    ground = evaluation.find_ground(inputs, problems)
    _check_thresholds(inputs, builtin, custom, ground, problems)
    if ground is None:
        return None
    if ground.model.is_nova:
        message = f"{ground.model.name} is a Nova model: sagespec does not support the way in which these are judged"
        problems.error("judge-on-nova", message, fields.model.path)
    names = json.dumps([metric.value for metric in builtin])
    return Facts(ground, fields.builtin_metrics.to(names), custom)


def _check_thresholds(
    inputs: Inputs, builtin: list[Traced], custom: Traced, ground: Ground | None, problems: Problems
) -> None:
    """Check thresholds: Bedrock's metrics are shares, custom ones have their own scales."""
    known = {prefix + metric.value: thresholds.SHARE for metric in builtin for prefix in ("", "Builtin.")}
    for definition in custom.value if isinstance(custom.value, list) else []:
        known[source.get(definition, ("customMetricDefinition", "name"))] = _scale(definition)
    thresholds.check(inputs, ground.model if ground else None, known, problems)


def _scale(definition: Any) -> thresholds.Range:
    """Return the range of a custom metric's mean, which may be reported as a share of its scale."""
    ratings = source.get(definition, ("customMetricDefinition", "ratingScale"))
    numbers = [source.get(rating, ("value", "floatValue")) for rating in ratings or ()]
    if not numbers or not all(isinstance(number, int | float) for number in numbers):
        return thresholds.UNBOUNDED
    return min(0.0, *numbers), max(1.0, *numbers)


def _builtin(given: Traced, problems: Problems) -> Traced:
    """Return a metric's name as it is sent: without `Builtin.` in any case."""
    name = str(given.value)
    short = name[len("Builtin.") :] if name.lower().startswith("builtin.") else name
    if short not in _metrics():
        hint = did_you_mean(short, list(_metrics()))
        problems.warn("unknown-metric", f"Bedrock documents no metric {short!r}", given.path, hint)
    return given.to(short)


def _custom(given: Traced, problems: Problems) -> Traced:
    """Return custom metrics as data; they are given as a list of definitions, or as JSON text."""
    if not isinstance(given.value, str):
        return given
    document = json_reader.read(given.value)
    for fault in document.faults:
        said, at = fault.problem, f"line {fault.span.line}, column {fault.span.column}"
        problems.error(said.rule, f"JSON of custom_metrics, {at}: {said.message}", given.path, said.hint)
    if document.faults:
        return given
    fields = schema.load("LLMAsJudgeEvaluator")["properties"]["spec"]["properties"]
    wanted = next(branch for branch in fields["custom_metrics"]["anyOf"] if branch["type"] == "array")
    for problem in schema.validate_against(wanted, document.data):
        problems.error(problem.rule, f"{_location(problem.path)}: {problem.message}", given.path, problem.hint)
    return given.to(document.data)


def _location(path: KeyPath) -> str:
    return "custom_metrics" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def requests(inputs: Inputs, facts: Facts) -> list[Request]:
    fields, ground = inputs.fields, facts.ground
    common = evaluation.common(inputs, ground, "LLMAJEvaluation")
    path = fields.s3_output_path.to(fields.s3_output_path.value.rstrip("/"))
    phases, reports = _phases(ground, bool(fields.evaluate_base_model))
    sent, uri = [], None
    if facts.custom_metrics.given:
        sent = [_upload(path, facts.custom_metrics, inputs)]
        bucket, key = (str(sent[0].parameters[name].value) for name in ("Bucket", "Key"))
        uri = path.to(f"s3://{bucket}/{key}")
    definition = render(
        "LLMAsJudgeEvaluator",
        common=common,
        role=ground.role,
        model=ground.model,
        spec=fields,
        output_path=path,
        phases=phases,
        reports=reports,
        metrics=facts.metrics,
        custom_metrics=uri,
    )
    return evaluation.training_requests(inputs, ground, common.pipeline_name, definition, *sent)


def _phases(ground: Ground, compare: bool) -> tuple[list[Phase], list[Report]]:
    """Return the phases of the models to judge, and the reports that they write."""
    first = None if ground.model.package is None else "CreateEvaluationAction"
    phases, reports = [], []
    if compare or ground.model.package is None:
        phases.append(_phase("Base", first))
    if ground.model.package is not None:
        phases.append(_phase("Custom", first, ground.model.package, ground.group))
        for phase, name in zip(phases, ("base", "custom") if compare else ("custom",), strict=True):
            reports.append(Report(f"{name}-inference-results", phase.inference.name, "InferenceResults"))
            reports.append(Report(f"{name}-eval-report", phase.judgement.name))
    return phases, reports


def _phase(which: str, after: str | None, package: Traced | None = None, group: Traced | None = None) -> Phase:
    inference = Step(f"Evaluate{which}InferenceModel", after, f"{which}Inference", package, group)
    values = [f"{which.lower()}-llmaj-eval", {"Get": "Execution.PipelineExecutionId"}]
    job_name = {"Std:Join": {"On": "-", "Values": values}}
    return Phase(inference, Step(f"Evaluate{which}ModelMetrics", inference.name, job_name, package, group))


def _upload(path: Traced, definitions: Traced, inputs: Inputs) -> Request:
    """Draft the upload of custom metrics below the output path; the key contains a hash of their content."""
    bucket, _, prefix = path.value.removeprefix("s3://").partition("/")
    body = {"$json": definitions.value}
    digits = identity.content_hash(body)[:DIGITS]
    key = "/".join(filter(None, (prefix, "evaluationinputs", digits, "custom-metrics.json")))
    parameters = {"Bucket": path.to(bucket), "Key": path.to(key), "Body": {"$json": definitions}}
    members = uploads.protection(default_bucket.owner(bucket, inputs.context), inputs.fields.kms_key_id)
    return Request("custom-metrics", "s3", "PutObject", {**parameters, **members})
