"""Metrics that a job has logged to MLflow, step by step; the only module that knows mlflow.

In: the status of a job. Out: a `Series`. The tracking server is the one that the job's document names, reached
through the sagemaker-mlflow plugin, unless MLFLOW_TRACKING_URI names another.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compiler.executor.track import Status

TRAINING = (
    "rollout/reward/mean",
    "rollout/turns/mean",
    "training/total_tokens",
    "training/num_trajectories",
)
"""What a multi-turn RL training logs at each step."""


class NoMetrics(Exception):
    """A job that has logged nothing, or keeps no MLflow run."""


class MlflowMissing(Exception):
    """The mlflow extra is not installed."""


class MlflowTrouble(Exception):
    """The tracking server refused, or could not be reached."""


_RETRIES = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "4", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1"}
"""Some fifteen seconds: its own seven take minutes to give up."""


def is_installed() -> bool:
    """Whether the mlflow extra is there; it is not imported for that, which takes seconds."""
    return importlib.util.find_spec("mlflow") is not None


@dataclass(frozen=True)
class Series:
    """Metrics by step: `rows` maps a step to the values logged at it, by metric."""

    run_id: str
    experiment: str
    metrics: tuple[str, ...]
    rows: Mapping[int, Mapping[str, float]]

    def latest(self) -> dict[str, float]:
        """The last value of each metric."""
        found: dict[str, float] = {}
        for step in sorted(self.rows):
            found |= self.rows[step]
        return found


def read(status: Status, wanted: tuple[str, ...] = ()) -> Series:
    """Read the metrics of a job; without names the training metrics where it has them, else all.

    Raises NoMetrics, MlflowMissing, MlflowTrouble.
    """
    details = status.details.get("mlflow_details")
    if status.kind == "execution":
        jobs = [step.job_arn for step in status.steps if step.job_arn]
        ask = f"ask for that of a job: {', '.join(jobs)}" if jobs else "no job of it has started"
        raise NoMetrics(f"{status.name} has no MLflow run of its own: {ask}")
    if not details:
        raise NoMetrics(f"{status.name} has no MLflow run yet")
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise MlflowMissing("metrics need `pip install 'sagespec[mlflow]'`") from None
    logging.getLogger("mlflow").setLevel(logging.ERROR)  # it warns of plugins that are not asked
    for name, number in _RETRIES.items():
        os.environ.setdefault(name, number)
    try:
        client = MlflowClient(tracking_uri=_tracking_uri(status))
        run = _run(client, details, MlflowException)
        logged = sorted(run.data.metrics)
        chosen = wanted or tuple(m for m in TRAINING if m in logged) or tuple(logged)
        if not chosen:
            raise NoMetrics(f"{status.name} has logged nothing yet")
        if unknown := [m for m in chosen if m not in logged]:
            raise NoMetrics(
                f"{status.name} has not logged {', '.join(unknown)}; it has {', '.join(logged) or 'none'}"
            )
        rows: dict[int, dict[str, float]] = {}
        for metric in chosen:
            for point in client.get_metric_history(run.info.run_id, metric):
                rows.setdefault(point.step, {})[metric] = point.value
    except MlflowException as error:
        raise MlflowTrouble(f"MLflow: {error.message}") from None
    return Series(run.info.run_id, str(details.get("ExperimentName") or ""), chosen, dict(sorted(rows.items())))


def _run(client: Any, details: Mapping[str, Any], missing: type[Exception]) -> Any:
    """The run by its id, else, where the server has given it another, by experiment and name."""
    try:
        return client.get_run(str(details.get("RunId")))
    except missing as error:
        if getattr(error, "error_code", "") != "RESOURCE_DOES_NOT_EXIST":
            raise
    experiment = client.get_experiment_by_name(details.get("ExperimentName") or "")
    name = str(details.get("RunName") or "").replace("'", "")
    runs = client.search_runs([experiment.experiment_id], f"attributes.run_name = '{name}'") if experiment else []
    if not runs:
        raise NoMetrics(f"the tracking server knows no run {details.get('RunId')}")
    return runs[0]


def _tracking_uri(status: Status) -> str:
    found = os.environ.get("MLFLOW_TRACKING_URI") or resource(status)
    if not found:
        raise NoMetrics(f"{status.name} names no MLflow app")
    return found


def place(status: Status) -> str:
    """Where MLflow's pages show the run of a job, as a URL's fragment; empty where it has none."""
    run = status.details.get("mlflow_details") or {}
    if not run.get("ExperimentId"):
        return ""
    page = f"/runs/{run['RunId']}" if run.get("RunId") else ""
    return f"#/experiments/{run['ExperimentId']}{page}?workspace=default"


def resource(status: Status) -> str:
    """The MLflow app or tracking server of a job or execution; empty without one, or where it is an expression."""
    found = (status.details.get("mlflow_config") or {}).get("MlflowResourceArn")
    return found if isinstance(found, str) else ""
