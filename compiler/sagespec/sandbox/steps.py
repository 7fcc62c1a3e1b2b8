"""Advance executions: each step starts when its dependencies are done, depending only on time.

Nothing runs in the background. Every read of an execution first advances it to the moment of the read. What starts on
the way gets its own time, so the moments of reads have no influence.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sagespec.checking import pipeline_graph
from sagespec.sandbox import jobs, lineage, requests, training
from sagespec.sandbox.lifecycle import JOBS, TRAINING_JOBS, Family
from sagespec.sandbox.service import MALFORMED, OPERATIONS, Region, ServiceError

_TERMINAL = ("Succeeded", "Failed", "Stopped")
_TRIGGERS = {"Completed": ("Succeeded",), "Failed": ("Failed",), "Stopped": ("Stopped",), "Any": _TERMINAL}


def advance(region: Region, execution: dict[str, Any]) -> dict[str, Any]:
    """Advance an execution to the moment of the region; return it with its status."""
    definition = json.loads(execution["Definition"])
    waits = pipeline_graph.edges(definition)
    moved = True
    while moved:
        moved = False
        for step in definition["Steps"]:
            if step["Name"] in execution["Steps"]:
                continue
            start = _start(region, execution, step, waits[step["Name"]])
            stopped = execution["StoppedAt"]
            if start is not None and start <= region.now() and (stopped is None or start < stopped):
                then = region.at(start)
                begun = {**execution["Steps"], step["Name"]: _begin(then, execution, step)}
                execution = {**execution, "Steps": begun}
                then.table("executions")[execution["PipelineExecutionArn"]] = execution
                moved = True
    return _concluded(region, execution, len(definition["Steps"]))


def _start(region: Region, execution: dict[str, Any], step: dict[str, Any], waits: list[str]) -> float | None:
    """Return when a step starts: when all its dependencies have ended as its triggers require; None before that."""
    wanted = {
        entry["Step"]: entry.get("Trigger", "Completed")
        for entry in step.get("DependsOn", ())
        if isinstance(entry, dict)
    }
    at: float = execution["Since"]
    for name in waits:
        before = execution["Steps"].get(name)
        if before is None:
            return None
        status, end = _status(region, execution, before)
        if status not in _TRIGGERS[wanted.get(name, "Completed")] or end is None:
            return None
        at = max(at, end)
    return at


@dataclass(frozen=True)
class _Api:
    """How a type of step creates and shows its job; `member` is its name in the step's metadata."""

    family: Family
    operation: str
    member: str
    current: Callable[[Region, dict[str, Any]], dict[str, Any]]


_APIS = {
    "Job": _Api(JOBS, "CreateJob", "Job", jobs.current),
    "Training": _Api(TRAINING_JOBS, "CreateTrainingJob", "TrainingJob", training.current),
}
"""By type of step."""


def _begin(region: Region, execution: dict[str, Any], step: dict[str, Any]) -> dict[str, Any]:
    """Start a step at the moment of the region: resolve its expressions and create its job."""
    begun: dict[str, Any] = {"Step": step, "StartTime": region.now(), "Metadata": {}, "Failure": None, "Outputs": {}}
    try:
        arguments = resolve(step["Arguments"], region, execution)
        if api := _APIS.get(step["Type"]):
            name = _job_name(region, execution, step, str(arguments.get(api.family.name, step["Name"])))
            _invoke(region, api.operation, {**arguments, api.family.name: name})
            begun["Job"] = name
            begun["Metadata"] = {api.member: {"Arn": api.family.of(region)[name][api.family.arn]}}
        else:
            begun["Outputs"] = lineage.record(region, arguments)
            begun["Metadata"] = {"Lineage": begun["Outputs"]} if step["Type"] == "Lineage" else {}
    except (ServiceError, *MALFORMED) as error:
        begun["Failure"] = f"ClientError: {getattr(error, 'message', error)}"
    return begun


def _invoke(region: Region, called: str, request: dict[str, Any]) -> None:
    """Carry out an operation for a step.

    Raises ServiceError, which makes the step fail.
    """
    try:
        requests.check("sagemaker", called, request)
        OPERATIONS[called](region, request)
    except ServiceError as error:
        message = f"Failed to invoke sagemaker:{called}. Error Details: {error.message}"
        raise ServiceError(error.code, message) from None


def _job_name(region: Region, execution: dict[str, Any], step: dict[str, Any], base: str) -> str:
    """Return the name that the service gives to the job of a step."""
    of = f"{execution['PipelineExecutionId']}-{base[:20].replace('_', '-')}"
    return f"pipelines-{of}-{region.new_id(of + step['Name'], 10)}"


def _status(region: Region, execution: dict[str, Any], begun: dict[str, Any]) -> tuple[str, float | None]:
    """Return a step's status, and its end or None."""
    if begun["Failure"]:
        return "Failed", begun["StartTime"]
    job = _job(region, begun)
    if job is not None:
        status, end = _APIS[begun["Step"]["Type"]].family.ended(job)
        if execution["StoppedAt"] is not None and (end is None or end > execution["StoppedAt"]):
            return "Stopped", execution["StoppedAt"]
        named = {"Completed": "Succeeded", "InProgress": "Executing", "Stopping": "Stopping"}
        return named.get(status, status), end
    end = begun["StartTime"] + region.timing.lineage
    return ("Succeeded", end) if region.now() >= end else ("Executing", None)


def _job(region: Region, begun: dict[str, Any]) -> dict[str, Any] | None:
    """Return the job of a step at this moment; None for a step without one."""
    if "Job" not in begun:
        return None
    api = _APIS[begun["Step"]["Type"]]
    return api.current(region, api.family.of(region)[begun["Job"]])


def _concluded(region: Region, execution: dict[str, Any], total: int) -> dict[str, Any]:
    states = {name: _status(region, execution, begun) for name, begun in execution["Steps"].items()}
    ends = [end for _, end in states.values() if end is not None]
    running = [name for name, (status, _) in states.items() if status not in _TERMINAL]
    failed = [name for name, (status, _) in states.items() if status == "Failed"]
    reason = {}
    if running:
        status = "Stopping" if execution["StoppedAt"] else "Executing"
    elif (execution["StoppedAt"] is not None and len(states) < total) or any(
        s == "Stopped" for s, _ in states.values()
    ):
        status = "Stopped"
    elif failed and len(states) == total:
        status = "CompletedWithFailures"
    elif failed:
        status = "Failed"
        reason = {"FailureReason": f"Step failure: One or multiple steps failed: {', '.join(failed)}"}
    else:
        status = "Succeeded" if len(states) == total else "Executing"
    modified = max([execution["Since"], *ends])
    return {**execution, "LastModifiedTime": modified, "PipelineExecutionStatus": status, **reason}


def forget_failures(region: Region, execution: dict[str, Any]) -> dict[str, Any]:
    """Return the execution without failed and stopped steps, so that they start again now."""
    states = {name: _status(region, execution, begun)[0] for name, begun in execution["Steps"].items()}
    left = {name: step for name, step in execution["Steps"].items() if states[name] not in ("Failed", "Stopped")}
    return {**execution, "Steps": left, "StoppedAt": None, "Since": region.now()}


def shown(region: Region, execution: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the steps in the form of ListPipelineExecutionSteps, in the order of their start."""
    rows = []
    for name, begun in execution["Steps"].items():
        status, end = _status(region, execution, begun)
        rows.append(
            {
                "StepName": name,
                "StepDisplayName": begun["Step"].get("DisplayName"),
                "StepDescription": begun["Step"].get("Description"),
                "StartTime": begun["StartTime"],
                "EndTime": end,
                "StepStatus": status,
                "FailureReason": _reason(region, begun) if status == "Failed" else None,
                "Metadata": begun["Metadata"],
                "AttemptCount": 1,
            }
        )
    return sorted(rows, key=lambda step: step["StartTime"])


def _reason(region: Region, begun: dict[str, Any]) -> str:
    job = _job(region, begun)
    return str(begun["Failure"] if begun["Failure"] or job is None else job.get("FailureReason"))


def resolve(tree: Any, region: Region, execution: dict[str, Any]) -> Any:
    """Replace Get, Std:Join and other expressions by their values at this moment."""
    if isinstance(tree, list):
        return [resolve(item, region, execution) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if set(tree) == {"Get"}:
        return _get(tree["Get"], region, execution)
    if set(tree) == {"Std:Join"}:
        join = tree["Std:Join"]
        return join["On"].join(str(resolve(value, region, execution)) for value in join["Values"])
    return {key: resolve(value, region, execution) for key, value in tree.items()}


def _get(path: str, region: Region, execution: dict[str, Any]) -> Any:
    root, _, rest = path.partition(".")
    if root == "Execution":
        return {"StartDateTime": execution["CreationTime"], **execution}[rest]
    if root == "Parameters":
        definition = json.loads(execution["Definition"])
        defaults = {p["Name"]: p.get("DefaultValue") for p in definition.get("Parameters", ())}
        return {**defaults, **execution["Parameters"]}[rest]
    name, _, inner = rest.partition(".")
    begun = execution["Steps"][name]
    value: Any = _job(region, begun) or begun["Outputs"]
    for part in inner.replace("['", ".").replace("']", "").split("."):
        if isinstance(value, str):  # a Get may descend into the JSON text of a job document
            value = json.loads(value)
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value
