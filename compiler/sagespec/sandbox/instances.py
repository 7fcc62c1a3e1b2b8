"""Training jobs on instances: the checks of CreateTrainingJob across members.

In: a request. Refuses members that exclude or need each other, duplicate names, and unknown instance groups. Out: the
additions of DescribeTrainingJob: the selected instances, and metrics in the log.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sagespec.sandbox.service import ServiceError

_READ_ONLY = ("SelectedInstanceType", "SelectedInstanceCount")


def check(request: Mapping[str, Any]) -> None:
    """Check the members of a request that depend on each other.

    Raises ServiceError for the first mistake.
    """
    for wrong in _wrong(request):
        raise ServiceError("ValidationException", wrong)


def _wrong(request: Mapping[str, Any]) -> Iterator[str]:
    resources = request.get("ResourceConfig")
    if resources is None:
        return
    yield from _of_resources(resources)
    yield from _of_preferences(request, resources)
    yield from _of_channels(request.get("InputDataConfig", ()), resources.get("InstanceGroups", ()))
    yield from _of_algorithm(request)
    limits = request.get("StoppingCondition", {})
    if request.get("EnableManagedSpotTraining"):
        wait = limits.get("MaxWaitTimeInSeconds")
        if wait is None or wait < limits.get("MaxRuntimeInSeconds", 0):
            yield "Invalid MaxWaitTimeInSeconds. It must be present, and not less than MaxRuntimeInSeconds."


def _of_resources(resources: Mapping[str, Any]) -> Iterator[str]:
    """Yield mistakes in the three ways to give instances, of which exactly one is needed."""
    for name in _READ_ONLY:
        if name in resources:
            yield f"{name} is read-only and cannot be given in ResourceConfig."
    ways = [name for name in ("InstanceType", "InstanceGroups", "InstancePreferences") if resources.get(name)]
    if len(ways) != 1:
        given = " and ".join(ways) or "none of them"
        yield f"Exactly one of InstanceType, InstanceGroups and InstancePreferences must be given; found {given}."
    if ways == ["InstanceType"] and "InstanceCount" not in resources:
        yield "InstanceCount is required with InstanceType."
    if ways == ["InstanceGroups"]:
        if "InstanceCount" in resources:
            yield "InstanceCount must not be given with InstanceGroups."
        names = [group["InstanceGroupName"] for group in resources["InstanceGroups"]]
        if twice := _twice(names):
            yield f"InstanceGroupName must be unique: {twice}."


def _of_preferences(request: Mapping[str, Any], resources: Mapping[str, Any]) -> Iterator[str]:
    preferences = resources.get("InstancePreferences")
    if not preferences:
        return
    if "InstancePlacementConfig" in resources:
        yield "InstancePlacementConfig is not supported with InstancePreferences."
    if request.get("EnableManagedSpotTraining"):
        yield "Managed spot training is not supported with InstancePreferences."
    if twice := _twice(preference["InstanceType"] for preference in preferences):
        yield f"Instance types of InstancePreferences must be unique: {twice}."
    counted = ["InstanceCount" in preference for preference in preferences]
    if any(counted) if "InstanceCount" in resources else not all(counted):
        yield "InstanceCount must be given in each of InstancePreferences, or once in ResourceConfig."
    if "TrainingPlanArn" in resources and any("TrainingPlanArns" in preference for preference in preferences):
        yield "TrainingPlanArn and TrainingPlanArns are mutually exclusive."


def _of_channels(channels: Iterable[Mapping[str, Any]], groups: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield mistakes in channels: duplicate names, and groups, which must be given for all channels or none."""
    channels = list(channels)
    if twice := _twice(channel["ChannelName"] for channel in channels):
        yield f"Channel names must be unique: {twice}."
    known = {group["InstanceGroupName"] for group in groups}
    in_s3 = [source for channel in channels if (source := channel["DataSource"].get("S3DataSource")) is not None]
    given = [source.get("InstanceGroupNames") for source in in_s3]
    if unknown := sorted({name for names in given for name in names or ()} - known):
        yield f"InstanceGroupNames are not in ResourceConfig.InstanceGroups: {', '.join(unknown)}."
    if any(given) and not all(given):
        yield "InstanceGroupNames must be given for all channels or for none."


def _of_algorithm(request: Mapping[str, Any]) -> Iterator[str]:
    algorithm = request.get("AlgorithmSpecification", {})
    if ("TrainingImage" in algorithm) == ("AlgorithmName" in algorithm):
        yield "Exactly one of TrainingImage and AlgorithmName must be given in AlgorithmSpecification."
    image_config = algorithm.get("TrainingImageConfig")
    if image_config is not None:
        if "TrainingImage" not in algorithm:
            yield "TrainingImageConfig is only supported with TrainingImage."
        if image_config["TrainingRepositoryAccessMode"] == "Vpc" and "VpcConfig" not in request:
            yield "VpcConfig is required for TrainingRepositoryAccessMode Vpc."


def _twice(names: Iterable[str]) -> str:
    """Return the first duplicate name, or ''."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def selected(resources: Mapping[str, Any]) -> dict[str, Any]:
    """Return the selected instances: the first preference, which always has capacity here."""
    preferences = resources.get("InstancePreferences")
    if not preferences:
        return {}
    first = preferences[0]
    count = first.get("InstanceCount", resources.get("InstanceCount"))
    return {"SelectedInstanceType": first["InstanceType"], "SelectedInstanceCount": count}


def final_metrics(
    definitions: Iterable[Mapping[str, str]], events: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the last value of each defined metric: the first group of its regex in the lines of the log.

    `events` are those of CloudWatch, with `message`, and `timestamp` in milliseconds. A regex without a group, or
    whose group is not a number, gives no value.
    """
    log = list(events)
    answer = []
    for definition in definitions:
        try:
            pattern = re.compile(definition["Regex"])
        except re.error:
            continue
        for event in reversed(log):
            match = pattern.search(event["message"])
            value = _number(match[1]) if match and pattern.groups else None
            if value is not None:
                moment = event["timestamp"] / 1000
                answer.append({"MetricName": definition["Name"], "Value": value, "Timestamp": moment})
                break
    return answer


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
