"""MultiTurnRLTrainer: agent reinforcement fine-tuning, one CreateJob of category AgentRFT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sagespec import arn
from sagespec.diagnostics import Problems
from sagespec.documents import names
from sagespec.documents.compiled import Request
from sagespec.documents.render import render
from sagespec.documents.traced import Traced
from sagespec.project.facts import MLFLOW_OF_MTRL, ask
from sagespec.project.tags import HUB_NAME, MODEL_ID
from sagespec.sagemaker import agent, default_bucket, hyperparameters, model, recipes
from sagespec.sagemaker.agent import Agent
from sagespec.sagemaker.exports import Exports
from sagespec.sagemaker.inputs import Inputs, tag
from sagespec.sagemaker.model import Model

CATEGORY = "AgentRFT"
SCHEMA_VERSION = "1.0.0"


@dataclass(frozen=True)
class Facts:
    """The facts of a trainer."""

    model: Model
    agent: Agent
    role: Traced
    mlflow_app: Traced
    output_group: Traced
    checkpoint_group: Traced
    output_path: Traced
    new_groups: dict[str, str] = field(default_factory=dict)
    hyperparameters: dict[str, Traced] = field(default_factory=dict)


def resolve(inputs: Inputs, problems: Problems) -> Facts | None:
    fields, context = inputs.fields, inputs.context
    upstream = inputs.exported(fields.model)
    base = model.find(fields.model, context, problems, upstream.model if upstream else None)
    env = _agent(inputs, problems)
    role = inputs.role(problems)
    mlflow = inputs.mlflow(fields.mlflow_app_arn, problems, MLFLOW_OF_MTRL)
    output = _given_group(inputs, fields.output_model_package_group, problems)
    checkpoint = _given_group(inputs, fields.intermediate_checkpoint_model_package_group, problems)
    if base is None:
        return None
    model.check_eula(base, fields, problems, needs_flag=True)
    chosen = hyperparameters.changed(fields.hyperparameters, _recipe(inputs, base, problems), problems)
    groups = _groups(inputs, base, output, checkpoint, problems)
    if env is None or role is None or mlflow is None or groups is None:
        return None
    output_group, checkpoint_group, new = groups
    return Facts(base, env, role, mlflow, output_group, checkpoint_group, _output_path(inputs), new, chosen)


def _output_path(inputs: Inputs) -> Traced:
    return inputs.fields.s3_output_path or default_bucket.find(inputs).uri("output")


def _agent(inputs: Inputs, problems: Problems) -> Agent | None:
    fields = inputs.fields
    upstream = inputs.exported(fields.agent_env)
    function = upstream.function if upstream else None
    qualifier = fields.bedrock_agentcore_qualifier
    return agent.find(fields.agent_env, qualifier, inputs.context, problems, function, default="DEFAULT")


def _recipe(inputs: Inputs, base: Model, problems: Problems) -> Mapping[str, Any] | None:
    fields, recipe = inputs.fields, base.recipe(recipes.choose(inputs.spec.kind, is_nova=base.is_nova))
    if base.recipes is not None and recipe is None:
        hint = "see `sagespec catalog models --technique MTRL`"
        problems.error("no-recipe", f"{base.name} cannot be trained with MTRL", fields.model.path, hint)
    elif recipe is None and fields.hyperparameters:
        hyperparameters.warn_unchecked(base.name, fields.hyperparameters, problems)
    return recipe


def _groups(
    inputs: Inputs, base: Model, output: Traced | None, checkpoint: Traced | None, problems: Problems
) -> tuple[Traced, Traced, dict[str, str]] | None:
    """Return the two model package groups, and those that we create, by request id."""
    fields, new = inputs.fields, {}
    if not fields.output_model_package_group:
        output = base.group
        if output is None:
            new["output-group"] = names.with_suffix(base.name, "-mtrl-mpg", names.GROUP_LIMIT)
            output = _group_arn(inputs, new["output-group"])
    if not fields.intermediate_checkpoint_model_package_group:
        new["checkpoint-group"] = names.with_suffix(base.name, "-mtrl-checkpoint-mpg", names.GROUP_LIMIT)
        checkpoint = _group_arn(inputs, new["checkpoint-group"])
    if output is None or checkpoint is None:
        return None
    if output.value == checkpoint.value:
        where = fields.intermediate_checkpoint_model_package_group or fields.output_model_package_group
        message = "checkpoints and the trained model cannot go to the same model package group"
        problems.error("same-group", message, where.path if where else fields.model.path)
    return output, checkpoint, new


def _given_group(inputs: Inputs, given: Traced, problems: Problems) -> Traced | None:
    if not given:
        return None
    group_arn = ask(problems, given.path, lambda: inputs.context.model_package_group(given.value))
    return None if group_arn is None else given.to(group_arn)


def _group_arn(inputs: Inputs, name: str) -> Traced:
    context = inputs.context
    resource = f"model-package-group/{name}"
    return inputs.fields.model.to(arn.sagemaker(context.partition, context.region, context.account, resource))


def requests(inputs: Inputs, facts: Facts) -> list[Request]:
    return [*_group_requests(facts), _job_request(inputs, facts)]


def _group_requests(facts: Facts) -> list[Request]:
    managed = {"ManagedConfiguration": {"ManagedStorageType": "Restricted"}} if facts.model.is_nova else {}
    return [
        Request(id, "sagemaker", "CreateModelPackageGroup", {"ModelPackageGroupName": name, **managed})
        for id, name in facts.new_groups.items()
    ]


def _job_request(inputs: Inputs, facts: Facts) -> Request:
    fields = inputs.fields
    document = render(
        "MultiTurnRLTrainer",
        spec=fields,
        model=facts.model,
        base_model_arn=facts.model.base_model_arn,
        agent=facts.agent,
        s3_output_path=facts.output_path,
        output_group=facts.output_group,
        checkpoint_group=facts.checkpoint_group,
        accept_eula=fields.accept_eula.to(facts.model.package is not None or bool(fields.accept_eula)),
        hyperparameters=facts.hyperparameters,
        mlflow_app=facts.mlflow_app,
    )
    base = fields.base_job_name.value or inputs.qualified_name
    parameters: dict[str, Any] = {
        "JobName": names.ending_in_identity(base, names.JOB_LIMIT),
        "JobCategory": CATEGORY,
        "JobConfigSchemaVersion": SCHEMA_VERSION,
        "JobConfigDocument": {"$json": document},
        "RoleArn": facts.role,
        "Tags": inputs.tags(
            tag(MODEL_ID, facts.model.name),
            tag(HUB_NAME, facts.model.hub),
        ),
    }
    return Request("job", "sagemaker", "CreateJob", parameters)


def exports(inputs: Inputs, facts: Facts) -> Exports:  # noqa: ARG001  the protocol of kinds
    return Exports(facts.model.trained(facts.output_group), facts.agent, output_path=facts.output_path)
