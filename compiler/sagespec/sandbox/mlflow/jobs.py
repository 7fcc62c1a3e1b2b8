"""What the sandbox's own jobs log to MLflow: a run each, with metrics that grow as the job advances.

In: a region, and the ARN of an MLflow app or tracking server. Out: the runs of the jobs whose documents name it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from sagespec.sandbox import documents, jobs
from sagespec.sandbox.service import Region


@dataclass
class Run:
    """A run as MLflow shows it: its info, and what was logged; `history` has every point of every metric."""

    info: dict[str, Any]
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)


def runs(region: Region, arn: str) -> dict[str, tuple[str, Run]]:
    """The name of the experiment and the run, by the run's id."""
    by_id = {}
    for job in jobs.known(region).values():
        if documents.mlflow_config(json.loads(job["JobConfigDocument"])).get("MlflowResourceArn") != arn:
            continue
        shown = jobs.current(region, job)
        output = json.loads(shown["JobConfigDocument"])["ServiceOutput"]
        details = output["MlflowDetails"]
        by_id[details["RunId"]] = (details["ExperimentName"], _run(shown, output))
    return by_id


def _run(job: dict[str, Any], output: dict[str, Any]) -> Run:
    details, running = output["MlflowDetails"], job["JobStatus"] in jobs.RUNNING
    info = {
        "run_id": details["RunId"],
        "run_uuid": details["RunId"],
        "run_name": details["RunName"],
        "experiment_id": details["ExperimentId"],
        "user_id": "",
        "status": "RUNNING" if running else "FINISHED" if job["JobStatus"] == "Completed" else "FAILED",
        "start_time": int(job["CreationTime"] * 1000),
        "lifecycle_stage": "active",
        "artifact_uri": "",
    }
    if not running:
        info["end_time"] = int(job["EndTime"] * 1000)
    return Run(info, tags={"mlflow.runName": details["RunName"]}, history=_history(job, output))


def _history(job: dict[str, Any], output: dict[str, Any]) -> list[dict[str, Any]]:
    """The points logged so far: a reward that rises with the steps, with some noise."""
    start = int(job["CreationTime"] * 1000)
    if job["JobCategory"] != "AgentRFT":
        scores = output.get("EvaluationMetrics") or {}
        return [{"key": key, "value": value, "timestamp": start, "step": 0} for key, value in scores.items()]
    points = []
    info = output["ProgressInfo"]
    begun = (info["CurrentEpoch"] - 1) * info["StepsPerEpoch"] + info["CurrentStep"]
    for step in range(1, begun + (job["JobStatus"] == "Completed")):
        noise = int(hashlib.sha256(f"{job['JobName']}{step}".encode()).hexdigest()[:4], 16) / 0xFFFF
        values = {
            "rollout/reward/mean": round(0.3 + 0.04 * step + noise / 20, 4),
            "rollout/turns/mean": round(5.0 - 0.1 * step + noise / 5, 4),
            "training/total_tokens": float(40_000 * step),
            "training/num_trajectories": 128.0,
        }
        points += [{"key": k, "value": v, "timestamp": start + step, "step": step} for k, v in values.items()]
    return points
