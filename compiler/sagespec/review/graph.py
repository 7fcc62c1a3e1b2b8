"""Graphs of specs, and of the steps of a pipeline.

In: specs, or the requests of a compiled file. Out: a `Graph`, in which an edge leads from what comes first to what
needs it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sagespec.checking import pipeline_graph
from sagespec.documents.compiled import Request
from sagespec.project import references
from sagespec.project.spec import Spec


class Node(NamedTuple):
    """Something in a graph; `sort` is its kind, or the type of a step."""

    id: str
    sort: str
    name: str


class Edge(NamedTuple):
    """From what comes first to what needs it, by the field that says so; of steps there is none."""

    first: str
    then: str
    field: str = ""


class Graph(NamedTuple):
    """Nodes and edges, each in a fixed order."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]


def of_specs(specs: Mapping[str, Spec]) -> Graph:
    """Draw specs with the refs between them."""
    nodes = [Node(address, spec.kind, spec.name) for address, spec in sorted(specs.items())]
    edges = [
        Edge(ref.target, address, ref.name)
        for address, spec in sorted(specs.items())
        for ref in sorted(spec.refs, key=lambda ref: (ref.name, ref.target))
        if ref.target in specs
    ]
    return Graph(nodes, edges)


def around(graph: Graph, wanted: Collection[str]) -> Graph:
    """Keep some nodes, what they need, and what needs them."""
    needs: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    for edge in graph.edges:
        needs[edge.then].append(edge.first)
    kept = references.needed(wanted, needs) | references.users(wanted, needs)
    return Graph(
        [node for node in graph.nodes if node.id in kept],
        [edge for edge in graph.edges if edge.first in kept and edge.then in kept],
    )


def of_steps(requests: Iterable[Request]) -> Graph | None:
    """Draw the steps of the pipeline that requests create; None where they create none."""
    for request in requests:
        definition = request.parameters.get("PipelineDefinition")
        if isinstance(definition, dict) and "$json" in definition:
            steps = definition["$json"]["Steps"]
            nodes = [Node(step["Name"], step["Type"], step["Name"]) for step in steps]
            needed = pipeline_graph.edges(definition["$json"])
            return Graph(
                nodes, [Edge(first, step["Name"]) for step in steps for first in sorted({*needed[step["Name"]]})]
            )
    return None
