"""What all evaluators share: their inputs, their pipeline, and its execution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sagespec import arn
from sagespec.diagnostics import Problems
from sagespec.documents import names
from sagespec.documents.compiled import Request
from sagespec.documents.render import render
from sagespec.documents.traced import Traced
from sagespec.project.facts import ask
from sagespec.project.tags import EVALUATION, MODEL_ID
from sagespec.sagemaker import model as models
from sagespec.sagemaker import recipes
from sagespec.sagemaker.inputs import Inputs, tag
from sagespec.sagemaker.model import Model

_LIST_TAG = tag(EVALUATION, "true")  # SageMaker Studio and the SDK find evaluations by this tag


@dataclass(frozen=True)
class Ground:
    """The inputs of every evaluation; `group` only for a fine-tuned model."""

    model: Model
    role: Traced
    mlflow_resource: Traced
    group: Traced | None


@dataclass(frozen=True)
class Step:
    """One training step of a pipeline; `package` and `group` only for the fine-tuned model."""

    name: str
    after: str | None = None
    job_name: Any = None
    package: Traced | None = None
    group: Traced | None = None


@dataclass(frozen=True)
class Report:
    """A report that a step writes, as a lineage artifact."""

    name: str
    step: str
    type: str = "EvaluationReport"


@dataclass(frozen=True)
class Common:
    """Values that the documents of benchmarks, scorers and judges share."""

    pipeline_name: str
    mlflow_resource: Traced
    experiment_name: Traced
    action_prefix: str
    artifact: dict[str, str]


def find_ground(inputs: Inputs, problems: Problems, least_mlflow: str = "") -> Ground | None:
    """Find the inputs of an evaluation, and report fields that have no effect or certainly fail.

    `least_mlflow` is the version that a default MLflow app must have.
    """
    fields, context = inputs.fields, inputs.context
    upstream = inputs.exported(fields.model)
    model = models.find(fields.model, context, problems, upstream.model if upstream else None)
    role = inputs.role(problems)
    mlflow = inputs.mlflow(fields.mlflow_resource_arn, problems, least_mlflow)
    given = fields.model_package_group
    group = ask(problems, given.path, lambda: context.model_package_group(given.value)) if given else None
    if model is not None:
        models.check_eula(model, fields, problems)
        _warn_of_no_effect(inputs, model, problems)
    if model is None or role is None or mlflow is None or (given and group is None):
        return None
    return Ground(model, role, mlflow, given.to(group) if group else model.group)


def _warn_of_no_effect(inputs: Inputs, model: Model, problems: Problems) -> None:
    fields = inputs.fields
    compare = fields.evaluate_base_model
    if compare and model.package is None:
        message = "the model is not a fine-tuned one: there is nothing to compare the base model with"
        problems.warn("no-effect", message, compare.path)
    unused = ["mlflow_run_name", *(["model_package_group"] if model.package is None else [])]
    for name in unused:
        if fields[name]:
            problems.warn("no-effect", f"the request has no member for {name}", fields[name].path, on_key=True)
    for name in ("default_bucket", "default_bucket_prefix"):
        if fields[name] and fields[name].path not in inputs.spec.overlays:
            message = (
                f"{name} is for output without a path, and for uploads: those of evaluations go to s3_output_path"
            )
            problems.warn("no-effect", message, fields[name].path, on_key=True)


def warn_of_repeats(names: Iterable[Traced], problems: Problems) -> None:
    """Warn of names that are given twice, which are sent unchanged."""
    seen = set()
    for name in names:
        if name.value in seen:
            problems.warn("duplicate-item", f"{name.value!r} is asked for twice", name.path)
        seen.add(name.value)


def recipe(inputs: Inputs, model: Model, problems: Problems, modality: str = "") -> Mapping[str, Any] | None:
    """Find the recipe of an evaluation; None with a warning where the lock does not have the model.

    A known model without such a recipe has an empty one: it is evaluated without parameters.
    """
    fields = inputs.fields
    if model.recipes is None:
        message = (
            f"the lock does not know {model.name}: parameters were not checked, and only the given ones are sent"
        )
        field = fields.hyperparameters or fields.model
        problems.warn("unchecked-hyperparameters", message, field.path, "run `sagespec lock`")
        return None
    key = recipes.choose(inputs.spec.kind, is_nova=model.is_nova, modality=modality)
    known = model.recipe(key)
    if known is None:
        name = key.rpartition("/")[2]
        message = f"{model.name} has no {name} recipe in the lock: it is evaluated without its parameters"
        problems.warn("no-recipe", message, fields.model.path, "run `sagespec lock` if it should have one")
        return {}
    return known


def steps(ground: Ground, compare: bool) -> tuple[list[Step], list[Report]]:
    """Return the steps of the models to evaluate: the base model alone, the fine-tuned one, or both."""
    base = Step("EvaluateBaseModel")
    if ground.model.package is None:
        return [base], []
    custom = Step("EvaluateCustomModel", package=ground.model.package, group=ground.group)
    reports = [Report("base-eval-report", base.name)] if compare else []
    reports.append(Report("custom-eval-report", custom.name))
    return [base, custom] if compare else [custom], reports


def common(inputs: Inputs, ground: Ground, evaluation_type: str) -> Common:
    """Return the values that the documents share; the default experiment has the pipeline's name."""
    name = pipeline_name(inputs, evaluation_type)
    experiment = inputs.fields.mlflow_experiment_name
    return Common(
        pipeline_name=name,
        mlflow_resource=ground.mlflow_resource,
        experiment_name=experiment if experiment else experiment.to(name),
        action_prefix=action_prefix(inputs),
        artifact={"$output": "requests.model-artifact.ArtifactArn"},
    )


def _artifact_request(package: Traced) -> Request:
    """Return the request that gets or creates the lineage artifact of a model package."""
    parameters = {
        "ArtifactType": "Model",
        "Source": {"SourceUri": package},
        "Properties": {"ModelPackageArn": package},
    }
    return Request("model-artifact", "sagemaker", "CreateArtifact", parameters)


def pipeline_name(inputs: Inputs, evaluation_type: str) -> str:
    """Return the name of a spec's pipeline, which does not depend on its content."""
    return f"SagemakerEvaluation-{evaluation_type}-{inputs.qualified_name}"


def action_prefix(inputs: Inputs) -> str:
    """Return the ARN of a lineage action without its name, which is the execution's id."""
    context = inputs.context
    return arn.sagemaker(context.partition, context.region, context.account, "action")


def requests(
    inputs: Inputs, name: str, role: Traced, definition: Any, *conventional: dict[str, Any]
) -> list[Request]:
    """Draft the pipeline and its execution; `conventional` are tags that the SDK's conventions add."""
    fields = inputs.fields
    pipeline: dict[str, Any] = {
        "PipelineName": name,
        "RoleArn": role,
        "PipelineDefinition": {"$json": definition},
        "Tags": inputs.tags(_LIST_TAG, *conventional),
    }
    # the API accepts a single line
    if description := " ".join(inputs.spec.data["metadata"].get("description", "").split()):
        pipeline["PipelineDescription"] = Traced(description, ("metadata", "description"))
    base = fields.base_eval_name.value or inputs.qualified_name
    execution = {
        "PipelineName": name,
        "PipelineExecutionDisplayName": names.ending_in_identity(base, names.EXECUTION_LIMIT),
    }
    return [
        Request("pipeline", "sagemaker", "CreatePipeline", pipeline),
        Request("execution", "sagemaker", "StartPipelineExecution", execution),
    ]


def scored_requests(inputs: Inputs, ground: Ground, evaluation_type: str, **values: Any) -> list[Request]:
    """Draft an evaluation that scores answers by rule; `values` are additional values of the kind's template."""
    shared = common(inputs, ground, evaluation_type)
    models_, reports = steps(ground, bool(inputs.fields.evaluate_base_model))
    definition = render(
        inputs.spec.kind,
        common=shared,
        role=ground.role,
        model=ground.model,
        spec=inputs.fields,
        steps=models_,
        reports=reports,
        **values,
    )
    return training_requests(inputs, ground, shared.pipeline_name, definition)


def training_requests(inputs: Inputs, ground: Ground, name: str, definition: Any, *uploads: Request) -> list[Request]:
    """Draft a pipeline of training steps, after the resources that it names: a package's artifact, and `uploads`."""
    package = ground.model.package
    if package is None:
        return [*uploads, *requests(inputs, name, ground.role, definition, tag(MODEL_ID, ground.model.name))]
    return [_artifact_request(package), *uploads, *requests(inputs, name, ground.role, definition)]
