"""MultiTurnRLEvaluator: a pipeline of AgentRFTEvaluation jobs, for the base model, the tuned one, or both."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sagespec.diagnostics import Problems
from sagespec.documents.compiled import Request
from sagespec.documents.render import render
from sagespec.documents.traced import Traced
from sagespec.project import facts
from sagespec.sagemaker import agent, evaluation, hyperparameters, thresholds
from sagespec.sagemaker.agent import Agent
from sagespec.sagemaker.evaluation import Ground, Report
from sagespec.sagemaker.exports import Exports
from sagespec.sagemaker.inputs import Inputs
from sagespec.sagemaker.model import Model

SCHEMA_VERSION = "1.0.0"
DEFAULT_RUNTIME_SECONDS = 86400


@dataclass(frozen=True)
class Facts:
    """The facts of an evaluation."""

    ground: Ground
    agent: Agent
    output_path: Traced
    hyperparameters: dict[str, Traced] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One evaluation job of the pipeline; `package` only for the fine-tuned model."""

    name: str
    run_name: str
    report: str
    after: str
    package: Traced | None = None


def resolve(inputs: Inputs, problems: Problems) -> Facts | None:
    fields = inputs.fields
    env = _agent(inputs, problems)
    ground = evaluation.find_ground(inputs, problems, facts.MLFLOW_OF_MTRL)
    if ground is None:
        thresholds.check(inputs, None, {}, problems, others=True)
        return None
    if fields.model_package_group and ground.model.package:
        given = fields.model_package_group
        problems.warn("no-effect", "the request has no member for model_package_group", given.path, on_key=True)
    recipe = evaluation.recipe(inputs, ground.model, problems)
    chosen = hyperparameters.complete(fields.hyperparameters, recipe, problems)
    _check_pass_k(fields.hyperparameters, chosen, problems)
    _check_thresholds(inputs, ground.model, chosen, problems)
    return None if env is None else Facts(ground, env, fields.s3_output_path, chosen)


def _agent(inputs: Inputs, problems: Problems) -> Agent | None:
    """Return the given agent, or the one that the trainer or finished job of `model` was trained with."""
    fields = inputs.fields
    qualifier = fields.agent_qualifier
    if fields.agent_config:
        upstream = inputs.exported(fields.agent_config)
        function = upstream.function if upstream else None
        return agent.find(fields.agent_config, qualifier, inputs.context, problems, function)
    trainer = inputs.exported(fields.model)
    if trainer is not None and trainer.agent is not None:
        return _inherited(inputs, trainer.agent, problems)
    if isinstance(fields.model.value, dict) and "job" in fields.model.value:
        job = facts.ask(problems, fields.model.path, lambda: inputs.context.job(fields.model.value["job"]))
        if job is None:
            return None
        if job.agent_arn is not None:
            given = fields.model.to(job.agent_arn)
            return agent.find(given, qualifier, inputs.context, problems, default=job.agent_qualifier)
    hint = "give an AgentCore runtime or Lambda ARN, or a `model` that was trained with an agent"
    problems.error("missing-field", "'agent_config' is required for this model", ("spec",), hint)
    return None


def _inherited(inputs: Inputs, trained_with: Agent, problems: Problems) -> Agent:
    """Return the agent of the trainer that `model` refers to, with its own qualifier unless another is given."""
    model, qualifier = inputs.fields.model, inputs.fields.agent_qualifier
    if trained_with.is_lambda and qualifier:
        problems.warn("no-effect", "a Lambda agent has no qualifier", qualifier.path, on_key=True)
    own = trained_with.qualifier
    chosen = agent.choose(qualifier, None) if qualifier.given or own is None else model.to(own.value)
    return Agent(model.to(trained_with.arn.value), trained_with.is_lambda, None if trained_with.is_lambda else chosen)


def _check_pass_k(given: Traced, chosen: dict[str, Traced], problems: Problems) -> None:
    """Refuse a pass@k above the size of the sampled group, unless both are defaults of the recipe."""
    said = [given[name] for name in ("pass_k_values", "eval_group_size") if given[name].given]
    group, values = chosen.get("eval_group_size"), chosen.get("pass_k_values")
    if not said or group is None or values is None:
        return
    wanted, size = _numbers(values.value), _numbers(group.value)
    if wanted and size and max(wanted) > size[0]:
        message = f"pass@{max(wanted)} needs an eval_group_size of at least {max(wanted)}, it is {size[0]}"
        problems.warn("pass-k", message, said[0].path)


def _check_thresholds(inputs: Inputs, model: Model, chosen: dict[str, Traced], problems: Problems) -> None:
    """Check thresholds.

    Pass@k is a share, measured for the chosen k within the group; agents may log other metrics.
    """
    known = {}
    for metric in (threshold.metric for threshold in thresholds.given(inputs)):
        name = _PASS_AT.fullmatch(metric.value)
        if name is not None:
            known[metric.value] = thresholds.SHARE
            if reason := _unmeasured(int(name[1]), chosen):
                problems.error("unknown-metric", f"pass@{name[1]} will not be measured: {reason}", metric.path)
        elif not metric.value.startswith("eval/"):
            message = f"an MTRL evaluation is not known to measure {metric.value!r}"
            problems.warn("unknown-metric", message, metric.path, "its metrics begin with eval/, as eval/reward/mean")
    thresholds.check(inputs, model, known, problems, others=True)


_PASS_AT = re.compile(r"(?:eval|val)/reward/pass_at_([0-9]{1,9})", re.ASCII)


def _unmeasured(k: int, chosen: dict[str, Traced]) -> str:
    """Return why pass@k is not measured, or ''."""
    values, group = chosen.get("pass_k_values"), chosen.get("eval_group_size")
    wanted, size = _numbers(values.value if values else ""), _numbers(group.value if group else "")
    if wanted and k not in wanted:
        return f"pass_k_values are {', '.join(map(str, wanted))}"
    return f"eval_group_size is {size[0]}, less than {k}" if size and size[0] < k else ""


def _numbers(text: str) -> list[int]:
    """Return the integers in a text of at most 18 digits."""
    return [int(digits) for digits in re.findall(r"(?<![\w.-])[0-9]{1,18}(?![\w.])", text, re.ASCII)]


def requests(inputs: Inputs, facts: Facts) -> list[Request]:
    fields, ground = inputs.fields, facts.ground
    name = evaluation.pipeline_name(inputs, "MTRLEvaluation")
    package, stop, experiment = ground.model.package, fields.stopping_condition, fields.mlflow_experiment_name
    steps = _steps(ground.model, bool(fields.evaluate_base_model))
    definition = render(
        "MultiTurnRLEvaluator",
        spec=fields,
        model=ground.model,
        agent=facts.agent,
        role=ground.role,
        tags=inputs.tags(),
        mlflow_resource=ground.mlflow_resource,
        experiment_name=experiment if experiment else experiment.to(f"mtrl-eval-{ground.model.name}"),
        hyperparameters=facts.hyperparameters,
        stopping_condition=stop if stop.given else stop.to(DEFAULT_RUNTIME_SECONDS),
        schema_version=SCHEMA_VERSION,
        pipeline_name=name,
        source_uri=package or ground.model.arn,
        source_type="ModelPackage" if package else "Model",
        action_prefix=evaluation.action_prefix(inputs),
        steps=steps,
        reports=[Report(step.report, step.name) for step in steps],
    )
    return evaluation.requests(inputs, name, ground.role, definition)


def _steps(model: Model, compare: bool) -> list[Step]:
    """Return the steps.

    The base model without a package; else the fine-tuned one, after the base model if compared.
    """
    base = Step("EvaluateBaseModel", "base-model-eval", "base-eval-report", "CreateEvaluationAction")
    if model.package is None:
        return [base]
    after = base.name if compare else base.after
    tuned = Step("EvaluateFineTunedModel", "fine-tuned-model-eval", "fine-tuned-eval-report", after, model.package)
    return [base, tuned] if compare else [tuned]


def exports(inputs: Inputs, facts: Facts) -> Exports:  # noqa: ARG001  the protocol of kinds
    return Exports(output_path=facts.output_path)
