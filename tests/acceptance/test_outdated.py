"""`compile --check`: each file that is out of date is named once, with its cause, in every form, from everywhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from sagespec import __version__

from tests.conftest import LOCK, Result, Run

TRAINER = """apiVersion: sagespec/v1
kind: MultiTurnRLTrainer
metadata: {name: t}
spec:
  model: huggingface-reasoning-qwen3-32b
  agent_env: arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/supportAgent-a1b2c3d4e5
  training_dataset: s3://my-bucket/train.jsonl
  accept_eula: true
  hyperparameters: {max_epochs: 2}
"""
EVALUATOR = """apiVersion: sagespec/v1
kind: BenchMarkEvaluator
metadata: {name: e}
spec:
  model: {ref: MultiTurnRLTrainer/t}
  benchmark: mmlu
  s3_output_path: s3://my-bucket/e
"""
CODE = """apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: c}
spec:
  training_image: "img:1"
  compute: {instance_type: ml.m5.large}
  source_code: {source_dir: code, entry_script: train.py}
"""
T, E, C = "compiled/MultiTurnRLTrainer/t.json", "compiled/BenchMarkEvaluator/e.json", "compiled/ModelTrainer/c.json"
SPECS = {
    "specs/t.yaml": TRAINER,
    "specs/e.yaml": EVALUATOR,
    "specs/c.yaml": CODE,
    "specs/code/train.py": "print(1)\n",
}


def edit(name: str, old: str, new: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        text = (root / name).read_bytes()
        assert old.encode() in text
        (root / name).write_bytes(text.replace(old.encode(), new.encode()))

    return change


def without(name: str) -> Callable[[Path], object]:
    return lambda root: (root / name).unlink()


def copied(old: str, new: str) -> Callable[[Path], object]:
    return lambda root: shutil.copy(root / old, root / new)


TAGS = r"stale: requests\[\d\].parameters.Tags has changed \(specs/\w.yaml:3\)"
Out = dict[str, str]
CHANGES: dict[str, tuple[Callable[[Path], object], Out]] = {
    "a value": (
        edit("specs/t.yaml", "max_epochs: 2", "max_epochs: 3"),
        {
            T: r"stale: spec.hyperparameters.max_epochs has changed \(specs/t.yaml:9\)",
            E: r"stale: MultiTurnRLTrainer/t, which it depends on, has changed \(specs/e.yaml:5\)",
        },
    ),
    "two values": (
        edit("specs/e.yaml", "mmlu\n  s3_output_path: s3://my-bucket/e", "bbh\n  s3_output_path: s3://my-bucket/f"),
        {E: r"stale: spec\.\w+ has changed, and \d+ more places? \(specs/e.yaml:\d\)"},
    ),
    "a run": (
        edit("specs/c.yaml", "name: c}", "name: c, run: 2}"),
        {C: r"metadata.run has changed \(specs/c.yaml:3\)"},
    ),
    "a tag more": (
        edit("specs/t.yaml", "name: t}\nspec:", "name: t}\nspec:\n  tags: {a: b}"),
        {T: r"stale: spec.tags.a has changed \(specs/t.yaml:5\)"},
    ),
    "a tag less": (
        edit("sagespec.yaml", ", tags: {one: 1, other: 2}", ", tags: {one: 1}"),
        {T: TAGS, E: TAGS, C: r"stale: requests\[\d+\].parameters.Tags has changed"},
    ),
    "the code": (
        edit("specs/code/train.py", "1", "2"),
        {C: r"stale: the file specs/code/train.py has changed.* \(specs/c.yaml:3\)"},
    ),
    "another file of code": (
        copied("specs/code/train.py", "specs/code/more.py"),
        {C: r"stale: it makes other requests.* \(specs/c.yaml:3\)"},
    ),
    "another place of the spec": (
        lambda root: (root / "specs/t.yaml").rename(root / "specs/u.yaml"),
        {T: r"stale: metadata.source has changed \(specs/u.yaml:3\)"},
    ),
    "a file that is not there": (
        without(E),
        {E: r"missing: BenchMarkEvaluator/e is not compiled yet \(specs/e.yaml:3\)"},
    ),
    "a spec that is no more": (without("specs/e.yaml"), {E: r"orphaned: no spec makes it"}),
    "a file of others": (
        copied(E, "compiled/BenchMarkEvaluator/f.json"),
        {"compiled/BenchMarkEvaluator/f.json": "foreign"},
    ),
    "line ends": (edit(E, "\n", "\r\n"), {E: r"stale: its lines end as on Windows \(CRLF\)"}),
    "a hand": (edit(E, '"mmlu"', '"bbh"'), {E: r"stale: it was changed by hand, perhaps at requests\[\d\]"}),
    "a merge": (edit(E, '  "kind"', '<<<<<<< ours\n  "kind"'), {E: r"stale: it is not as `compile` writes it: "}),
    "another form": (edit(E, '"kind": ', '"kind":  '), {E: r"stale: it has the right content in another form"}),
    "nothing at all": (lambda root: (root / E).write_text(""), {E: r"stale: it is not as `compile` writes it: "}),
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Path:
    """A compiled project in a folder of a git work tree."""
    project = tmp_path / "tree" / "project"
    for name, text in SPECS.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text, "utf-8")
    shutil.copy(LOCK, project)
    (project / "sagespec.yaml").write_text(
        "apiVersion: sagespec/v1\nkind: Project\ndefaults: {region: us-west-2, tags: {one: 1, other: 2}}\n"
    )
    subprocess.run(["git", "init", "-q", tmp_path / "tree"], check=True)
    monkeypatch.chdir(project)
    run("compile")
    return project


def found(form: str, result: Result) -> list[tuple[str, int, str]]:
    """File, line and message of each report that a form has of what is out of date."""
    if form == "json":
        told = [d for d in json.loads(result.stdout)["diagnostics"] if d["rule"] == "out-of-date"]
        return [(d["file"], d["line"], d["message"]) for d in told]
    if form == "github":
        pattern = r"::error file=([^,]*),line=(\d+),.*title=out-of-date::(.*)"
        return [(f, int(line), message) for f, line, message in re.findall(pattern, result.stdout)]
    if form == "junit":
        cases = ElementTree.fromstring(result.stdout).iter("testcase")
        failed = [(case.get("name"), case.find("failure")) for case in cases]
        told = [(name, *str(f.text).split(":", 2)) for name, f in failed if f is not None]
        return [(str(name), int(line), text) for name, line, _, text in told if "[out-of-date]" in text]
    (log,) = json.loads(result.stdout)["runs"]
    assert log["tool"]["driver"]["version"] == __version__
    told = [r for r in log["results"] if r["ruleId"] == "out-of-date"]
    places: list[Any] = [r["locations"][0]["physicalLocation"] for r in told]
    lines = [(p["artifactLocation"]["uri"], p["region"]["startLine"]) for p in places]
    return [(*place, r["message"]["text"]) for place, r in zip(lines, told, strict=True)]


@pytest.mark.parametrize("form", ["json", "github", "sarif", "junit"])
@pytest.mark.parametrize("what", CHANGES)
def test_each_file_is_named_once_with_its_cause(root: Path, run: Run, what: str, form: str) -> None:
    change, expected = CHANGES[what]
    run("compile", "--check")
    change(root)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    told = found(form, run("compile", "--check", "--format", form, code=1))
    prefix = "project/" if form in ("github", "sarif") else ""
    assert [file for file, *_ in told] == sorted(prefix + file for file in expected)
    for file, line, message in told:
        name = file.removeprefix(prefix)
        wanted = expected[name].replace(r"\(specs/", rf"\({prefix}specs/")
        assert re.search(wanted, message), message
        path = root / name
        assert line <= max(1, len(path.read_bytes().split(b"\n")) if path.exists() else 1)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    text = run("compile", "--check", code=1)
    assert text.stderr.count("error[out-of-date]") == len(expected)
    run("compile")
    run("compile", "--check", code=1 if what == "a file of others" else 0)


def test_the_line_is_the_first_that_differs(root: Path, run: Run) -> None:
    edit("specs/t.yaml", "max_epochs: 2", "max_epochs: 3")(root)
    told = {file: line for file, line, _ in found("json", run("compile", "--check", "--format", "json", code=1))}
    assert "max_epochs" in (root / T).read_text("utf-8").splitlines()[told[T] - 1]
    assert '"MultiTurnRLTrainer/t": "' in (root / E).read_text("utf-8").splitlines()[told[E] - 1]


@pytest.mark.parametrize("place", ["tree/project", "tree", "tree/project/specs", ".", "elsewhere"])
def test_files_are_named_from_where_one_is_and_from_the_work_tree(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    here = root.parent.parent / place
    here.mkdir(exist_ok=True)
    monkeypatch.chdir(here)
    (root / E).unlink()
    given = ("compile", "--check", "--project", root / "sagespec.yaml")
    for form in ("json", "github", "sarif", "junit"):
        start = root.parent if form in ("github", "sarif") else here
        ((file, _, message),) = found(form, run(*given, "--format", form, code=1))
        assert file == os.path.relpath(root / E, start)
        assert f"({os.path.relpath(root / 'specs/e.yaml', start)}:3)" in message
    assert f"{os.path.relpath(root / E, here)}:1:1: error[out-of-date]" in run(*given, code=1).stderr
    (root / "specs" / "u.yaml").write_text(TRAINER.replace("name: t", "name: u").replace("max_epochs: 2", "x: 1"))
    for form in ("json", "github", "sarif", "junit"):
        start = root.parent if form in ("github", "sarif") else here
        name = os.path.relpath(root / "specs/u.yaml", start)
        assert re.search(
            rf"[\"=]{re.escape(name)}[\",]", run("validate", *given[2:], "--format", form, code=1).stdout
        )
    assert f"{os.path.relpath(root / 'specs/u.yaml', here)}:9:" in run("validate", *given[2:], code=1).stderr


def test_without_git_files_are_named_from_where_one_is(root: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(root.parent / ".git")
    monkeypatch.chdir(root.parent)
    (root / E).unlink()
    for form in ("json", "github", "sarif", "junit"):
        result = run("compile", "--check", "--project", "project/sagespec.yaml", "--format", form, code=1)
        assert found(form, result)[0][0] == f"project/{E}"


def test_a_spec_that_fails_says_nothing_of_its_file(root: Path, run: Run) -> None:
    edit("specs/t.yaml", "max_epochs", "max_epoch")(root)
    assert found("json", run("compile", "--check", "--format", "json", code=1)) == []
