"""The limits of a project that no schema can express.

In: a compiled file, and limits by name. Out: problems.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagespec.diagnostics import Problem
from sagespec.documents.compiled import Compiled

_LONGEST_SECONDS = 86_400
"""How long a training may take that does not say."""
_HINT = "lower compute.instance_count or stopping_condition, or raise the limit under `policies` in the project file"


def check(made: Compiled, limits: Mapping[str, float]) -> Iterator[tuple[str, Problem]]:
    """Yield the limits that a file exceeds, by name."""
    name = "instance_hours_per_run"
    most = limits.get(name)
    hours = instance_hours(made)
    if most is not None and hours > most:
        message = f"{name}: at most {hours:g} instance-hours, and the limit is {most:g}"
        yield name, Problem("policy", message, ("spec",), _HINT, on_key=True)


def instance_hours(made: Compiled) -> float:
    """Return the instances of a run times the longest time that they may take, in hours."""
    return sum(_hours(request.parameters) for request in made.requests)


def _hours(tree: Any) -> float:
    if isinstance(tree, list):
        return sum(_hours(item) for item in tree)
    if not isinstance(tree, dict):
        return 0.0
    config = tree.get("ResourceConfig")
    if not isinstance(config, dict):
        return sum(_hours(value) for value in tree.values())
    groups = config.get("InstanceGroups") or [config]
    count = sum(int(group.get("InstanceCount", 1)) for group in groups)
    return count * float(tree.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _LONGEST_SECONDS)) / 3600
