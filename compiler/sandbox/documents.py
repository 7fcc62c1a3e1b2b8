"""Job documents as the service knows them: their schemas, and the parts that it reads and adds."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from compiler import assets
from compiler.sandbox.service import Region


def job_schemas(region: Region) -> dict[str, Any]:
    """The JSON Schemas by `<category>/<version>`: those of the account, over the built-in ones."""
    return {**_built_in(), **region.facts.get("job_schemas", {})}


@cache
def _built_in() -> dict[str, Any]:
    found: dict[str, Any] = assets.document(assets.data() / "sandbox" / "job_schemas.json")
    return found


def mlflow_config(document: dict[str, Any]) -> dict[str, Any]:
    """The MlflowConfig of a training or an evaluation document."""
    training = document.get("TrainingConfig", {}).get("MlflowConfig")
    found: dict[str, Any] = training or document.get("OutputDataConfig", {}).get("MlflowConfig") or {}
    return found


def run_id(name: str) -> str:
    """The MLflow run of a job: 32 hex digits."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def experiment_id(name: str) -> str:
    """The id of the MLflow experiment of a name; the one that MLflow makes itself has its own."""
    return "0" if name == "Default" else str(int(hashlib.sha256(name.encode()).hexdigest()[:12], 16))


def evaluation_metrics(name: str) -> dict[str, float]:
    """Metrics that look like an evaluation's; a fine-tuned model does better than its base model."""
    lift = 0.2 if "FineTuned" in name or "Custom" in name else 0.0
    jitter = int(hashlib.sha256(name.encode()).hexdigest()[:4], 16) / 0xFFFF / 20
    reward = round(0.45 + lift + jitter, 4)
    return {
        "eval/reward/mean": reward,
        "eval/reward/pass_at_1": reward,
        "eval/reward/pass_at_4": round(min(1.0, reward + 0.15), 4),
        "eval/turns/mean": round(4.2 - lift + jitter, 4),
    }
