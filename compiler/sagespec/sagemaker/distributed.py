"""How the processes of a training are started on its nodes: torchrun, mpirun, or the user's own driver.

In: a distributed config. Out: the document that the drivers read, and the problems of its degrees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from sagespec import assets
from sagespec.diagnostics import Problems
from sagespec.documents.compiled import Compiled
from sagespec.documents.render import render
from sagespec.documents.traced import Traced, settle
from sagespec.sagemaker.compute import Group

DOCUMENT = "drivers/distributed.json"
"""The upload that tells the drivers how processes are started."""
DIVIDING = ("tensor_parallel_degree", "expert_parallel_degree")
DEGREES = ("hybrid_shard_degree", "context_parallel_degree", *DIVIDING)
_ABSENT = Traced(None)


@dataclass(frozen=True)
class Config:
    """A distributed config: its type, and the document that the drivers read.

    `processes` and `smp` are fields that rules check; a user's own driver has none. `origin` is the address of the
    spec with the config, if that is another one.
    """

    type: str
    document: dict[str, Any]
    processes: Traced = _ABSENT
    smp: Traced = _ABSENT
    origin: str = ""


def of_kind(kind: str, fields: Traced) -> Config:
    """Return the config of a reusable kind, or of the same type written inline."""
    document, _ = settle(render(kind, spec=fields))
    given = {name: value for name, value in document.items() if value is not None}
    return Config(kind, given, fields.process_count_per_node, fields.smp)


def of_ref(config: Config, ref: Traced) -> Config:
    """Return the config of another spec, with the path of the ref to it."""
    return replace(config, processes=ref.to(config.processes.value), smp=ref.to(config.smp.value), origin=ref.value)


def of_compiled(content: Compiled) -> dict[str, Any] | None:
    """Return the document for the drivers in a compiled training; None where processes are not distributed."""
    config = next((r.parameters["Body"].get("$json") for r in content.requests if r.id == DOCUMENT), None)
    return config if isinstance(config, dict) else None


@cache
def instances() -> dict[str, dict[str, Any]]:
    """Return accelerators and EFA by instance type."""
    document: dict[str, dict[str, Any]] = assets.document(assets.data() / "instances.json")
    return document


def _world_size(cluster: Sequence[Group], config: Config) -> int | None:
    """Return the number of processes on all nodes.

    As configured, else one for each accelerator; None where unknown.
    """
    size = 0
    for group in cluster:
        each = config.processes.value or instances().get(group.type.value, {}).get("accelerators")
        if not each:
            return None
        size += each * group.count
    return size


def check(config: Config, problems: Problems) -> None:
    """Check the degrees of model parallelism against each other, independent of the instances."""
    smp = config.smp
    tensor, expert = smp.tensor_parallel_degree, smp.expert_parallel_degree
    if (tensor.value or 1) > 1 and (expert.value or 1) > 1:
        problems.error("bad-degree", "expert parallelism excludes tensor parallelism", expert.path)
    shard, context = smp.hybrid_shard_degree, smp.context_parallel_degree
    if (shard.value or 0) >= 1 and (context.value or 1) > shard.value:
        message = f"context_parallel_degree is {context.value}, more than hybrid_shard_degree {shard.value}"
        problems.error("bad-degree", message, context.path)


def check_machines(config: Config, clusters: Sequence[Sequence[Group]], problems: Problems) -> None:
    """Check degrees against the number of processes, and warn of slow networks."""
    said: set[tuple[str, str]] = set()
    for cluster in clusters:
        for name, message in _misfits(config.smp, _world_size(cluster, config)):
            if (name, message) in said:
                continue
            said.add((name, message))
            if config.origin:
                problems.error("bad-degree", f"{config.origin}: smp.{message}", config.smp.path)
            else:
                problems.error("bad-degree", message, config.smp[name].path)
        if sum(group.count for group in cluster) > 1:
            _warn_of_slow_networks(cluster, problems)


def _warn_of_slow_networks(cluster: Sequence[Group], problems: Problems) -> None:
    for group in cluster:
        known = instances().get(group.type.value)
        if known and known["accelerators"] and not known["efa"]:
            message = f"{group.type.value} has no EFA: its nodes talk to each other over TCP, which is slow"
            problems.warn("no-efa", message, group.type.path)


def _misfits(smp: Traced, size: int | None) -> Iterator[tuple[str, str]]:
    if size is None:
        return
    for name in DEGREES:
        degree = smp[name].value or 1
        if degree > size:
            yield name, f"{name} is {degree}, more than the {size} processes that there are"
        elif name in DIVIDING and size % degree:
            yield name, f"{name} is {degree}, which does not divide the {size} processes evenly"
