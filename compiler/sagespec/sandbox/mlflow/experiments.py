"""Experiments of MLflow: create, get, search, rename, delete and restore."""

from __future__ import annotations

from typing import Any

from sagespec.sandbox import documents
from sagespec.sandbox.mlflow.server import Request, invalid, missing, operation
from sagespec.sandbox.service import ServiceError


@operation("experiments/create")
def create(request: Request) -> dict[str, Any]:
    name, tags = _new_name(request, "name"), request.pairs("tags")
    made = request.server.make(request.region, name)
    made["tags"] = [{"key": key, "value": value} for key, value in tags.items()]
    made["artifact_location"] = request.text("artifact_location", default=made["artifact_location"])
    return {"experiment_id": made["experiment_id"]}


def _new_name(request: Request, parameter: str) -> str:
    name = request.text(parameter)
    if request.server.named(name) or documents.experiment_id(name) in request.server.experiments:
        raise ServiceError("RESOURCE_ALREADY_EXISTS", f"Experiment(name={name}) already exists.")
    return name


@operation("experiments/get")
def get(request: Request) -> dict[str, Any]:
    return {"experiment": request.experiment()}


@operation("experiments/get-by-name")
def get_by_name(request: Request) -> dict[str, Any]:
    name = request.text("experiment_name")
    experiment = request.server.named(name)
    if experiment is None:
        raise missing(f"Could not find experiment with name '{name}'")
    return {"experiment": experiment}


@operation("experiments/search")
def search(request: Request) -> dict[str, Any]:
    stages = request.stages("view_type")
    things = [
        {
            "attributes": {
                **experiment,
                "id": experiment["experiment_id"],
                "start_time": experiment["creation_time"],
                "tags": None,
            },
            "tags": {tag["key"]: tag["value"] for tag in experiment["tags"]},
            "metrics": {},
            "params": {},
        }
        for experiment in request.server.experiments.values()
        if experiment["lifecycle_stage"] in stages
    ]
    selected = [request.server.experiments[thing["attributes"]["id"]] for thing in request.select(things)]
    return request.page(selected, "experiments")


@operation("experiments/update")
def update(request: Request) -> dict[str, Any]:
    request.experiment().update(name=_new_name(request, "new_name"), last_update_time=request.now)
    return {}


@operation("experiments/delete")
def delete(request: Request) -> dict[str, Any]:
    request.experiment().update(lifecycle_stage="deleted", last_update_time=request.now)
    return {}


@operation("experiments/restore")
def restore(request: Request) -> dict[str, Any]:
    request.experiment().update(lifecycle_stage="active", last_update_time=request.now)
    return {}


@operation("experiments/set-experiment-tag")
def set_tag(request: Request) -> dict[str, Any]:
    experiment, key = request.experiment(), request.text("key")
    value = request.given.get("value", "")
    if not isinstance(value, str):
        raise invalid("value", value)
    experiment["tags"] = [*(tag for tag in experiment["tags"] if tag["key"] != key), {"key": key, "value": value}]
    return {}
