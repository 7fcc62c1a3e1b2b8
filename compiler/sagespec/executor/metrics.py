"""Read the metrics that a job has logged to MLflow at each step.

In: the status of a job. Out: a `Series`. The tracking server is the one in the job's document, by its ARN, called
with the caller's credentials through MLflow's plugin for SageMaker. MLFLOW_TRACKING_URI is for jobs without one.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagespec.diagnostics.escapes import cut
from sagespec.executor import log_metrics
from sagespec.executor.cloud import Cloud
from sagespec.executor.runs.status import Status

TRAINING = (
    "rollout/reward/mean",
    "rollout/turns/mean",
    "training/total_tokens",
    "training/num_trajectories",
)
"""The metrics of a multi-turn RL training at each step."""


class NoMetrics(Exception):
    """A job that has logged nothing, or has no MLflow run."""


class MlflowMissing(Exception):
    """The mlflow extra is not installed."""


class MlflowTrouble(Exception):
    """The tracking server refused, could not be reached, or gave a malformed answer; `hint` may be ''."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"MLflow: {message}")
        self.hint = hint


CLIENT = Path(__file__).with_name("mlflow_client.py")
_ARN = re.compile(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:\d{12}:mlflow-(app|tracking-server)/[\w.-]+")
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "4",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
"""Unless the user sets them: retries for about fifteen seconds; MLflow's default of seven retries takes minutes."""
_LONGEST_SECONDS = 300
"""The longest time for all requests of a run: MLflow's client limits only each request."""
_LONGEST_MESSAGE = 400
"""The longest message in characters: MLflow's client quotes whole HTML pages."""
_DENIED = re.compile(r"error code 40[13]\b|PERMISSION_DENIED|UNAUTHENTICATED|AccessDenied|not authorized")
_ACTIONS = {
    "app": "sagemaker:CallMlflowAppApi (and sagemaker-mlflow:GetRun, sagemaker-mlflow:GetMetricHistory)",
    "tracking-server": "sagemaker-mlflow:GetRun and sagemaker-mlflow:GetMetricHistory",
}


def is_installed() -> bool:
    """Return whether the mlflow extra is installed, without importing it, which takes seconds."""
    return all(importlib.util.find_spec(name) is not None for name in ("mlflow", "sagemaker_mlflow"))


@dataclass(frozen=True)
class Series:
    """Metrics by step: `rows` maps a step to the values logged at it, by metric."""

    run_id: str
    experiment: str
    metrics: tuple[str, ...]
    rows: Mapping[int, Mapping[str, float]]

    def latest(self) -> dict[str, float]:
        """Return the last value of each metric."""
        values: dict[str, float] = {}
        for step in sorted(self.rows):
            values |= self.rows[step]
        return values


def read(cloud: Cloud, status: Status, wanted: tuple[str, ...] = (), region: str | None = None) -> Series:
    """Read the metrics of a job; without names the usual training metrics where it has logged them, else all metrics.

    What MLflow does not have is looked for in the log of a Nova model's training. Raises NoMetrics, MlflowMissing,
    MlflowTrouble; CloudError without credentials.
    """
    try:
        return _of_mlflow(cloud, status, wanted)
    except (MlflowMissing, MlflowTrouble, NoMetrics):
        rows = log_metrics.read(cloud, status, region)
        names = wanted or tuple(dict.fromkeys(name for values in rows.values() for name in values))
        kept = {step: {name: values[name] for name in names if name in values} for step, values in rows.items()}
        if not any(kept.values()) or set(names) - {name for values in kept.values() for name in values}:
            raise
        return Series("", "", names, {step: values for step, values in kept.items() if values})


def _of_mlflow(cloud: Cloud, status: Status, wanted: tuple[str, ...]) -> Series:
    """Read them from MLflow; raises what `read` does."""
    details = _mapping(status, "mlflow_details")
    if status.has_steps:
        jobs = [step.job_arn for step in status.steps if step.job_arn]
        ask = f"ask for that of a job: {', '.join(jobs)}" if jobs else "no job of it has started"
        raise NoMetrics(f"{status.name} has no MLflow run of its own: {ask}")
    if not details:
        raise NoMetrics(f"{status.name} has no MLflow run yet")
    names = {name: _text(details.get(key)) for name, key in _NAMES.items()}
    if not (names["run_id"] or (names["experiment"] and names["run_name"])):
        raise NoMetrics(f"{status.name} has no MLflow run")
    answer = _ask(cloud, _tracking_uri(status), {**names, "wanted": wanted, "usual": TRAINING})
    if not answer:
        raise NoMetrics(f"the tracking server knows no run {names['run_id'] or names['run_name']}")
    if not answer["chosen"]:
        raise NoMetrics(f"{status.name} has logged nothing yet")
    if unknown := [metric for metric in answer["chosen"] if metric not in answer["logged"]]:
        has = ", ".join(answer["logged"]) or "none"
        raise NoMetrics(f"{status.name} has not logged {', '.join(unknown)}; it has {has}")
    rows: dict[int, dict[str, float]] = {}
    for metric, points in answer["points"].items():
        for step, value in points:
            rows.setdefault(step, {})[metric] = value
    return Series(answer["run_id"], names["experiment"], tuple(answer["chosen"]), dict(sorted(rows.items())))


_NAMES = {"run_id": "RunId", "experiment": "ExperimentName", "run_name": "RunName"}


def _ask(cloud: Cloud, uri: str, question: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the tracking server for a run, in a separate process; {} where there is none."""
    resource = _ARN.fullmatch(uri)
    environment = {**_PATIENCE, **os.environ, "MLFLOW_TRACKING_URI": uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    if not is_installed():
        raise MlflowMissing("metrics need `pip install 'sagespec[mlflow]'`")
    said = _answer(question, cloud.environment(environment) if resource else environment)
    if said.get("code") == "RESOURCE_DOES_NOT_EXIST":
        return {}
    if "trouble" in said:
        message = said["trouble"] if said["kind"] in _OWN_WORDS else f"{said['kind']}: {said['trouble']}"
        hint = f"the caller needs the permission {_ACTIONS[resource[1]]}" if resource else ""
        raise MlflowTrouble(cut(message, _LONGEST_MESSAGE), hint if _DENIED.search(message) else "")
    answer: dict[str, Any] = said["found"]
    return answer


_OWN_WORDS = ("MlflowException", "NoAnswer", "RestException")
"""Errors whose message is sufficient without the name of the class."""


def _answer(question: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the answer of the client process, which gets our `sys.path`."""
    content = json.dumps({**question, "path": sys.path}).encode()
    command = [sys.executable, "-I", str(CLIENT)]
    try:
        done = subprocess.run(
            command, input=content, env=environment, capture_output=True, timeout=_LONGEST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise MlflowTrouble(f"no complete answer after {_LONGEST_SECONDS} seconds") from None
    try:
        said: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise MlflowTrouble(f"its client has ended without an answer ({done.returncode}): {last}") from None
    return said


def _tracking_uri(status: Status) -> str:
    uri = resource(status)
    if uri and not _ARN.fullmatch(uri):
        raise NoMetrics(f"{status.name} names {uri} as its MLflow app, which is not the ARN of one")
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        raise NoMetrics(f"{status.name} has no MLflow app")
    return uri


def page(status: Status) -> str:
    """Return the fragment of the URL at which MLflow shows the run of a job; '' without a run."""
    run = _mapping(status, "mlflow_details")
    if not run.get("ExperimentId"):
        return ""
    page = f"/runs/{run['RunId']}" if run.get("RunId") else ""
    return f"#/experiments/{run['ExperimentId']}{page}?workspace=default"


def resource(status: Status) -> str:
    """Return the ARN of the MLflow app or tracking server of a job; '' without one, or where it is an expression."""
    return _text(_mapping(status, "mlflow_config").get("MlflowResourceArn"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _mapping(status: Status, name: str) -> Mapping[str, Any]:
    """Return a mapping in a job's details; {} for any other value."""
    value = status.details.get(name)
    return value if isinstance(value, Mapping) else {}
