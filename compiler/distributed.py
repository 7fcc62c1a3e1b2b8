"""How a training's processes are started on its nodes: torchrun, mpirun, or a driver of the user's own.

In: a distributed config. Out: the document that the drivers read, and what is wrong with its degrees.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from compiler import assets
from compiler.compiled import Compiled
from compiler.diagnostics import Problems
from compiler.render import render
from compiler.trace import Traced

DOCUMENT = "drivers/distributed.json"
"""The upload that tells the drivers how processes are started."""
DIVIDING = ("tensor_parallel_degree", "expert_parallel_degree")
DEGREES = ("hybrid_shard_degree", "context_parallel_degree", *DIVIDING)


@dataclass(frozen=True)
class Config:
    """A distributed config: its type, its fields, and the document for the drivers."""

    type: str
    fields: Traced
    document: Any


@dataclass(frozen=True)
class World:
    """The machines: `processes` is the world size, None where it is not known."""

    instance_type: str
    instance_count: int
    processes: int | None


def of_kind(kind: str, fields: Traced) -> Config:
    """The config of a reusable kind, or of the same type written inline."""
    return Config(kind, fields, render(kind, spec=fields))


def of_compiled(content: Compiled) -> dict[str, Any] | None:
    """What the drivers of a compiled training are told; None where its processes are not distributed."""
    found = next((r.parameters["Body"] for r in content.requests if r.id == DOCUMENT), None)
    document: dict[str, Any] | None = found["$json"] if found is not None else None
    return document


@cache
def instances() -> dict[str, dict[str, Any]]:
    """Accelerators and EFA by instance type."""
    found: dict[str, dict[str, Any]] = json.loads((assets.data() / "instances.json").read_text("utf-8"))
    return found


def world(compute: Traced, config: Config | None) -> World:
    """Count the processes of all nodes: as configured, else one for each accelerator where that is known."""
    kind, count = str(compute.instance_type.value), int(compute.instance_count.value or 1)
    each = config.fields.process_count_per_node.value if config else None
    each = each or instances().get(kind, {}).get("accelerators")
    return World(kind, count, each * count if each else None)


def check(config: Config, machines: World, compute: Traced, problems: Problems) -> None:
    """Check the degrees of model parallelism, and hint at slow networks."""
    smp = config.fields.smp
    if smp:
        for message, given in _degree_problems(smp, machines.processes):
            problems.error("bad-degree", message, given.path)
    known = instances().get(machines.instance_type)
    if machines.instance_count > 1 and known and known["accelerators"] and not known["efa"]:
        message = f"{machines.instance_type} has no EFA: its nodes talk to each other over TCP, which is slow"
        problems.warn("no-efa", message, compute.instance_type.path)


def _degree_problems(smp: Traced, size: int | None) -> Iterator[tuple[str, Traced]]:
    for name in DEGREES:
        given = smp[name]
        if given and size is not None and given.value > size:
            yield f"{name} is {given.value}, more than the {size} processes that there are", given
    for name in DIVIDING:
        given = smp[name]
        if given and size is not None and given.value <= size and size % given.value:
            yield f"{name} is {given.value}, which does not divide the {size} processes evenly", given
    tensor, expert = smp.tensor_parallel_degree, smp.expert_parallel_degree
    if (tensor.value or 1) > 1 and (expert.value or 1) > 1:
        yield "expert parallelism excludes tensor parallelism", expert
    shard, context = smp.hybrid_shard_degree, smp.context_parallel_degree
    if (shard.value or 0) >= 1 and (context.value or 1) > shard.value:
        yield f"context_parallel_degree is {context.value}, more than hybrid_shard_degree {shard.value}", context
