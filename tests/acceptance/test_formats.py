"""docs/reference/formats.md has every member that commands write as JSON."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sagespec.cli import exits
from sagespec.sandbox import Sandbox

from tests.conftest import ROOT, Run

PAGE = (ROOT / "docs" / "reference" / "formats.md").read_text("utf-8")
FREE = {
    "details",
    "counts",
    "parameters",
    "created",
    "updated",
    "later",
    "metrics",
    "dependsOn",
    "depends_on",
    "stale",
}
"""Members whose own members are names of other things."""
TAKES = "What a run takes"
APPLIED = json.loads((Path(__file__).parent / "applied.schema.json").read_text("utf-8"))
SPEC = (ROOT / "specs" / "multi-turn-rl-trainer.yaml").read_text("utf-8")
EVALUATION = """\
---
apiVersion: sagespec/v1
kind: BenchMarkEvaluator
metadata: {name: math, thresholds: [{metric: exact_match, minimum: 0.1}]}
spec:
  model: {ref: MultiTurnRLTrainer/support-agent}
  benchmark: math
  s3_output_path: s3://my-bucket/evaluations
"""


def named(heading: str) -> set[str]:
    """The words that a section of the page has in backquotes."""
    sections = re.findall(rf"^## [^\n]*{re.escape(heading)}.*?(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert len(sections) == 1, heading
    return set(re.findall(r"`([\w/]+)`", sections[0]))


def members(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from members(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            if name not in FREE or isinstance(item, list):
                yield from members(item)


@pytest.fixture
def ran(project: Path, aws: Sandbox, run: Run) -> Path:
    (project / "specs" / "a.yaml").write_text(SPEC + EVALUATION, "utf-8")
    run("compile")
    return project


def test_what_commands_write_is_on_the_page(ran: Path, run: Run) -> None:
    apply = ("apply", "--yes", "--wait", "--poll", "1", "-o", "json")
    trainer, evaluation = "MultiTurnRLTrainer/support-agent", "BenchMarkEvaluator/math"
    for heading, command in (
        ("`plan", ("plan", "-o", "json")),
        ("`apply", apply),
        ("`plan", ("plan", "-o", "json")),
        ("`results", ("results", evaluation, "-o", "json")),
        ("`results", ("results", trainer, "-o", "json")),
        ("`status`", ("status", "-o", "json")),
        ("`status`", ("describe", evaluation, "-o", "json")),
        ("`status`", ("wait", trainer, "-o", "json")),
        ("`list", ("list", "-o", "json")),
        ("Others", ("verify", trainer, "-o", "json")),
    ):
        found = set(members(json.loads(run(*command).stdout)))
        assert len(found) > 3
        known = named(heading) | (named(TAKES) if heading == "`plan" else set())
        assert found <= known, (command, found - known)
    path = json.loads(run("describe", trainer, "-o", "json").stdout)["compiled"]["path"]
    assert path == f"compiled/{trainer}.json"


def test_what_diff_and_validate_write_is_on_the_page(project: Path, run: Run) -> None:
    (project / "specs" / "a.yaml").write_text(SPEC + EVALUATION, "utf-8")
    run("compile")
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], cwd=project, check=True)
    (project / "specs" / "a.yaml").write_text(SPEC.replace("max_epochs: 2", "max_epochs: 3") + EVALUATION, "utf-8")
    run("compile")
    found = set(members(json.loads(run("diff", "HEAD", "-o", "json").stdout)))
    assert {"changes", "because", "longest_seconds"} <= found
    known = named("`diff") | named(TAKES)
    assert found <= known, found - known
    (project / "specs" / "a.yaml").write_text(SPEC.replace("model:", "modell:"), "utf-8")
    found = set(members(json.loads(run("validate", "--format", "json", code=exits.INVALID).stdout)))
    assert found <= named("`validate`"), found - named("`validate`")


def test_the_page_has_all_members_of_the_schemas() -> None:
    entry = APPLIED["$defs"]["entry"]["properties"]
    assert APPLIED["properties"].keys() | entry.keys() <= named("`apply")
    assert set(APPLIED["$defs"]["outcome"]["enum"]) <= set(re.findall(r"`([\w ]+)`", PAGE))
    compiled = json.loads((ROOT / "schemas" / "v1" / "Compiled.json").read_text("utf-8"))["$defs"]["envelope"][
        "properties"
    ]
    inner = compiled["metadata"]["properties"].keys() | compiled["requests"]["items"]["properties"].keys()
    assert compiled.keys() | inner <= named("Compiled files")
