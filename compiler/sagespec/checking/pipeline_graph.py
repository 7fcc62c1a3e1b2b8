"""Check a pipeline definition as a graph of steps and their dependencies.

In: a definition. Out: problems at key paths in it: unknown names, cycles, limits.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sagespec.diagnostics import Hint, KeyPath, Problem, did_you_mean

MAX_STEPS = 50
_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_EXECUTION = (
    "StartDateTime",
    "CurrentDateTime",
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "TrainingJobName",
    "ProcessingJobName",
)
EXPRESSIONS = ("Get", "Std:Join", "Std:JsonGet")
"""Keys of an object that is an expression instead of a value."""
_TRIGGERS = ("Failed", "Stopped", "Any")


def check(definition: dict[str, Any]) -> Iterator[Problem]:
    """Check the names, references, dependencies and limits of a pipeline definition."""
    steps = definition["Steps"]
    names = [step["Name"] for step in steps]
    if len(steps) > MAX_STEPS:
        yield Problem("pipeline-limit", f"{len(steps)} steps, a pipeline takes at most {MAX_STEPS}", ("Steps",))
    for index, name in enumerate(names):
        path: KeyPath = ("Steps", index, "Name")
        if not _NAME.fullmatch(name):
            yield Problem("pipeline-step-name", f"{name!r} is not a step name", path)
        if Counter(names)[name] > 1:
            yield Problem("pipeline-duplicate-step", f"two steps are called {name!r}", path)
    parameters = [parameter["Name"] for parameter in definition.get("Parameters") or ()]
    for path, expression in _gets(definition, ()):
        yield from _check_get(expression, names, parameters, path)
    for index, step in enumerate(steps):
        for at, name in _depends_on(step):
            if name not in names:
                yield _unknown_step(name, names, ("Steps", index, "DependsOn", at))
            trigger = step["DependsOn"][at]["Trigger"] if isinstance(step["DependsOn"][at], dict) else "Any"
            if trigger not in _TRIGGERS:
                path = ("Steps", index, "DependsOn", at, "Trigger")
                yield Problem(
                    "pipeline-trigger",
                    f"{trigger!r} is not a trigger",
                    path,
                    did_you_mean(trigger, _TRIGGERS),
                )
    try:
        tuple(TopologicalSorter(edges(definition)).static_order())
    except CycleError as error:
        way = " -> ".join(reversed(error.args[1]))
        at = names.index(error.args[1][0])
        yield Problem("pipeline-cycle", f"steps depend on each other in a cycle: {way}", ("Steps", at))


def edges(definition: dict[str, Any]) -> dict[str, list[str]]:
    """Return the dependencies of each step: those in DependsOn, and the steps that its expressions read."""
    names = {step["Name"] for step in definition["Steps"]}
    waits_for: dict[str, list[str]] = {}
    for step in definition["Steps"]:
        waits = [name for _, name in _depends_on(step)]
        waits += [get.split(".")[1] for _, get in _gets(step, ()) if get.startswith("Steps.")]
        waits_for[step["Name"]] = sorted({name for name in waits if name in names})
    return waits_for


def _depends_on(step: dict[str, Any]) -> Iterator[tuple[int, str]]:
    for index, entry in enumerate(step.get("DependsOn", ())):
        yield index, entry["Step"] if isinstance(entry, dict) else entry


def _gets(tree: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Yield every `{"Get": ...}` of a tree with its key path, also inside a `$json`."""
    if isinstance(tree, dict):
        if set(tree) == {"Get"} and isinstance(tree["Get"], str):
            yield path, tree["Get"]
            return
        for key, value in tree.items():
            yield from _gets(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _gets(value, (*path, index))


def _check_get(expression: str, steps: list[str], parameters: list[str], path: KeyPath) -> Iterator[Problem]:
    root, _, rest = expression.partition(".")
    name = re.split(r"[.\[]", rest, maxsplit=1)[0]
    if root == "Steps":
        if name not in steps:
            yield _unknown_step(name, steps, path)
    elif root == "Parameters":
        if name not in parameters:
            hint = did_you_mean(name, parameters)
            yield Problem("pipeline-unknown-parameter", f"there is no parameter {name!r}", path, hint)
    elif not (root == "Execution" and rest in _EXECUTION) and expression != "ForEach.CurrentItem":
        hint = did_you_mean(rest, _EXECUTION) if root == "Execution" else Hint()
        yield Problem("pipeline-unknown-property", f"nothing is called {expression!r}", path, hint)


def _unknown_step(name: str, steps: list[str], path: KeyPath) -> Problem:
    return Problem("pipeline-unknown-step", f"there is no step {name!r}", path, did_you_mean(name, steps))
