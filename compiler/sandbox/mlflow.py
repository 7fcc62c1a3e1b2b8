"""The part of MLflow's REST API that reads runs: those of the sandbox's jobs, metric by metric.

In: a path and its parameters. Out: the answer, as a tracking server gives it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from compiler.sandbox import jobs
from compiler.sandbox.service import Region, ServiceError

PREFIX = "/api/2.0/mlflow/"


def answer(regions: Iterable[Region], path: str, given: dict[str, Any]) -> dict[str, Any]:
    """Answer `runs/get`, `metrics/get-history`, `experiments/get-by-name` and `runs/search`.

    MLflow's clients name no region: jobs of all are looked through.
    """
    operation = path.removeprefix(PREFIX)
    if operation == "runs/get":
        return {"run": _run(_find(regions, given.get("run_id", "")))}
    if operation == "metrics/get-history":
        history = _history(_find(regions, given.get("run_id", "")))
        return {"metrics": [point for point in history if point["key"] == given.get("metric_key")]}
    if operation == "experiments/get-by-name":
        name = given.get("experiment_name", "")
        return {"experiment": {"experiment_id": "1", "name": name, "lifecycle_stage": "active"}}
    if operation == "runs/search":
        return {"runs": []}
    raise ServiceError("ENDPOINT_NOT_FOUND", f"nothing answers {path}", 404)


def _find(regions: Iterable[Region], run_id: str) -> dict[str, Any]:
    for region in regions:
        for job in jobs.known(region).values():
            shown = jobs.current(region, job)
            output = json.loads(shown["JobConfigDocument"])["ServiceOutput"]
            if output["MlflowDetails"]["RunId"] == run_id:
                return {**shown, "Output": output}
    raise ServiceError("RESOURCE_DOES_NOT_EXIST", f"Run with id={run_id} not found", 404)


def _run(job: dict[str, Any]) -> dict[str, Any]:
    details, start = job["Output"]["MlflowDetails"], int(job["CreationTime"] * 1000)
    last = {point["key"]: point for point in _history(job)}
    info = {
        "run_id": details["RunId"],
        "run_uuid": details["RunId"],
        "run_name": details["RunName"],
        "experiment_id": details["ExperimentId"],
        "status": "RUNNING" if job["JobStatus"] in jobs.RUNNING else "FINISHED",
        "start_time": start,
        "lifecycle_stage": "active",
        "artifact_uri": "",
        "user_id": "",
    }
    return {"info": info, "data": {"metrics": list(last.values()), "params": [], "tags": []}}


def _history(job: dict[str, Any]) -> list[dict[str, Any]]:
    """The points logged so far: a reward that rises with the steps, with some noise."""
    start = int(job["CreationTime"] * 1000)
    output = job["Output"]
    if job["JobCategory"] != "AgentRFT":
        scores = output.get("EvaluationMetrics", {})
        return [{"key": key, "value": value, "timestamp": start, "step": 0} for key, value in scores.items()]
    found = []
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
        found += [{"key": k, "value": v, "timestamp": start + step, "step": step} for k, v in values.items()]
    return found
