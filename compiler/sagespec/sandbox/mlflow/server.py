"""An MLflow app or tracking server: what it holds, and what a request to its REST API is.

In: an operation such as `runs/create`, and its parameters. Out: the answer, as a tracking server gives it. Beside
what clients log it has the runs of the sandbox's jobs, which nobody else writes to. Refuses what it does not have,
with MLflow's own codes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sagespec.sandbox import documents
from sagespec.sandbox.mlflow import jobs, search
from sagespec.sandbox.mlflow.jobs import Run
from sagespec.sandbox.service import Region, ServiceError

_READS = re.compile(r"(get|search)(-|$)")
_VIEWS = {"ACTIVE_ONLY": ("active",), "DELETED_ONLY": ("deleted",), "ALL": ("active", "deleted")}
MOST = 50_000
"""Items on a page."""


def reads(operation: str) -> bool:
    """Whether an operation changes nothing."""
    return bool(_READS.match(operation.rpartition("/")[2]))


def missing(message: str) -> ServiceError:
    return ServiceError("RESOURCE_DOES_NOT_EXIST", message, 404)


def invalid(name: str, value: Any) -> ServiceError:
    return ServiceError("INVALID_PARAMETER_VALUE", f"Invalid value {value!r} for parameter '{name}' supplied.")


@dataclass
class Server:
    """What one app or tracking server holds, by id."""

    arn: str
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)

    def answer(self, region: Region, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one operation.

        Raises ServiceError.
        """
        handler = OPERATIONS.get(operation)
        if handler is None:
            raise ServiceError("ENDPOINT_NOT_FOUND", f"The sandbox's MLflow has no {operation}.", 404)
        logged = jobs.runs(region, self.arn)
        for name in ("Default", *(name for name, _ in logged.values())):
            if self.named(name) is None:
                self.make(region, name)
        return handler(Request(self, region, given, {**{key: run for key, (_, run) in logged.items()}, **self.runs}))

    def named(self, name: str) -> dict[str, Any] | None:
        """The experiment of a name."""
        return next((experiment for experiment in self.experiments.values() if experiment["name"] == name), None)

    def make(self, region: Region, name: str) -> dict[str, Any]:
        """Make an experiment; its id is made of its name, as jobs say it."""
        number, at = documents.experiment_id(name), int(region.now() * 1000)
        bucket = f"sagemaker-{region.region}-{region.account}"
        self.experiments[number] = {
            "experiment_id": number,
            "name": name,
            "artifact_location": f"s3://{bucket}/mlflow/{self.arn.rpartition('/')[2]}/{number}",
            "lifecycle_stage": "active",
            "creation_time": at,
            "last_update_time": at,
            "tags": [],
        }
        return self.experiments[number]


@dataclass(frozen=True)
class Request:
    """One request: what is given, and what there is. All raise ServiceError for what cannot be."""

    server: Server
    region: Region
    given: Mapping[str, Any]
    runs: dict[str, Run]

    @property
    def now(self) -> int:
        return int(self.region.now() * 1000)

    def text(self, *names: str, default: str | None = None) -> str:
        """A parameter, under one of its names."""
        value = next((self.given[name] for name in names if self.given.get(name) not in (None, "")), default)
        if not isinstance(value, str):
            raise invalid(names[0], value)
        return value

    def whole(self, name: str, default: int) -> int:
        return whole(name, self.given.get(name), default)

    def listed(self, name: str) -> list[Any]:
        value = self.given.get(name) or []
        if not isinstance(value, list):
            raise invalid(name, value)
        return value

    def pairs(self, name: str) -> dict[str, str]:
        """A list of keys and values."""
        pairs = self.listed(name)
        if not all(isinstance(pair, Mapping) and isinstance(pair.get("key"), str) for pair in pairs):
            raise invalid(name, pairs)
        return {pair["key"]: str(pair.get("value", "")) for pair in pairs}

    def experiment(self) -> dict[str, Any]:
        number = self.text("experiment_id")
        if number not in self.server.experiments:
            raise missing(f"No Experiment with id={number} exists")
        return self.server.experiments[number]

    def run(self) -> Run:
        name = self.text("run_id", "run_uuid")
        if name not in self.runs:
            raise missing(f"Run with id={name} not found")
        return self.runs[name]

    def own_run(self) -> Run:
        """A run that clients may write to."""
        run = self.run()
        if run.info["run_id"] not in self.server.runs:
            raise ServiceError("PERMISSION_DENIED", "Only its job writes to this run.", 403)
        if run.info["lifecycle_stage"] != "active":
            raise invalid("run_id", run.info["run_id"])
        return run

    def stages(self, name: str) -> tuple[str, ...]:
        """The lifecycle stages that are asked for."""
        view = self.text(name, default="ACTIVE_ONLY")
        if view not in _VIEWS:
            raise invalid(name, view)
        return _VIEWS[view]

    def select(self, things: Iterable[search.Thing]) -> list[search.Thing]:
        order = [str(key) for key in self.listed("order_by")]
        return search.select(things, self.text("filter", default=""), order)

    def page(self, items: list[Any], key: str, default: int = 1000) -> dict[str, Any]:
        start, size = self.whole("page_token", 0), self.whole("max_results", default)
        if not 0 < size <= MOST:
            raise invalid("max_results", size)
        more = {"next_page_token": str(start + size)} if start + size < len(items) else {}
        return {key: items[start : start + size], **more}


def whole(name: str, value: Any, default: int) -> int:
    """A whole number, which JSON may have as text as well."""
    if value in (None, ""):
        return default
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,18}", str(value)):
        raise invalid(name, value)
    return int(value)


Handler = Callable[[Request], dict[str, Any]]
OPERATIONS: dict[str, Handler] = {}


def operation(path: str) -> Callable[[Handler], Handler]:
    """Register a handler under the path of the REST API."""

    def register(handler: Handler) -> Handler:
        OPERATIONS[path] = handler
        return handler

    return register
