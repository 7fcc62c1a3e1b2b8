"""Search: find SageMaker's resources by their members.

In: a resource and a search expression. Out: records in the form of their Describe operations. Refuses resources that
the sandbox does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from sagespec.sandbox import packages, pipelines, shapes, steps, training
from sagespec.sandbox.lifecycle import TRAINING_JOBS
from sagespec.sandbox.service import Region, ServiceError, operation, page

_TESTS: dict[str, Callable[[Any, str], bool]] = {
    "Equals": lambda found, value: str(found) == value,
    "NotEquals": lambda found, value: str(found) != value,
    "Contains": lambda found, value: value in str(found),
    "GreaterThan": lambda found, value: float(found) > float(value),
    "GreaterThanOrEqualTo": lambda found, value: float(found) >= float(value),
    "LessThan": lambda found, value: float(found) < float(value),
    "LessThanOrEqualTo": lambda found, value: float(found) <= float(value),
    "In": lambda found, value: str(found) in value.split(","),
}


def _records(region: Region, resource: str) -> Iterator[dict[str, Any]]:
    if resource == "TrainingJob":
        yield from (training.current(region, job) for job in TRAINING_JOBS.known(region).values())
    elif resource == "Pipeline":
        for pipeline in region.table("pipelines").values():
            yield pipelines.describe_pipeline(region, {"PipelineName": pipeline["PipelineName"]})
    elif resource == "PipelineExecution":
        for execution in list(region.table("executions").values()):
            yield pipelines.shown(steps.advance(region, execution))
    elif resource == "ModelPackage":
        yield from (packages.shown(package) for package in region.table("packages").values())
    elif resource == "ModelPackageGroup":
        yield from region.table("groups").values()
    else:
        raise ServiceError("ValidationException", f"The sandbox has no {resource} to search for.")


@operation
def search(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    resource, tags = request["Resource"], region.table("tags")
    expression = request.get("SearchExpression", {})
    records = []
    for record in _records(region, resource):
        shown = {**record, "Tags": tags.get(record.get(f"{resource}Arn", ""), [])}
        if _matches(shown, expression):
            records.append(shown)
    if key := request.get("SortBy"):
        records.sort(key=lambda record: str(record.get(key, "")), reverse=request.get("SortOrder") != "Ascending")
    known = _members(resource)
    results = [{resource: {name: value for name, value in record.items() if name in known}} for record in records]
    return page(request, results, "Results", default=10)


@cache
def _members(resource: str) -> frozenset[str]:
    """Return the members that Search returns of a resource, fewer than its Describe operation."""
    definitions = shapes.schema("sagemaker", "Search", output=True)["$defs"]
    return frozenset(definitions[resource]["properties"])


def _matches(record: dict[str, Any], expression: dict[str, Any]) -> bool:
    """Return whether a record matches an expression: all of its parts, or any."""
    parts = [_passes(record, test) for test in expression.get("Filters", ())]
    parts += [_matches(record, inner) for inner in expression.get("SubExpressions", ())]
    return (any if expression.get("Operator") == "Or" else all)(parts) if parts else True


def _passes(record: dict[str, Any], test: dict[str, Any]) -> bool:
    value, wanted = _member(record, test["Name"]), str(test.get("Operator", "Equals"))
    if wanted in ("Exists", "NotExists"):
        return (value is not None) == (wanted == "Exists")
    return value is not None and _TESTS[wanted](value, test.get("Value", ""))


def _member(record: Any, path: str) -> Any:
    """Return the member of a dotted name; `Tags.<key>` is the value of a tag, whose key may contain dots."""
    if path.startswith("Tags."):
        return next((tag["Value"] for tag in record["Tags"] if tag["Key"] == path[len("Tags.") :]), None)
    for step in path.split("."):
        record = record.get(step) if isinstance(record, dict) else None
    return record
