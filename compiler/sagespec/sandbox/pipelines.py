"""Pipelines, their versions and their executions."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

from sagespec.checking import pipeline_graph, schema
from sagespec.sandbox import steps
from sagespec.sandbox.service import Region, ServiceError, not_found, number, operation, page, select

_STEP = {
    "type": "object",
    "required": ["Name", "Type", "Arguments"],
    "properties": {
        "Name": {"type": "string"},
        "Type": {"type": "string"},
        "Arguments": {"type": "object"},
        "DependsOn": {
            "type": "array",
            "items": {
                "type": ["string", "object"],
                "required": ["Step", "Trigger"],
                "properties": {"Step": {"type": "string"}, "Trigger": {"type": "string"}},
            },
        },
    },
}
_DEFINITION = {
    "type": "object",
    "required": ["Steps"],
    "properties": {
        "Steps": {"type": "array", "items": _STEP},
        "Parameters": {
            "type": ["array", "null"],
            "items": {"type": "object", "required": ["Name"], "properties": {"Name": {"type": "string"}}},
        },
    },
}


@operation
def create_pipeline(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    def make() -> dict[str, Any]:
        name = request["PipelineName"]
        pipelines = region.table("pipelines")
        if name.lower() in pipelines:
            message = f"Pipeline names must be unique within an AWS account and region: {name} already exists."
            raise ServiceError("ValidationException", message)
        _check(request["PipelineDefinition"])
        arn = region.arn(f"pipeline/{name}")
        pipelines[name.lower()] = {
            "PipelineName": name,
            "PipelineArn": arn,
            "PipelineDisplayName": request.get("PipelineDisplayName", name),
            "PipelineDescription": request.get("PipelineDescription"),
            "RoleArn": request["RoleArn"],
            "CreationTime": region.now(),
            "LastModifiedTime": region.now(),
            "Versions": [{"Definition": request["PipelineDefinition"], "CreationTime": region.now()}],
        }
        region.table("tags")[arn] = list(request.get("Tags", ()))
        return {"PipelineArn": arn}

    return region.once("CreatePipeline", request, make)


def _check(definition: str) -> None:
    """Refuse what the service refuses: text that is not JSON, and a graph that cannot run.

    Raises ServiceError.
    """
    try:
        parsed = json.loads(definition)
    except (RecursionError, ValueError) as error:
        raise ServiceError("ValidationException", f"Unable to parse pipeline definition: {error}") from None
    for problem in chain(schema.validate_against(_DEFINITION, parsed), pipeline_graph.check(parsed)):
        raise ServiceError("ValidationException", f"Invalid pipeline definition: {problem.message}")


@operation
def update_pipeline(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    pipeline = find(region, request["PipelineName"])
    versions = pipeline["Versions"]
    if "PipelineDefinition" in request:
        _check(request["PipelineDefinition"])
        versions = [*versions, {"Definition": request["PipelineDefinition"], "CreationTime": region.now()}]
    changed: dict[str, Any] = {
        k: request[k] for k in ("PipelineDisplayName", "PipelineDescription", "RoleArn") if k in request
    }
    changed |= {"LastModifiedTime": region.now(), "LastModifiedBy": {"IamIdentity": {"Arn": region.caller}}}
    region.table("pipelines")[pipeline["PipelineName"].lower()] = {**pipeline, **changed, "Versions": versions}
    return {"PipelineArn": pipeline["PipelineArn"], "PipelineVersionId": len(versions)}


@operation
def describe_pipeline(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    pipeline = find(region, request["PipelineName"])
    version = request.get("PipelineVersionId", len(pipeline["Versions"]))
    if not 1 <= version <= len(pipeline["Versions"]):
        raise not_found(f"version {version} of pipeline {request['PipelineName']}")
    answer = {key: value for key, value in pipeline.items() if key != "Versions" and value is not None}
    answer["PipelineDefinition"] = pipeline["Versions"][version - 1]["Definition"]
    return {**answer, "PipelineStatus": "Active"}


@operation
def list_pipelines(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    keys = (
        "PipelineArn",
        "PipelineName",
        "PipelineDisplayName",
        "RoleArn",
        "CreationTime",
        "LastModifiedTime",
    )
    prefix = request.get("PipelineNamePrefix", "")
    ours = [p for p in region.table("pipelines").values() if p["PipelineName"].startswith(prefix)]
    chosen = select(request, ours, "PipelineName", "PipelineName")
    return page(request, [{k: p[k] for k in keys} for p in chosen], "PipelineSummaries", default=10)


@operation
def list_pipeline_versions(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    pipeline = find(region, request["PipelineName"])
    versions = [
        {
            "PipelineArn": pipeline["PipelineArn"],
            "PipelineVersionId": number,
            "CreationTime": version["CreationTime"],
        }
        for number, version in enumerate(pipeline["Versions"], 1)
    ]
    if request.get("SortOrder") != "Ascending":
        versions.reverse()
    return page(request, versions, "PipelineVersionSummaries", default=10)


@operation
def delete_pipeline(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    pipeline = find(region, request["PipelineName"])
    for execution in _executions(region, pipeline):
        if steps.advance(region, execution)["PipelineExecutionStatus"] in ("Executing", "Stopping"):
            raise ServiceError("ConflictException", f"Pipeline {request['PipelineName']} has running executions.")
    for execution in _executions(region, pipeline):
        del region.table("executions")[execution["PipelineExecutionArn"]]
    del region.table("pipelines")[pipeline["PipelineName"].lower()]
    return {"PipelineArn": pipeline["PipelineArn"]}


@operation
def start_pipeline_execution(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    def make() -> dict[str, Any]:
        pipeline = find(region, request["PipelineName"])
        version = request.get("PipelineVersionId", len(pipeline["Versions"]))
        if not 1 <= version <= len(pipeline["Versions"]):
            raise not_found(f"version {version} of pipeline {request['PipelineName']}")
        execution_id = region.new_id(f"{pipeline['PipelineName']} {request.get('ClientRequestToken')}")
        arn = f"{pipeline['PipelineArn']}/execution/{execution_id}"
        region.table("executions")[arn] = {
            "PipelineArn": pipeline["PipelineArn"],
            "PipelineName": pipeline["PipelineName"],
            "PipelineExecutionArn": arn,
            "PipelineExecutionId": execution_id,
            "PipelineExecutionDisplayName": request.get("PipelineExecutionDisplayName", f"execution-{execution_id}"),
            "PipelineExecutionDescription": request.get("PipelineExecutionDescription"),
            "PipelineVersionId": version,
            "Definition": pipeline["Versions"][version - 1]["Definition"],
            "Parameters": {p["Name"]: p["Value"] for p in request.get("PipelineParameters", ())},
            "CreationTime": region.now(),
            "CreatedBy": {"IamIdentity": {"Arn": region.caller}},
            "Since": region.now(),
            "StoppedAt": None,
            "Steps": {},
        }
        region.table("tags")[arn] = []
        return {"PipelineExecutionArn": arn, "PipelineVersionId": version}

    return region.once("StartPipelineExecution", request, make)


@operation
def describe_pipeline_execution(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    execution = find_execution(region, request["PipelineExecutionArn"])
    return shown(steps.advance(region, execution))


def shown(execution: dict[str, Any]) -> dict[str, Any]:
    hidden = ("Steps", "Definition", "Parameters", "Since", "StoppedAt", "PipelineName", "PipelineExecutionId")
    return {key: value for key, value in execution.items() if key not in hidden and value is not None}


@operation
def describe_pipeline_definition_for_execution(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    execution = find_execution(region, request["PipelineExecutionArn"])
    return {"PipelineDefinition": execution["Definition"], "CreationTime": execution["CreationTime"]}


@operation
def list_pipeline_executions(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    pipeline = find(region, request["PipelineName"])
    ours = [_summary(steps.advance(region, e)) for e in _executions(region, pipeline)]
    after, before = number(request, "CreatedAfter"), number(request, "CreatedBefore")
    ours = [
        e for e in ours if (after is None or e["StartTime"] > after) and (before is None or e["StartTime"] < before)
    ]
    ours.sort(key=lambda e: e["StartTime"], reverse=request.get("SortOrder") != "Ascending")
    return page(request, ours, "PipelineExecutionSummaries", default=10)


def _summary(execution: dict[str, Any]) -> dict[str, Any]:
    answer = {
        "PipelineExecutionArn": execution["PipelineExecutionArn"],
        "PipelineExecutionDisplayName": execution["PipelineExecutionDisplayName"],
        "PipelineExecutionStatus": execution["PipelineExecutionStatus"],
        "StartTime": execution["CreationTime"],
    }
    if execution.get("FailureReason"):
        answer["PipelineExecutionFailureReason"] = execution["FailureReason"]
    return answer


@operation
def list_pipeline_execution_steps(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    execution = steps.advance(region, find_execution(region, request["PipelineExecutionArn"]))
    rows = [{k: v for k, v in s.items() if v is not None} for s in steps.shown(region, execution)]
    if request.get("SortOrder") != "Ascending":
        rows.reverse()
    return page(request, rows, "PipelineExecutionSteps", default=10)


@operation
def stop_pipeline_execution(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    def make() -> dict[str, Any]:
        execution = find_execution(region, request["PipelineExecutionArn"])
        if steps.advance(region, execution)["PipelineExecutionStatus"] != "Executing":
            raise ServiceError("ConflictException", "Only an executing pipeline execution can be stopped.")
        _keep(region, {**find_execution(region, request["PipelineExecutionArn"]), "StoppedAt": region.now()})
        return {"PipelineExecutionArn": execution["PipelineExecutionArn"]}

    return region.once("StopPipelineExecution", request, make)


@operation
def retry_pipeline_execution(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    def make() -> dict[str, Any]:
        execution = find_execution(region, request["PipelineExecutionArn"])
        if steps.advance(region, execution)["PipelineExecutionStatus"] not in ("Failed", "Stopped"):
            raise ServiceError("ConflictException", "Only a failed or stopped execution can be retried.")
        _keep(region, steps.forget_failures(region, find_execution(region, request["PipelineExecutionArn"])))
        return {"PipelineExecutionArn": execution["PipelineExecutionArn"]}

    return region.once("RetryPipelineExecution", request, make)


def find(region: Region, name: str) -> dict[str, Any]:
    """Return a pipeline by name or ARN.

    Raises ServiceError where it does not exist.
    """
    pipeline: dict[str, Any] | None = region.table("pipelines").get(name.rpartition("/")[2].lower())
    if pipeline is None:
        raise not_found(f"pipeline {name}")
    return pipeline


def find_execution(region: Region, arn: str) -> dict[str, Any]:
    execution: dict[str, Any] | None = region.table("executions").get(arn)
    if execution is None:
        raise not_found(f"pipeline execution {arn}")
    return execution


def _keep(region: Region, execution: dict[str, Any]) -> None:
    region.table("executions")[execution["PipelineExecutionArn"]] = execution


def _executions(region: Region, pipeline: dict[str, Any]) -> list[dict[str, Any]]:
    return [e for e in region.table("executions").values() if e["PipelineArn"] == pipeline["PipelineArn"]]
