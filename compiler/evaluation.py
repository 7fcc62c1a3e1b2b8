"""What all evaluators have in common: the model and account behind them, the pipeline and its execution."""

from __future__ import annotations

from typing import Any

from compiler import arn, names
from compiler.compiled import Request
from compiler.diagnostics import Problems
from compiler.model import Model, check_eula
from compiler.resolved import Inputs, tag
from compiler.trace import Traced

_LIST_TAG = tag("SagemakerModelEvaluation", "true")  # SageMaker Studio and the SDK find evaluations by it


def pipeline_name(inputs: Inputs, evaluation_type: str) -> str:
    """One pipeline a spec, by a name that its content does not change."""
    return f"SagemakerEvaluation-{evaluation_type}-{inputs.qualified_name}"


def action_prefix(inputs: Inputs) -> str:
    """The ARN of a lineage action up to its name, which is the execution's id."""
    context = inputs.context
    return arn.sagemaker(context.partition, context.region, context.account, "action")


def requests(
    inputs: Inputs, name: str, role: Traced, definition: Any, conventional_tags: list[dict[str, Any]]
) -> list[Request]:
    """Draft the pipeline and its execution."""
    fields = inputs.fields
    pipeline: dict[str, Any] = {
        "PipelineName": name,
        "RoleArn": role,
        "PipelineDefinition": {"$json": definition},
        "ClientRequestToken": names.token(),
        "Tags": inputs.tags(_LIST_TAG, *conventional_tags),
    }
    if description := inputs.spec.data["metadata"].get("description"):
        pipeline["PipelineDescription"] = Traced(description, ("metadata", "description"))
    base = fields.base_eval_name.value or inputs.qualified_name
    execution = {
        "PipelineName": name,
        "PipelineExecutionDisplayName": names.ending_in_identity(base, names.EXECUTION_LIMIT),
        "ClientRequestToken": names.token(),
    }
    return [
        Request("pipeline", "sagemaker", "CreatePipeline", pipeline),
        Request("execution", "sagemaker", "StartPipelineExecution", execution),
    ]


def check(inputs: Inputs, found: Model, problems: Problems) -> None:
    """Report what does nothing, or fails for certain, in every evaluation."""
    fields = inputs.fields
    check_eula(found, fields, problems)
    if fields.evaluate_base_model and found.package is None:
        message = "the model is not a fine-tuned one: there is nothing to compare the base model with"
        problems.warn("no-effect", message, fields.evaluate_base_model.path)
    for name in ("mlflow_run_name",):
        if fields[name]:
            problems.warn("no-effect", f"the documents have no place for {name}", fields[name].path, on_key=True)
