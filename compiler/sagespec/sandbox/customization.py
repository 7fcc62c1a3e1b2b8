"""Serverless fine-tuning: the checks of CreateTrainingJob for a ServerlessJobConfig, beyond member types.

In: a request. Refuses members that exclude each other, and base models, recipes, hyperparameters, groups, packages,
evaluators and data sets that do not exist or do not fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagespec import arn
from sagespec.sandbox import hub_contents, mlflow_servers
from sagespec.sandbox.service import Region, ServiceError

_INSTANCES = ("AlgorithmSpecification", "ResourceConfig", "CheckpointConfig", "Environment", "RetryStrategy")
"""Members of jobs on instances, which serverless jobs do not have."""
_OTHERS = {"FineTuning": "EvaluationType", "Evaluation": "CustomizationTechnique"}
"""The member that a type of job does not have."""
_NEEDED = {"FineTuning": "CustomizationTechnique", "Evaluation": "EvaluationType"}
_REWARDED = ("RLVR", "RLAIF")


def is_of(job: Mapping[str, Any]) -> bool:
    """Return whether a training job is a serverless fine-tuning."""
    return bool(job.get("ServerlessJobConfig", {}).get("JobType") == "FineTuning")


def technique(job: Mapping[str, Any]) -> str:
    """Return SFT, DPO, RLVR or RLAIF; '' for any other job."""
    return str(job["ServerlessJobConfig"].get("CustomizationTechnique", "")) if is_of(job) else ""


def is_nova(job: Mapping[str, Any]) -> bool:
    """Return whether a job tunes a model of the Nova family."""
    return is_of(job) and "nova" in _model_name(job["ServerlessJobConfig"])


def base_model(region: Region, job: Mapping[str, Any]) -> str:
    """Return the ARN of a job's base model with its version: always the latest."""
    config = job["ServerlessJobConfig"]
    known = _models(region).get(_model_name(config))
    return str(known["arn"] if known else config["BaseModelArn"])


def check(region: Region, request: Mapping[str, Any]) -> None:
    """Check the members of CreateTrainingJob that depend on whether the job is serverless.

    Raises ServiceError for the first mistake.
    """
    for wrong in _wrong(region, request):
        raise ServiceError("ValidationException", wrong)


def _wrong(region: Region, request: Mapping[str, Any]) -> Iterator[str]:
    config = request.get("ServerlessJobConfig")
    if config is None:
        for name in ("AlgorithmSpecification", "ResourceConfig"):
            if name not in request:
                yield f"{name} is required, unless ServerlessJobConfig is given."
        return
    for name in _INSTANCES:
        if name in request:
            yield f"{name} is not supported for serverless jobs."
    kind = config["JobType"]
    if _NEEDED[kind] not in config:
        yield f"{_NEEDED[kind]} is required for JobType {kind}."
    if _OTHERS[kind] in config:
        yield f"{_OTHERS[kind]} is not supported for JobType {kind}."
    if kind == "FineTuning":
        yield from _of_model(region, request, config)
        yield from _of_group(region, request, config)
        yield from _of_reward(region, request, config)
        yield from _of_mlflow(region, request)
        channels = [channel["ChannelName"] for channel in request.get("InputDataConfig", ())]
        if "train" not in channels or set(channels) - {"train", "validation"}:
            yield f"InputDataConfig must have a channel train, and may have one validation; found {channels}."
        for channel in request.get("InputDataConfig", ()):
            yield from _of_content(region, channel["DataSource"].get("DatasetSource", {}).get("DatasetArn", ""))


def _of_model(region: Region, request: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    """Yield mistakes in base model, licence and recipe; an unknown model is accepted."""
    name, method, peft = _model_name(config), config["CustomizationTechnique"], config.get("Peft", "FULL")
    model = _models(region).get(name)
    if model is None:
        return
    if model["gated"] and not config.get("AcceptEula"):
        yield f"The end-user licence agreement of {name} must be accepted: set AcceptEula to true."
    key, length = f"FineTuning/{method}/{peft}", config.get("SequenceLength")
    recipes = [recipe for at, recipe in model.get("recipes", {}).items() if at == key or at.startswith(f"{key}/")]
    fitting = [recipe for recipe in recipes if length in (None, recipe.get("sequence_length"))]
    if not fitting:
        yield f"Model {name} does not support {method} with {peft}{f' and {length}' if length else ''}."
        return
    known = {name for recipe in fitting for name in recipe.get("hyperparameters", {})}
    mixing = {f"nova_{category}_percent" for mix in model.get("data_mixing", {}).values() for category in mix}
    known |= mixing | ({"customer_data_percent"} if mixing else set())
    if unknown := ", ".join(sorted(set(request.get("HyperParameters", {})) - known)):
        yield f"HyperParameters: {unknown} not supported; supported are {', '.join(sorted(known))}."


def _of_group(region: Region, request: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    """Yield mistakes in the group of the trained package, and in the package that training continues."""
    packaging = request.get("ModelPackageConfig")
    if packaging is None:
        if not request.get("MlflowConfig", {}).get("MlflowExperimentName"):
            yield "MlflowExperimentName is required where ModelPackageGroupArn is not given."
        return
    group, source = packaging["ModelPackageGroupArn"], packaging.get("SourceModelPackageArn")
    if arn.name(group) not in region.table("groups"):
        yield f"ModelPackageGroup {group} does not exist."
    if source is None:
        return
    package = region.table("packages").get(source)
    if package is None:
        yield f"ModelPackage {source} does not exist."
    elif (content := arn.hub_content(package.get("BaseModelArn", ""))) and content.name != _model_name(config):
        yield f"ModelPackage {source} was trained from {content.name}, not from {_model_name(config)}."


def _of_reward(region: Region, request: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    evaluator, method = config.get("EvaluatorArn"), config["CustomizationTechnique"]
    if evaluator and method not in _REWARDED:
        yield f"EvaluatorArn is not supported for {method}."
    elif evaluator:
        yield from _of_content(region, evaluator)
    elif method == "RLVR" and not request.get("HyperParameters", {}).get("preset_reward_function"):
        yield "RLVR needs an EvaluatorArn, or the hyperparameter preset_reward_function."


def _of_mlflow(region: Region, request: Mapping[str, Any]) -> Iterator[str]:
    resource = request.get("MlflowConfig", {}).get("MlflowResourceArn")
    if resource and not mlflow_servers.has(region, resource):
        yield f"MlflowResourceArn {resource} does not exist."


def _of_content(region: Region, text: str) -> Iterator[str]:
    """Yield mistakes in an ARN of hub content; '' is accepted."""
    content = arn.hub_content(text)
    if text and content is None:
        yield f"{text} is not the ARN of hub content."
    elif content is not None:
        found = hub_contents.find(region, content.hub, content.type, content.name, content.version or None)
        if found is None:
            yield f"HubContent {text} does not exist."
        elif found["HubContentStatus"] != "Available":
            yield f"HubContent {text} is {found['HubContentStatus']}; it must be Available."


def _model_name(config: Mapping[str, Any]) -> str:
    content = arn.hub_content(config["BaseModelArn"])
    return content.name if content else ""


def _models(region: Region) -> Mapping[str, Any]:
    found: Mapping[str, Any] = region.facts.get("hub_models", {})
    return found
