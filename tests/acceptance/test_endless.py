"""Files and texts without end: pipes, devices, huge files, patterns and schemas that would be tried for ever."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Run

PROJECT = "apiVersion: sagespec/v1\nkind: Project\npolicies: [policies/a.json]\nallow_outside: [/dev]\n"
FUNCTION = """
apiVersion: sagespec/v1
kind: CustomAgentLambda
metadata: {name: f}
spec: {source: agent.SUFFIX, role: 'arn:aws:iam::123456789012:role/R', handler: lambda_function.handler}
"""


def pipe(path: Path) -> None:
    os.mkfifo(path)


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def sparse(path: Path) -> None:
    with path.open("wb") as made:
        made.truncate(2**40)


ENDLESS = [pipe, zeros, sparse]


@pytest.fixture
def whole(project: Path, run: Run) -> Path:
    """A project with everything that can be read: specs, lock, policy, code, a function, compiled files, a plan."""
    Path("sagespec.yaml").write_text(PROJECT, "utf-8")
    Path("policies").mkdir()
    Path("policies/a.json").write_text("{}", "utf-8")
    for name in ("torchrun.yaml", "model-trainer.yaml", "custom-agent-lambda.yaml"):
        shutil.copy(ROOT / "specs" / name, "specs")
    for folder in ("agents", "training"):
        shutil.copytree(ROOT / "specs" / folder, Path("specs", folder))
    run("compile")
    return project


@pytest.mark.parametrize("make", ENDLESS)
@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("sagespec.yaml", "validate"),
        ("sagespec.lock.json", "compile"),
        ("sagespec.lock.json", "lock"),
        ("policies/a.json", "compile"),
        ("specs/model-trainer.yaml", "compile"),
        ("specs/model-trainer.yaml", "validate specs/model-trainer.yaml"),
        ("specs/training/train.py", "compile"),
        ("specs/training/conf.yaml", "compile"),
        ("specs/agents/calculator.py", "compile"),
        ("compiled/ModelTrainer/line.json", "compile"),
        ("compiled/ModelTrainer/line.json", "compile --check"),
        ("compiled/ModelTrainer/line.json", "plan"),
        ("compiled/ModelTrainer/line.json", "apply --yes"),
        ("compiled/ModelTrainer/line.json", "status compiled/ModelTrainer/line.json"),
        ("plan.json", "apply --yes plan.json"),
    ],
)
def test_files_without_end(whole: Path, run: Run, name: str, command: str, make: Callable[[Path], None]) -> None:
    shutil.copy("compiled/ModelTrainer/line.json", "plan.json")
    Path(name).unlink(missing_ok=True)
    make(Path(name))
    assert run(*command.split(), code=1).stderr


def bombs() -> dict[str, str]:
    """Texts of some KB that stand for much more."""
    aliases = "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(30))
    return {
        "aliases": f"a0: &a0 x\n{aliases}",
        "nested": "[" * 50_000,
        "nested in JSON": '{"a":' * 50_000,
        "nested by indent": "\n".join(" " * n + "a:" for n in range(2_000)),
        "long key": "? " * 20_000,
        "many documents": "---\n" * 200_000,
        "quotes in JSON": '"\\"' * 300_000,
        "values": "a: " + "${" * 300_000,
        "digits": "a: " + "1" * 1_000_000,
    }


@pytest.mark.parametrize(
    "name", ["specs/a.yaml", "specs/a.json", "sagespec.yaml", "sagespec.lock.json", "policies/a.json"]
)
@pytest.mark.parametrize("text", bombs().values(), ids=bombs().keys())
def test_texts_that_grow(project: Path, run: Run, name: str, text: str) -> None:
    Path("sagespec.yaml").write_text(PROJECT, "utf-8")
    Path("policies").mkdir()
    Path("policies/a.json").write_text("{}", "utf-8")
    shutil.copy(ROOT / "specs" / "torchrun.yaml", "specs")
    Path(name).write_text(text, "utf-8")
    run("compile", code=1)


def policy(schema: Any) -> None:
    Path("sagespec.yaml").write_text(PROJECT, "utf-8")
    Path("policies").mkdir(exist_ok=True)
    Path("policies/a.json").write_text(json.dumps(schema), "utf-8")


def test_patterns_of_policies(project: Path, run: Run) -> None:
    shutil.copy(ROOT / "specs" / "multi-turn-rl-trainer.yaml", "specs")
    arn = {"properties": {"metadata": {"properties": {"identity": {"pattern": r"^(([0-9a-f])+)+$"}}}}}
    policy(arn)
    run("compile")
    arn["properties"]["metadata"]["properties"]["identity"]["pattern"] = r"^(([0-9a-f])+)+!$"
    policy(arn)
    assert "error[policy]: policies/a.json: metadata.identity: " in run("compile", code=1).stderr
    policy({"pattern": r"(a)\1"})
    shown = run("compile", code=1).stderr
    assert r"policies/a.json:1:13: error[bad-schema]: the pattern cannot be checked: \1 is a back-reference" in shown


def test_a_policy_that_takes_for_ever(project: Path, run: Run) -> None:
    shutil.copy(ROOT / "specs" / "multi-turn-rl-trainer.yaml", "specs")
    shutil.copy(ROOT / "specs" / "bench-mark-evaluator.yaml", "specs")
    doubled = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)}
    policy({"$ref": "#/$defs/d0", "$defs": {**doubled, "d60": {"type": "object"}}})
    shown = run("compile", code=1).stderr
    assert shown.count("error[policy]: policies/a.json: checking with the schema takes too long") == 2


def test_job_schemas_of_the_lock(project: Path, run: Run) -> None:
    shutil.copy(ROOT / "specs" / "multi-turn-rl-trainer.yaml", "specs")
    locked = json.loads(Path("sagespec.lock.json").read_text("utf-8"))
    schemas = json.loads(
        (ROOT / "compiler" / "sagespec" / "data" / "sandbox" / "job_schemas.json").read_text("utf-8")
    )
    doubled = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)}
    for context in locked["contexts"].values():
        context["job_schemas"] = schemas
        for schema in schemas.values():
            schema["allOf"] = [{"additionalProperties": {"pattern": "^(a|a)*$"}}, {"$ref": "#/$defs/d0"}]
            schema["$defs"] = {**schema.get("$defs", {}), **doubled, "d60": {"type": "object"}}
    Path("sagespec.lock.json").write_text(json.dumps(locked), "utf-8")
    assert "warning[job-schema]: " in run("compile").stderr


def test_patterns_to_ignore(whole: Path, run: Run) -> None:
    text = Path("specs/model-trainer.yaml").read_text("utf-8")
    for pattern in ("*a" * 100 + "b", "**/" * 50 + "*a*" * 50 + "b"):
        more = f"source_dir: training, ignore_patterns: ['{pattern}']"
        Path("specs/model-trainer.yaml").write_text(text.replace("source_dir: training", more), "utf-8")
        Path("specs/training", "a" * 250).touch()
        run("compile")


def test_a_folder_of_more_files_than_any_project_has(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagespec.project.files.MAX_ENTRIES", 20)
    for number in range(30):
        Path(f"specs/{number}.txt").touch()
    shown = run("compile", code=1).stderr
    assert "specs:1:1: error[too-many-files]: more than 20 files and folders to search for specs" in shown


def test_a_function_larger_than_lambda_takes(project: Path, run: Run) -> None:
    for suffix, limit in (("py", "4,194,304"), ("zip", "52,428,800")):
        Path("specs/a.yaml").write_text(FUNCTION.replace("SUFFIX", suffix), "utf-8")
        sparse(Path(f"specs/agent.{suffix}"))
        assert f"agent.{suffix}: longer than {limit} bytes" in run("compile", code=1).stderr
