"""Refs between specs: index, order, and the errors in them.

In: specs. Out: an index by address, an order with dependencies first, and diagnostics. Refuses duplicate addresses,
and refs to unknown specs, to a wrong kind, in a cycle, or to a spec with errors.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from sagespec.diagnostics import Diagnostic, Problem, did_you_mean, nearest
from sagespec.project.spec import Spec

Graph = Mapping[str, Iterable[str]]
Failed = Mapping[str, Diagnostic | None]
"""Addresses of specs that cannot be compiled, with their first error."""


def index(specs: Collection[Spec], refused: Iterable[Spec] = ()) -> tuple[dict[str, Spec], list[Diagnostic]]:
    """Index specs by address; of duplicates (case is ignored), each is an error and none is in the index.

    `refused` specs are not in the index, but count as duplicates.
    """
    named: dict[str, list[Spec]] = {}
    for spec in (*specs, *refused):
        named.setdefault(spec.address.lower(), []).append(spec)
    diagnostics: list[Diagnostic] = []
    for same in named.values():
        if len(same) > 1:
            diagnostics += [_taken(spec, same[0] if spec is not same[0] else same[1]) for spec in same]
    unique = (spec for spec in specs if len(named[spec.address.lower()]) == 1)
    return {spec.address: spec for spec in unique}, diagnostics


def _taken(spec: Spec, other: Spec) -> Diagnostic:
    path = ("metadata", "name")
    message, also = f"{other.address} is also defined", (other.source.file, other.source.span(path).line)
    hint = "names must differ in more than case" if spec.name != other.name else ""
    return spec.locate(Problem("duplicate-address", message, path, hint, also=also))


def graph(specs: Mapping[str, Spec]) -> dict[str, list[str]]:
    """Return the addresses that each spec refers to, without unknown ones."""
    return {a: [ref.target for ref in specs[a].refs if ref.target in specs] for a in sorted(specs)}


def needed(targets: Iterable[str], edges: Graph) -> set[str]:
    """Return the targets and all their direct and indirect dependencies."""
    addresses: set[str] = set()
    waiting = [address for address in targets if address in edges]
    while waiting:
        address = waiting.pop()
        if address not in addresses:
            addresses.add(address)
            waiting += edges[address]
    return addresses


def users(targets: Iterable[str], edges: Graph) -> set[str]:
    """Return the targets and all that refer to them, directly or indirectly."""
    backward: dict[str, list[str]] = {address: [] for address in edges}
    for address, there in edges.items():
        for target in there:
            backward.setdefault(target, []).append(address)
    return needed(targets, backward)


def order(edges: Graph) -> tuple[list[str], dict[str, list[str]]]:
    """Sort dependencies first.

    Returns the order without the members of cycles, and each member with its shortest cycle.
    """
    cycles = {address: way for address in _stuck(edges) if (way := _way_back(address, edges))}
    rest = {a: [t for t in targets if t not in cycles] for a, targets in edges.items() if a not in cycles}
    return list(TopologicalSorter(rest).static_order()), cycles


def _stuck(edges: Graph) -> list[str]:
    """Return the members of cycles, and the addresses that depend on them."""
    sorter = TopologicalSorter(edges)
    try:
        sorter.prepare()
    except CycleError:
        free: set[str] = set()
        while ready := sorter.get_ready():
            free.update(ready)
            sorter.done(*ready)
        return [address for address in edges if address not in free]
    return []


def _way_back(start: str, edges: Graph) -> list[str]:
    """Return the shortest cycle through an address, or []."""
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for there in edges[here]:
            if there == start:
                way = [here, start]
                while way[0] != start:
                    way.insert(0, came_from[way[0]])
                return way
            if there not in came_from:
                came_from[there] = here
                waiting.append(there)
    return []


def circle(spec: Spec, way: list[str]) -> Diagnostic:
    """Return the error of a spec in a cycle, at the ref that begins it."""
    path = next(ref.path for ref in spec.refs if ref.target == way[1])
    return spec.locate(Problem("ref-cycle", f"refers to itself: {' -> '.join(way)}", path))


def check(spec: Spec, known: Collection[str], failed: Failed) -> list[Diagnostic]:
    """Check the refs of one spec against the known and the failed addresses."""
    return [spec.locate(p) for p in _problems(spec, known, failed)]


def _problems(spec: Spec, known: Collection[str], failed: Failed) -> Iterator[Problem]:
    for ref in spec.refs:
        path, target, allowed = ref.path, ref.target, ref.kinds
        kind = target.partition("/")[0]
        if kind not in allowed:
            near = nearest(target, [a for a in known if a.partition("/")[0] in allowed and a != spec.address])
            hint = near or f"{ref.name} takes a ref to {' or '.join(allowed)}"
            yield Problem("wrong-ref", f"{target} is not of a kind that {ref.name} can refer to", path, hint)
        elif target in failed:
            first = failed[target]
            hint = f"the first is at {first.file}:{first.line}" if first else ""
            yield Problem("broken-ref", f"{target} has errors of its own", path, hint)
        elif target not in known:
            near = did_you_mean(target, [a for a in known if a.startswith(f"{kind}/") and a != spec.address])
            yield Problem("unknown-ref", f"no spec has the address {target}", path, near)
