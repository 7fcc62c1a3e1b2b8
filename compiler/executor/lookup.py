"""What only AWS knows, one look-up a section of the lock.

In: a section and a name. Out: the fact, as the lock writes it. Refuses what does not exist, or is of no use.
`SOURCES` is also the table in docs/lock.md: calls, permissions, and the fields that need the fact.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from compiler.executor.cloud import Cloud, CloudError

PUBLIC_HUB = "SageMakerPublicHub"
_STUDIO = Path("/opt/ml/metadata/resource-metadata.json")
_USABLE = ("Created", "Updated")
_HYPERPARAMETER = ("type", "min", "max", "enum", "default")


class NoFact(Exception):
    """AWS has answered, and there is no such thing, or it is of no use."""


@dataclass(frozen=True)
class Account:
    """Whom and where to ask; `caller` is the ARN of the caller's identity."""

    cloud: Cloud
    account: str
    region: str
    partition: str
    caller: str

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.cloud.call(service, operation, self.region, **parameters)


@dataclass(frozen=True)
class Source:
    """Where a section of the lock comes from: its API calls, the permissions for them, the fields it serves."""

    find: Callable[[Account, str], Any]
    calls: tuple[str, ...]
    fields: str
    actions: tuple[str, ...] = ()

    @property
    def permissions(self) -> tuple[str, ...]:
        return self.actions or self.calls


def look_up(account: Account, section: str, name: str) -> Any:
    """Look up one fact.

    Raises NoFact, CloudError.
    """
    return SOURCES[section].find(account, name)


def _role(account: Account, name: str) -> str:
    try:
        return str(account.call("iam", "GetRole", RoleName=name)["Role"]["Arn"])
    except CloudError as error:
        if error.is_missing:
            raise NoFact(f"there is no role {name!r} in account {account.account}") from None
        raise


def _default_role(account: Account, _name: str) -> str:
    """The role behind the caller's session; its path is not part of the session's ARN."""
    kind, _, rest = account.caller.rpartition(":")[2].partition("/")
    if kind != "assumed-role":
        raise NoFact(f"no role is given and the caller, {account.caller}, is not a role")
    return _role(account, rest.partition("/")[0])


def _mlflow_app(account: Account, _name: str) -> str:
    """The default app of the Studio domain that this runs in, else of the account, else the first usable one.

    The summaries do not say which app is a default: only the filters do.
    """
    domain = _domain()
    filters: list[dict[str, str]] = [{"DefaultForDomainId": domain}] if domain else []
    for chosen in (*filters, {"AccountDefaultStatus": "ENABLED"}, {}):
        for page in account.cloud.pages("sagemaker", "ListMlflowApps", "Summaries", account.region, **chosen):
            for app in page:
                if app.get("Status") in _USABLE:
                    return str(app["Arn"])
    raise NoFact(f"account {account.account} has no usable MLflow app in {account.region}")


def _domain() -> str | None:
    try:
        found = json.loads(_STUDIO.read_text("utf-8")).get("DomainId")
    except (OSError, ValueError):
        return None
    return str(found) if found else None


def _hub_model(account: Account, name: str) -> dict[str, Any]:
    """A model of the private hub that SAGEMAKER_HUB_NAME names, where it is there, else of the public one."""
    private = os.environ.get("SAGEMAKER_HUB_NAME")
    hubs = [hub for hub in (private, PUBLIC_HUB) if hub]
    for hub in dict.fromkeys(hubs):
        parameters = {"HubName": hub, "HubContentType": "Model", "HubContentName": name}
        try:
            found = account.call("sagemaker", "DescribeHubContent", **parameters)
        except CloudError as error:
            if not error.is_missing:
                raise
            continue
        document = json.loads(found["HubContentDocument"])
        recipes: dict[str, Any] = {}
        for recipe in document.get("RecipeCollection", ()):
            recipes.setdefault(_recipe_key(recipe), _recipe(account, recipe))
        return {
            "arn": found["HubContentArn"],
            "gated": bool(document.get("GatedBucket", False)),
            "hub": hub,
            "recipes": recipes,
            "version": found["HubContentVersion"],
        }
    raise NoFact(f"there is no model {name!r} in {' or '.join(hubs)}")


def _recipe_key(recipe: Mapping[str, Any]) -> str:
    kind = recipe["Type"]
    technique = recipe.get("EvaluationType") if kind == "Evaluation" else recipe.get("CustomizationTechnique")
    return "/".join(part for part in (kind, technique, recipe.get("Peft")) if part)


def _recipe(account: Account, recipe: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"hyperparameters": {}}
    if "SequenceLength" in recipe:
        found["sequence_length"] = recipe["SequenceLength"]
    uri = recipe.get("SmtjOverrideParamsS3Uri")
    if uri:
        bucket, key = _s3_place(uri.replace("{customer_id}", account.account))
        body = account.call("s3", "GetObject", Bucket=bucket, Key=key)["Body"].read()
        found["hyperparameters"] = {
            name: {key: spec[key] for key in _HYPERPARAMETER if key in spec}
            for name, spec in json.loads(body).items()
        }
    return found


def _s3_place(uri: str) -> tuple[str, str]:
    """Bucket and key; the bucket may be the ARN of an access point, which has a slash of its own."""
    place = uri.removeprefix("s3://")
    if place.startswith("arn:"):
        point, _, rest = place.partition("/")
        name, _, key = rest.partition("/")
        return f"{point}/{name}", key
    bucket, _, key = place.partition("/")
    return bucket, key


def _model_package(account: Account, arn: str) -> dict[str, str]:
    try:
        found = account.call("sagemaker", "DescribeModelPackage", ModelPackageName=arn)
    except CloudError as error:
        if error.is_missing:
            raise NoFact(f"there is no model package {arn}") from None
        raise
    containers = found.get("InferenceSpecification", {}).get("Containers") or [{}]
    base = containers[0].get("BaseModel")
    if not base:
        raise NoFact(f"{arn} does not say which base model it was trained from")
    hub = f"arn:{account.partition}:sagemaker:{account.region}:aws:hub-content/{PUBLIC_HUB}"
    return {
        "base_model": base["HubContentName"],
        "base_model_arn": f"{hub}/Model/{base['HubContentName']}/{base['HubContentVersion']}",
        "group_arn": _group(account, found["ModelPackageGroupName"]),
    }


def _group(account: Account, name: str) -> str:
    try:
        found = account.call("sagemaker", "DescribeModelPackageGroup", ModelPackageGroupName=name)
    except CloudError as error:
        if error.is_missing:
            raise NoFact(f"there is no model package group {name!r}") from None
        raise
    return str(found["ModelPackageGroupArn"])


def _runtime(account: Account, runtime_id: str) -> str:
    try:
        found = account.call("bedrock-agentcore-control", "GetAgentRuntime", agentRuntimeId=runtime_id)
    except CloudError as error:
        if error.is_missing:
            raise NoFact(f"there is no AgentCore runtime {runtime_id!r} in {account.region}") from None
        raise
    return str(found["agentRuntimeArn"])


def _judge(account: Account, model_id: str) -> dict[str, Any]:
    for model in account.call("bedrock", "ListFoundationModels")["modelSummaries"]:
        if model["modelId"] == model_id:
            ends = model.get("modelLifecycle", {}).get("endOfLifeTime")
            usable = ends is None or ends > datetime.now(timezone.utc)
            return {"end_of_life": ends.date().isoformat() if ends else None, "usable": usable}
    raise NoFact(f"Bedrock has no model {model_id!r} in {account.region}")


def _job(account: Account, name: str) -> dict[str, Any]:
    try:
        found = account.call("sagemaker", "DescribeJob", JobName=name, JobCategory="AgentRFT")
    except CloudError as error:
        if error.is_missing:
            raise NoFact(f"there is no AgentRFT job {name!r}") from None
        raise
    document = json.loads(found["JobConfigDocument"])
    package = document.get("ServiceOutput", {}).get("OutputModelPackageArn")
    if found["JobStatus"] != "Completed" or not package:
        raise NoFact(f"the job {name!r} is {found['JobStatus']}: only a completed one has a model")
    base = document["TrainingConfig"]["BaseModelArn"]
    agent = document["AgentConfig"]
    runtime = agent.get("BedrockAgentCoreConfig", {})
    return {
        "agent_arn": runtime.get("AgentRuntimeArn") or agent["CustomAgentLambdaConfig"]["LambdaArn"],
        "agent_qualifier": runtime.get("Qualifier"),
        "base_model": base.partition(":hub-content/")[2].split("/")[2],
        "base_model_arn": base,
        "output_model_package_arn": package,
    }


def _job_schema(account: Account, name: str) -> Any:
    category, _, version = name.partition("/")
    pages = account.cloud.pages(
        "sagemaker", "ListJobSchemaVersions", "JobConfigSchemas", account.region, JobCategory=category
    )
    known = [entry["JobConfigSchemaVersion"] for page in pages for entry in page]
    if version not in known:
        raise NoFact(f"AWS has no version {version} of the {category} schema; it has {', '.join(known) or 'none'}")
    parameters = {"JobCategory": category, "JobConfigSchemaVersion": version}
    return json.loads(account.call("sagemaker", "DescribeJobSchemaVersion", **parameters)["JobConfigSchema"])


SOURCES: dict[str, Source] = {
    "agent_runtimes": Source(
        _runtime,
        ("bedrock-agentcore-control:GetAgentRuntime",),
        "agent_env",
        ("bedrock-agentcore:GetAgentRuntime",),
    ),
    "default_mlflow_app": Source(
        _mlflow_app, ("sagemaker:ListMlflowApps",), "mlflow_app_arn, mlflow_resource_arn, where not given"
    ),
    "hub_models": Source(
        _hub_model, ("sagemaker:DescribeHubContent", "s3:GetObject"), "model, hyperparameters, accept_eula"
    ),
    "job_schemas": Source(
        _job_schema,
        ("sagemaker:ListJobSchemaVersions", "sagemaker:DescribeJobSchemaVersion"),
        "every job document",
    ),
    "jobs": Source(_job, ("sagemaker:DescribeJob",), "model: {job: NAME}"),
    "judge_models": Source(_judge, ("bedrock:ListFoundationModels",), "evaluator_model"),
    "model_package_groups": Source(
        _group,
        ("sagemaker:DescribeModelPackageGroup",),
        "model_package_group, output_model_package_group, intermediate_checkpoint_model_package_group",
    ),
    "model_packages": Source(
        _model_package,
        ("sagemaker:DescribeModelPackage", "sagemaker:DescribeModelPackageGroup"),
        "model, where it is a model package",
    ),
    "role": Source(_default_role, ("iam:GetRole",), "role, where not given"),
    "roles": Source(_role, ("iam:GetRole",), "role, where it is a name"),
}
