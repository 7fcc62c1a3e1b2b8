"""Hostile text in every field of every kind that takes text: it arrives as it is, or is refused at its place.

One project holds a spec for each pair of a field and a text; each command goes through all of them. Whatever it
prints stays on its line, steers no terminal and commands no CI system.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from sagespec.checking import schema
from sagespec.cli import exits
from sagespec.diagnostics.escapes import COMMAND
from sagespec.reading.source import ANY
from sagespec.sandbox import Sandbox

from tests.conftest import ROOT, Result, Run

TEXTS = (
    "\x1b[31mred\x1b]0;title\x07\x9b1m",
    "a\n::error file=a::said by a spec",
    "::add-mask::a ##[error]b ##vso[task.complete]c",
    "\u202eright to left\u2066\u200b\ufeff\U000e0041",
    "a\r\nb\u2028c\x85d\x0ce\tf",
    "\x00 \\0 \\u0000 \\x1b",
    "\ud800",
    "\udc00\ud800 \ud83d",
    "{{ 7*7 }}{% raw %}{# a #}",
    "${unknown} $${spec.name} ${spec.name",
    "${spec.name} ${env}",
    '"\'\\`$(id)\\",]}',
    '{"$identity": "a-"}',
    '{"Get": "Execution.PipelineArn"}',
    "../../../etc/passwd",
    " ",
    "~",
    "e" + "\u0301" * 2000,
    "x" * 20_000,
)
FORMATS = ("text", "json", "github", "sarif", "junit")
NETWORK = {"security_group_ids": ["sg-1"], "subnets": ["subnet-1"]}
RUNTIME = "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/myRuntime-aBcDeFgHiJ"
S3 = {"s3_uri": "s3://my-bucket/a", "attribute_names": ["a"]}
RATED = {"name": "M", "instructions": "Rate", "ratingScale": [{"definition": "d", "value": {"stringValue": "v"}}]}
LEAST_ARRIVED = 30
"""Fields in which some text arrived: fewer would mean that most are refused for another reason."""
FULLER: dict[str, dict[str, Any]] = {
    "LLMAsJudgeEvaluator": {"custom_metrics": [{"customMetricDefinition": RATED}]},
    "ModelTrainer": {
        "source_code": {"source_dir": "training", "entry_script": "train.py"},
        "checkpoint_config": {"s3_uri": "s3://my-bucket/a"},
        "input_data_config": [{"channel_name": "a", "data_source": S3}],
    },
    "MultiTurnRLEvaluator": {"model": "huggingface-reasoning-qwen3-32b", "agent_config": RUNTIME},
    "MultiTurnRLTrainer": {"agent_env": RUNTIME},
}
"""What the starters of kinds do not have, so that a text in one place comes beyond the schema."""
NOT_SENT = {"description", "ignore_patterns"}
"""Fields that are for people, in most kinds, or for the compiler alone."""
INSTEAD: dict[tuple[str, str], dict[str, Any]] = {
    ("CustomAgentLambda", "lambda_arn"): {"source": None},
    ("ModelTrainer", "algorithm_name"): {"training_image": None},
    ("MultiTurnRLTrainer", "default_bucket_prefix"): {"s3_output_path": None},
    ("ModelTrainer", "command"): {"source_code": {}},
    ("ModelTrainer", "mpi_additional_options"): {"distributed": {"type": "MPI"}},
    ("ModelTrainer", "distributed"): {"distributed": {"type": "Custom", "driver_dir": "training"}},
}
"""What a field stands with, or cannot stand with (None)."""


@dataclass(frozen=True)
class Case:
    """A spec with one text in one field."""

    name: str
    kind: str
    path: tuple[str, ...]
    text: str

    @property
    def address(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def file(self) -> str:
        return f"specs/{self.name}.json"


def fields(kind: str) -> list[tuple[str, ...]]:
    """Paths of the fields that take text, below the spec's root; a map's `KEY` is a name, `ENTRY` its value."""
    found: list[tuple[str, ...]] = [
        ("metadata", "name"),
        ("metadata", "description"),
        ("metadata", "KEY"),
        ("spec", "KEY"),
    ]
    for path, shape in schema.shapes(kind):
        types = shape.get("type")
        if types == "string" or (isinstance(types, list) and "string" in types) or "enum" in shape:
            found.append(("spec", *map(str, path)))
        elif types == "object" and shape.get("additionalProperties", True) is not False:
            found += [("spec", *map(str, path), "KEY"), ("spec", *map(str, path), "ENTRY")]
    return sorted(set(found))


def cases(most: int) -> Iterator[Case]:
    """Texts for every field, up to `most` for each: by turns, so that each kind meets them all."""
    turn = 0
    for kind in schema.kinds():
        for path in fields(kind):
            for _ in range(min(most, len(TEXTS))):
                yield Case(f"n{turn}", kind, path, TEXTS[turn % len(TEXTS)])
                turn += 1


def written(case: Case) -> dict[str, Any]:
    """The spec of a case: a valid one of its kind, and the text in its field, behind what its pattern asks for."""
    fields = deepcopy({**schema.load(case.kind)["x-starter"], **FULLER.get(case.kind, {})})
    for step in case.path:
        for name, value in deepcopy(INSTEAD.get((case.kind, step), {})).items():
            fields.pop(name, None) if value is None else fields.update({name: value})
    spec = {"apiVersion": "sagespec/v1", "kind": case.kind, "metadata": {"name": case.name}, "spec": fields}
    for name in ("networking", "tags"):
        if name in case.path:
            fields[name] = deepcopy(NETWORK) if name == "networking" else [{_other(case.path[-1]): "x"}]
    shape = dict(schema.shapes(case.kind)).get(case.path[1:], {})
    _put(spec, case.path, f"s3://my-bucket/{case.text}" if "s3://" in shape.get("pattern", "") else case.text)
    return spec


def _other(key: str) -> str:
    return {"key": "value", "Key": "Value", "value": "key", "Value": "Key"}.get(key, "key")


def _put(tree: Any, path: tuple[str, ...], text: str) -> None:
    """Put a text where a path leads, into what is there as far as it fits."""
    step, *rest = path
    key: str | int = {"KEY": text, "ENTRY": "NOTE"}.get(step, step)
    if step == ANY:
        key = 0
    value: Any = "x" if step == "KEY" else text
    if rest:
        wanted = list if rest[0] == ANY else dict
        there = tree[key] if (key in tree if isinstance(tree, dict) else tree) else None
        value = there if isinstance(there, wanted) and rest[0] not in ("KEY", "ENTRY") else wanted()
        _put(value, tuple(rest), text)
    if isinstance(tree, list):
        tree[:] = [value]
    else:
        tree[key] = value


@pytest.fixture
def hostile(project: Path, request: pytest.FixtureRequest) -> list[Case]:
    """A project of hostile specs, one a file."""
    shutil.copytree(ROOT / "specs" / "training", project / "specs" / "training")
    found = list(cases(request.config.getoption("--texts")))
    assert {case.text for case in found} == set(TEXTS)
    for case in found:
        (project / case.file).write_text(json.dumps(written(case)), "utf-8")
    return found


@pytest.mark.slow
def test_no_output_acts(hostile: list[Case], run: Run) -> None:
    run("compile", code=exits.INVALID)
    _is_inert(run("validate", code=exits.INVALID))
    for style in FORMATS:
        done = run("compile", "--check", "--format", style, code=exits.INVALID)
        _is_inert(done, commands=style == "github")
        if style in ("json", "sarif"):
            json.loads(done.stdout)
        if style == "junit":
            ElementTree.fromstring(done.stdout)


def _is_inert(done: Result, *, commands: bool = False) -> None:
    """No line of an output steers a terminal, turns its direction or is a command, but for GitHub's own."""
    for text in (done.stdout, done.stderr):
        assert text.replace("\n", "").isprintable(), [line for line in text.split("\n") if not line.isprintable()]
        for line in text.split("\n"):
            own = commands and line.startswith(("::error file=specs/", "::warning file=specs/"))
            assert not COMMAND.search(line.removeprefix("::") if own else line), line


def test_text_arrives_or_is_refused(hostile: list[Case], run: Run, project: Path) -> None:
    said = json.loads(run("compile", "--format", "json", code=exits.INVALID).stdout)["diagnostics"]
    refused = {d["file"] for d in said if d["severity"] == "error"}
    without_effect = {(d["file"], d["path"]) for d in said if d["rule"] == "no-effect"}
    arrived = set()
    for case in hostile:
        file = project / "compiled" / f"{case.address}.json"
        assert file.exists() != (case.file in refused) or not schema.runs(case.kind), case
        if not file.exists() or not schema.runs(case.kind):
            assert all(d["line"] > 0 and d["column"] > 0 for d in said if d["file"] == case.file)
            continue
        content = file.read_text("utf-8")
        assert content.replace("\n", "").isprintable(), case
        if NOT_SENT.intersection(case.path) or (case.file, ".".join(case.path)) in without_effect:
            continue
        wanted = (
            case.text.replace("$${", "${") if "$${" in case.text else case.text.replace("${spec.name}", case.name)
        )
        assert any(wanted in text for text in _texts(json.loads(content)["requests"])), case
        arrived.add((case.kind, case.path))
    assert len(arrived) > LEAST_ARRIVED


def _texts(value: Any) -> Iterator[str]:
    """All keys and texts of a compiled file, also those of documents that are text in it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value
        if value[:1] in ("{", "["):
            with suppress(ValueError):
                yield from _texts(json.loads(value))


@pytest.mark.slow
def test_plans_print_no_text_raw(hostile: list[Case], run: Run, aws: Sandbox) -> None:
    run("compile", code=exits.INVALID)
    for form in ("text", "json", "markdown"):
        _is_inert(run("plan", "-o", form, code=None))
    assert not aws.mutations()
