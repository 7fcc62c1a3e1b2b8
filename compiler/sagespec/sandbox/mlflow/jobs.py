"""The MLflow runs of the sandbox's own jobs, with metrics that grow as the job advances.

In: a region, and the ARN of an MLflow app or tracking server. Out: the runs of the jobs whose documents name it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sagespec.sandbox import customization, documents, metrics
from sagespec.sandbox.lifecycle import JOBS, TRAINING_JOBS, Course, Family
from sagespec.sandbox.service import Region


@dataclass
class Run:
    """A run of MLflow: its info, and what was logged; `history` has every point of every metric."""

    info: dict[str, Any]
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)


def runs(region: Region, arn: str) -> dict[str, tuple[str, Run]]:
    """Return the name of the experiment and the run, by the run's id."""
    found = {}
    for family, job, config, technique in _logging(region):
        if config.get("MlflowResourceArn") == arn:
            details, course = documents.mlflow_run(job[family.name], config), family.course(region, job)
            history = list(_history(job, technique, course))
            found[details["RunId"]] = (details["ExperimentName"], _run(details, course, history))
    return found


def _logging(region: Region) -> Iterator[tuple[Family, dict[str, Any], dict[str, Any], str]]:
    """Yield the jobs that log to MLflow, with their MLflow configuration and technique; '' for an evaluation."""
    for job in JOBS.known(region).values():
        technique = metrics.MTRL if job["JobCategory"] == "AgentRFT" else ""
        yield JOBS, job, documents.mlflow_config(json.loads(job["JobConfigDocument"])), technique
    for job in TRAINING_JOBS.known(region).values():
        if technique := customization.technique(job):
            yield TRAINING_JOBS, job, job.get("MlflowConfig", {}), technique


def _run(details: dict[str, str], course: Course, history: list[dict[str, Any]]) -> Run:
    info = {
        "run_id": details["RunId"],
        "run_uuid": details["RunId"],
        "run_name": details["RunName"],
        "experiment_id": details["ExperimentId"],
        "user_id": "",
        "status": "RUNNING" if course.is_running else "FINISHED" if course.status == "Completed" else "FAILED",
        "start_time": int(course.started * 1000),
        "lifecycle_stage": "active",
        "artifact_uri": "",
    }
    if course.end is not None:
        info["end_time"] = int(course.end * 1000)
    return Run(info, tags={"mlflow.runName": details["RunName"]}, history=history)


def _history(job: dict[str, Any], technique: str, course: Course) -> Iterator[dict[str, Any]]:
    """Yield the points logged so far: a training's at each step, an evaluation's scores at its end."""
    start = int(course.started * 1000)
    if technique:
        name = job.get("JobName") or job["TrainingJobName"]
        for step in range(1, course.steps_done + 1):
            for key, value in metrics.values(name, technique, step).items():
                yield {"key": key, "value": value, "timestamp": start + step, "step": step}
    elif course.status == "Completed":
        given = json.loads(job["JobConfigDocument"])["EvaluationConfig"].get("HyperParameters", {})
        for key, value in documents.evaluation_metrics(job["JobName"], given).items():
            yield {"key": key, "value": value, "timestamp": start, "step": 0}
