"""What a run costs at most, from the requests that make it.

In: the requests of a compiled file, the fields of its spec, prices. Out: a `Cost`. Nothing depends on kinds: members
have the same names in whatever operation they stand.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sagespec import arn
from sagespec.documents.compiled import Request
from sagespec.review.entry import Cost, Instances

_HOUR = 3600
_ROUNDS = re.compile(r"(?:max_|num_|n_|train_|num_train_)?(epoch|step)s?")
"""Hyperparameters that say how often a training goes through its data."""
_OURS = "/sagespec/"
"""In the place of every upload of ours, which is no data."""


def of(requests: Sequence[Request], fields: Mapping[str, Any], prices: Mapping[str, float]) -> Cost | None:
    """Say what the last of a file's requests runs; None where nothing does."""
    if not requests:
        return None
    run = requests[-1]
    pipeline = next((r for r in requests if "PipelineDefinition" in r.parameters), None)
    steps = _steps(pipeline) if pipeline else []
    parts = [step.get("Arguments", {}) for step in steps] if pipeline else [run.parameters]
    each_job = [[*_mappings(part)] for part in parts]
    nodes = [node for part in each_job for node in part]
    instances = tuple(dict.fromkeys(one for part in each_job for one in _machines(nodes)))
    limits = _first(nodes, "MaxNumberOfTrainingJobs"), _first(nodes, "MaxParallelTrainingJobs")
    seconds = _longest(nodes)
    jobs = limits[0] or 1
    hours = sum(_hours(part) for part in each_job) * jobs if instances else None
    priced = all(one.type in prices for one in instances)
    usd = sum(_hours(part, prices) for part in each_job) * jobs if instances and priced else None
    serverless = not instances and any("BaseModelArn" in node or "ServerlessJobConfig" in node for node in nodes)
    return Cost(
        operation=run.operation,
        instances=instances,
        seconds=seconds,
        hours=hours,
        usd=usd,
        serverless=serverless,
        model=_model(nodes) if serverless else "",
        data=tuple(dict.fromkeys(_data(nodes))) if serverless and not pipeline else (),
        rounds=_rounds(nodes, fields) if serverless and not pipeline else "",
        steps=len(steps),
        jobs=limits[0] or 0,
        at_once=limits[1] or 0,
    )


def _steps(pipeline: Request) -> list[Any]:
    definition = pipeline.parameters["PipelineDefinition"]
    steps = definition.get("$json", {}).get("Steps", []) if isinstance(definition, dict) else []
    return [step for step in steps if isinstance(step, dict)]


def _mappings(tree: Any) -> Iterator[dict[str, Any]]:
    """Every mapping of a tree, those around others first."""
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _mappings(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from _mappings(item)


def _first(nodes: Sequence[Mapping[str, Any]], member: str) -> int | None:
    return next((node[member] for node in nodes if isinstance(node.get(member), int)), None)


def _machines(nodes: Sequence[Mapping[str, Any]]) -> list[Instances]:
    """The machines of one job, by their types."""
    numbers: Counter[str] = Counter()
    for one in (one for node in nodes for one in _instances(node)):
        numbers[one.type] += one.number
    return [Instances(number, name) for name, number in numbers.items()]


def _longest(nodes: Sequence[Mapping[str, Any]]) -> int | None:
    limits = (node.get("MaxRuntimeInSeconds") for node in nodes)
    return max((limit for limit in limits if isinstance(limit, int)), default=None)


def _instances(node: Mapping[str, Any]) -> Iterator[Instances]:
    count, name = node.get("InstanceCount"), node.get("InstanceType")
    if isinstance(count, int) and isinstance(name, str):
        yield Instances(count, name)


def _hours(nodes: Sequence[Mapping[str, Any]], prices: Mapping[str, float] | None = None) -> float:
    """The instance-hours of one job at most, or what they cost; instances that are kept warm count as well."""
    longest = _longest(nodes) or 0
    kept = _first(nodes, "KeepAlivePeriodInSeconds") or 0
    each = (one.number * (1.0 if prices is None else prices[one.type]) for one in _machines(nodes))
    return sum(each) * (longest + kept) / _HOUR


def _model(nodes: Sequence[Mapping[str, Any]]) -> str:
    for member in ("InputModelPackageArn", "SourceModelPackageArn", "BaseModelArn"):
        for value in (node[member] for node in nodes if member in node):
            if isinstance(value, dict) and isinstance(value.get("$output"), str):
                return str(value["$output"]).rpartition(".")[0]
            if isinstance(value, str):
                content = arn.hub_content(value)
                return content.name if content else value.rpartition(":")[2].removeprefix("model-package/")
    return ""


def _data(nodes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for node in nodes:
        uri = node.get("S3Uri")
        if isinstance(uri, str) and _OURS not in uri:
            yield uri
        if isinstance(data_set := node.get("DatasetArn"), str):
            yield data_set.partition("hub-content/")[2] or data_set


def _rounds(nodes: Sequence[Mapping[str, Any]], fields: Mapping[str, Any]) -> str:
    """Epochs or steps: as they are sent, else as the spec says, since what the recipe has is not sent."""
    sent: dict[str, Any] = next(
        (node["HyperParameters"] for node in nodes if isinstance(node.get("HyperParameters"), dict)), {}
    )
    given = fields.get("hyperparameters")
    for name, value in {**(given if isinstance(given, dict) else {}), **sent}.items():
        if (match := _ROUNDS.fullmatch(name)) and re.fullmatch(r"[0-9]{1,9}", str(value)):
            return f"{value} {match[1]}" + ("s" if int(value) != 1 else "")
    return ""
