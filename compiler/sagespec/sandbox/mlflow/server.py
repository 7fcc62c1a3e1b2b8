"""An MLflow app or tracking server: its content, and the requests to its REST API.

In: an operation such as `runs/create`, and its parameters. Out: the answer of a tracking server. Besides what clients
log, it has the read-only runs of the sandbox's jobs. Refuses unknown items with MLflow's own codes.
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
"""The most items on a page."""


def reads(operation: str) -> bool:
    """Return whether an operation changes nothing."""
    return bool(_READS.match(operation.rpartition("/")[2]))


def missing(message: str) -> ServiceError:
    return ServiceError("RESOURCE_DOES_NOT_EXIST", message, 404)


def invalid(name: str, value: Any) -> ServiceError:
    return ServiceError("INVALID_PARAMETER_VALUE", f"Invalid value {value!r} for parameter '{name}' supplied.")


@dataclass
class Server:
    """The content of one app or tracking server, by id."""

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
        """Return the experiment of a name, or None."""
        return next((experiment for experiment in self.experiments.values() if experiment["name"] == name), None)

    def make(self, region: Region, name: str) -> dict[str, Any]:
        """Create an experiment; its id is computed from its name, as in the documents of jobs."""
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
    """One request with the server's content. All methods raise ServiceError for invalid parameters."""

    server: Server
    region: Region
    given: Mapping[str, Any]
    runs: dict[str, Run]

    @property
    def now(self) -> int:
        return int(self.region.now() * 1000)

    def text(self, *names: str, default: str | None = None) -> str:
        """Return a text parameter, given by one of several names."""
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
        """Return a list of keys and values as a mapping."""
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
        """Return a run that clients may write to."""
        run = self.run()
        if run.info["run_id"] not in self.server.runs:
            raise ServiceError("PERMISSION_DENIED", "Only its job writes to this run.", 403)
        if run.info["lifecycle_stage"] != "active":
            raise invalid("run_id", run.info["run_id"])
        return run

    def stages(self, name: str) -> tuple[str, ...]:
        """Return the requested lifecycle stages."""
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
    """Return an integer, which JSON may contain as text.

    Raises ServiceError for any other value.
    """
    if value in (None, ""):
        return default
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,18}", str(value)):
        raise invalid(name, value)
    return int(value)


Handler = Callable[[Request], dict[str, Any]]
OPERATIONS: dict[str, Handler] = {}


def operation(path: str) -> Callable[[Handler], Handler]:
    """Register a handler under a path of the REST API."""

    def register(handler: Handler) -> Handler:
        OPERATIONS[path] = handler
        return handler

    return register
