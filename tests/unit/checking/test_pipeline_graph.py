"""Pipelines as graphs."""

from __future__ import annotations

from typing import Any

import pytest
from sagespec.checking import pipeline_graph


def step(name: str, *after: Any, **arguments: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Lineage", "Arguments": arguments, **({"DependsOn": list(after)} if after else {})}


def said(*steps: dict[str, Any], **more: Any) -> list[str]:
    return [p.rule for p in pipeline_graph.check({"Steps": list(steps), **more})]


@pytest.mark.parametrize(
    ("steps", "rules"),
    [
        ([step("a"), step("b", "a")], []),
        ([step("a", "b")], ["pipeline-unknown-step"]),
        ([step("a", x={"Get": "Steps.b.Arn"})], ["pipeline-unknown-step"]),
        ([step("a", x={"Get": "Parameters.P"})], ["pipeline-unknown-parameter"]),
        ([step("a", x={"Get": "Execution.PipelineExecutionIdd"})], ["pipeline-unknown-property"]),
        ([step("a", "b"), step("b", "a")], ["pipeline-cycle"]),
        ([step("a", x={"Get": "Steps.b.X"}), step("b", "a")], ["pipeline-cycle"]),
        ([step("a"), step("a")], ["pipeline-duplicate-step"] * 2),
        ([step("a b")], ["pipeline-step-name"]),
        ([step(f"s{n}") for n in range(51)], ["pipeline-limit"]),
        ([step("a"), step("b", {"Step": "a", "Trigger": "Failed"})], []),
        ([step("a"), step("b", {"Step": "a", "Trigger": "Failled"})], ["pipeline-trigger"]),
        ([step("a", x={"$json": {"y": {"Get": "Steps.c.X"}}})], ["pipeline-unknown-step"]),
    ],
)
def test_graphs_are_checked(steps: list[dict[str, Any]], rules: list[str]) -> None:
    assert said(*steps) == rules


def test_edges_come_from_depends_on_and_get() -> None:
    definition = {"Steps": [step("a"), step("b", "a"), step("c", x=[{"Get": "Steps.b.X"}])]}
    assert pipeline_graph.edges(definition) == {"a": [], "b": ["a"], "c": ["b"]}
