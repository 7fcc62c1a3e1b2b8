"""Runs of MLflow: create, log, read and search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sagespec.sandbox.mlflow.jobs import Run
from sagespec.sandbox.mlflow.server import MOST, Request, invalid, missing, operation, whole

_STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
_WORDS = {math.inf: "Infinity", -math.inf: "-Infinity"}


@operation("runs/create")
def create(request: Request) -> dict[str, Any]:
    experiment, tags = request.experiment(), request.pairs("tags")
    if experiment["lifecycle_stage"] != "active":
        raise invalid("experiment_id", experiment["experiment_id"])
    run_id = request.region.new_id(f"mlflow {request.server.arn}", 32)
    name = request.text("run_name", default=tags.get("mlflow.runName", f"run-{run_id[:8]}"))
    info = {
        "run_id": run_id,
        "run_uuid": run_id,
        "run_name": name,
        "experiment_id": experiment["experiment_id"],
        "user_id": request.text("user_id", default=""),
        "status": "RUNNING",
        "start_time": request.whole("start_time", request.now),
        "lifecycle_stage": "active",
        "artifact_uri": f"{experiment['artifact_location']}/{run_id}/artifacts",
    }
    made = request.server.runs[run_id] = Run(info, tags={**tags, "mlflow.runName": name})
    return {"run": _shown(made)}


@operation("runs/update")
def update(request: Request) -> dict[str, Any]:
    run = request.own_run()
    status, name = request.text("status", default=run.info["status"]), request.text("run_name", default="")
    if status not in _STATUSES:
        raise invalid("status", status)
    run.info["status"] = status
    if request.given.get("end_time") is not None:
        run.info["end_time"] = request.whole("end_time", 0)
    if name:
        run.info["run_name"] = run.tags["mlflow.runName"] = name
    return {"run_info": run.info}


@operation("runs/delete")
def delete(request: Request) -> dict[str, Any]:
    request.own_run().info["lifecycle_stage"] = "deleted"
    return {}


@operation("runs/restore")
def restore(request: Request) -> dict[str, Any]:
    request.run().info["lifecycle_stage"] = "active"
    return {}


@operation("runs/get")
def get(request: Request) -> dict[str, Any]:
    return {"run": _shown(request.run())}


@operation("runs/search")
def search(request: Request) -> dict[str, Any]:
    wanted, stages = request.listed("experiment_ids"), request.stages("run_view_type")
    things = [
        {
            "attributes": {**run.info, "id": run.info["run_id"], "created": run.info["start_time"]},
            "metrics": {name: float(point["value"]) for name, point in _latest(run).items()},
            "params": run.params,
            "tags": run.tags,
        }
        for run in request.runs.values()
        if run.info["experiment_id"] in wanted and run.info["lifecycle_stage"] in stages
    ]
    selected = [_shown(request.runs[thing["attributes"]["id"]]) for thing in request.select(things)]
    return request.page(selected, "runs")


@operation("metrics/get-history")
def get_history(request: Request) -> dict[str, Any]:
    name = request.text("metric_key")
    return request.page([point for point in request.run().history if point["key"] == name], "metrics", MOST)


@operation("runs/log-metric")
def log_metric(request: Request) -> dict[str, Any]:
    request.own_run().history.append(_point(request, request.given))
    return {}


@operation("runs/log-parameter")
def log_parameter(request: Request) -> dict[str, Any]:
    _add(request.own_run(), {request.text("key"): str(request.given.get("value", ""))})
    return {}


@operation("runs/log-batch")
def log_batch(request: Request) -> dict[str, Any]:
    run, tags = request.own_run(), request.pairs("tags")
    points = [_point(request, point) for point in request.listed("metrics")]
    _add(run, request.pairs("params"))
    run.history.extend(points)
    run.tags.update(tags)
    return {}


@operation("runs/set-tag")
def set_tag(request: Request) -> dict[str, Any]:
    request.own_run().tags[request.text("key")] = str(request.given.get("value", ""))
    return {}


@operation("runs/delete-tag")
def delete_tag(request: Request) -> dict[str, Any]:
    name = request.text("key")
    if request.own_run().tags.pop(name, None) is None:
        raise missing(f"No tag with name: {name}")
    return {}


@operation("runs/log-inputs")
@operation("runs/log-model")
@operation("runs/outputs")
def keep_nothing(request: Request) -> dict[str, Any]:
    """Accept inputs, outputs and models of a run without storing them."""
    request.own_run()
    return {}


def _shown(run: Run) -> dict[str, Any]:
    params, tags = (
        [{"key": key, "value": value} for key, value in sorted(pairs.items())] for pairs in (run.params, run.tags)
    )
    return {"info": run.info, "data": {"metrics": list(_latest(run).values()), "params": params, "tags": tags}}


def _latest(run: Run) -> dict[str, dict[str, Any]]:
    """Return the last point of each metric: of the highest step, the latest one."""
    newest: dict[str, dict[str, Any]] = {}
    for point in run.history:
        before = newest.get(point["key"])
        if before is None or (point["step"], point["timestamp"]) >= (before["step"], before["timestamp"]):
            newest[point["key"]] = point
    return newest


def _point(request: Request, given: Any) -> dict[str, Any]:
    """Return a point of a metric; NaN and infinities are texts in JSON."""
    if not isinstance(given, Mapping) or not isinstance(given.get("key"), str):
        raise invalid("metrics", given)
    try:
        value = float(given["value"])
    except (LookupError, TypeError, ValueError, OverflowError):
        raise invalid("value", given.get("value")) from None
    return {
        "key": given["key"],
        "value": "NaN" if math.isnan(value) else _WORDS.get(value, value),
        "timestamp": whole("timestamp", given.get("timestamp"), request.now),
        "step": whole("step", given.get("step"), 0),
    }


def _add(run: Run, pairs: Mapping[str, str]) -> None:
    """Log parameters, whose values cannot be changed."""
    if changed := [key for key, value in pairs.items() if run.params.get(key, value) != value]:
        raise invalid("key", f"{changed[0]}, which was logged with another value")
    run.params.update(pairs)
