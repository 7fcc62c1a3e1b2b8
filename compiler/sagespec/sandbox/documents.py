"""Job documents: their schemas, and the members that the service reads and adds."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from sagespec import assets
from sagespec.sandbox.service import Region


def job_schemas(region: Region) -> dict[str, Any]:
    """Return the JSON Schemas by `<category>/<version>`: those of the account over the built-in ones."""
    return {**_built_in(), **region.facts.get("job_schemas", {})}


@cache
def _built_in() -> dict[str, Any]:
    schemas: dict[str, Any] = assets.document(assets.data() / "sandbox" / "job_schemas.json")
    return schemas


def mlflow_config(document: dict[str, Any]) -> dict[str, Any]:
    """Return the MlflowConfig of a training or an evaluation document."""
    training = document.get("TrainingConfig", {}).get("MlflowConfig")
    config: dict[str, Any] = training or document.get("OutputDataConfig", {}).get("MlflowConfig") or {}
    return config


def mlflow_run(name: str, config: Mapping[str, Any]) -> dict[str, str]:
    """Return the MLflow run of a job; experiment and run have the job's name by default."""
    experiment = config.get("MlflowExperimentName", name)
    return {
        "ExperimentName": experiment,
        "RunName": config.get("MlflowRunName", name),
        "ExperimentId": experiment_id(experiment),
        "RunId": run_id(name),
    }


def run_id(name: str) -> str:
    """Return the id of a job's MLflow run: 32 hex digits."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def experiment_id(name: str) -> str:
    """Return the id of an MLflow experiment by its name; MLflow's own experiment Default has 0."""
    return "0" if name == "Default" else str(int(hashlib.sha256(name.encode()).hexdigest()[:12], 16))


_RECIPES = {
    "AgentRFT": ("TrainingConfig", "FineTuning/MTRL/LORA"),
    "AgentRFTEvaluation": ("EvaluationConfig", "Evaluation/MTRLEvaluation"),
}
"""The member with hyperparameters, and the key of the recipe that lists them, by category."""


def has_jobs(category: str) -> bool:
    """Return whether the sandbox runs jobs of a category."""
    return category in _RECIPES


def unknown_hyperparameters(region: Region, category: str, document: dict[str, Any]) -> str:
    """Return a message about hyperparameters that the base model's recipe does not have, or ''."""
    member, key = _RECIPES[category]
    config = document.get(member, {})
    name = str(config.get("BaseModelArn", "")).partition(":hub-content/")[2].split("/")[2:3]
    model = region.facts.get("hub_models", {}).get(name[0], {}) if name else {}
    known = model.get("recipes", {}).get(key, {}).get("hyperparameters")
    unknown = sorted(set(config.get("HyperParameters", {})) - set(known or ())) if known is not None else []
    if not unknown:
        return ""
    return f"{member}.HyperParameters: {', '.join(unknown)} not supported; supported are {', '.join(sorted(known))}"


def evaluation_metrics(name: str, hyperparameters: Mapping[str, str]) -> dict[str, float]:
    """Return metrics of an evaluation, fixed by the job's name; a fine-tuned model is better than its base model."""
    lift = 0.2 if "FineTuned" in name or "Custom" in name else 0.0
    jitter = int(hashlib.sha256(name.encode()).hexdigest()[:4], 16) / 0xFFFF / 20
    reward = round(0.45 + lift + jitter, 4)
    group = _numbers(hyperparameters.get("eval_group_size", ""))
    passes = [k for k in _numbers(hyperparameters.get("pass_k_values", "")) if k <= max(group, default=1)]
    return {
        "eval/reward/mean": reward,
        **{f"eval/reward/pass_at_{k}": round(1 - (1 - reward) ** min(k, 64), 4) for k in passes or [1]},
        "eval/turns/mean": round(4.2 - lift + jitter, 4),
    }


def _numbers(text: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d{1,4}", text)]
