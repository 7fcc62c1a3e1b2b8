"""What installs this package from its repository: pre-commit itself, with the hooks, and the action for GitHub."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sagespec import __version__

from tests.acceptance.test_commits import git
from tests.conftest import LOCK, ROOT

CONFIGURATION = """repos:
  - repo: {repository}
    rev: {revision}
    hooks:
      - id: sagespec-validate
      - id: sagespec-compile-check
        args: [--project, ml/sagespec.yaml, -e, prod]
"""
PROJECT = "apiVersion: sagespec/v1\nkind: Project\ndefaults: {region: us-west-2}\nenvironments: {prod: {}}\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of this work tree as it is, committed or not."""
    listed = git("-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    there = tmp_path / "sagespec"
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (there / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, there / name)
    git("-C", str(tmp_path), "init", "-q", str(there))
    git("-C", str(there), "add", "--all", "--force", ".")
    git("-C", str(there), "commit", "-q", "-m", "one")
    return there


@pytest.mark.registry
@pytest.mark.slow
def test_the_hooks_refuse_a_bad_spec_and_a_stale_file(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    (own / "ml" / "specs").mkdir(parents=True)
    shutil.copy(ROOT / "specs" / "multi-turn-rl-trainer.yaml", own / "ml" / "specs" / "a.yaml")
    shutil.copy(ROOT / "specs" / "torchrun.yaml", own / "ml" / "specs")
    shutil.copy(LOCK, own / "ml")
    (own / "ml" / "sagespec.yaml").write_text(PROJECT, "utf-8")
    revision = git("-C", str(repository), "rev-parse", "HEAD")
    text = CONFIGURATION.format(repository=repository, revision=revision)
    text = text.replace(
        "- id: sagespec-validate\n", "- id: sagespec-validate\n        args: [--project, ml/sagespec.yaml]\n"
    )
    (own / ".pre-commit-config.yaml").write_text(text, "utf-8")
    monkeypatch.chdir(own)
    git("init", "-q")
    compile_it = [sys.executable, "-m", "sagespec", "compile", "--project", "ml/sagespec.yaml", "-e", "prod"]
    subprocess.run(compile_it, check=True, capture_output=True)
    git("add", ".")
    environment = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home"), "PRE_COMMIT_COLOR": "never"}
    environment.pop("PYTHONPATH", None)

    def hooks() -> tuple[int, str]:
        command = [sys.executable, "-m", "pre_commit", "run"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    code, said = hooks()
    assert code == 0, said
    assert said.count("Passed") == 2
    git("commit", "-q", "-m", "one")
    spec = own / "ml" / "specs" / "a.yaml"
    good = spec.read_text("utf-8")
    spec.write_text(good.replace("hyperparameters:", "hyperparametres:"), "utf-8")
    git("add", ".")
    code, said = hooks()
    assert code == 1
    assert said.count("Failed") == 2
    assert "ml/specs/a.yaml" in said
    assert "error[unknown-key]: 'hyperparametres' is not a field here" in said
    spec.write_text(good.replace("hyperparameters:", "accept_eula: true\n  hyperparameters:"), "utf-8")
    git("add", ".")
    code, said = hooks()
    assert code == 1
    assert [line.split(".")[-1] for line in said.splitlines() if line.startswith("sagespec ")] == ["Passed", "Failed"]
    assert "1 out of date: run `sagespec compile`" in said
    git("reset", "-q", "--hard")
    git("rm", "-q", "ml/specs/a.yaml")
    code, said = hooks()
    assert code == 1, "a spec that is only deleted leaves its compiled file behind"
    assert said.count("Failed") == 1
    assert "compiled/prod/MultiTurnRLTrainer/support-agent.json" in said


@pytest.mark.registry
@pytest.mark.slow
def test_the_action_installs_the_version_that_it_is_part_of(repository: Path, tmp_path: Path) -> None:
    """Or another one, where that is named; a version is no option of pip."""
    (tmp_path / "runner").mkdir()
    step = next(
        step for step in yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["steps"] if "run" in step
    )
    path = tmp_path / "path"
    runner = {
        "RUNNER_TEMP": str(tmp_path / "runner"),
        "GITHUB_PATH": str(path),
        "GITHUB_ACTION_PATH": str(repository),
    }
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def install(version: str) -> subprocess.CompletedProcess[str]:
        environment = outside | runner | {"VERSION": version, "SOURCE": str(repository)}
        run = ["bash", "-e", "-o", "pipefail", "-c", step["run"]]
        return subprocess.run(run, env=environment, capture_output=True, text=True, check=False)

    assert {*step["env"]} == {"VERSION", "SOURCE"}
    done = install("")
    assert done.returncode == 0, done.stderr
    (added,) = path.read_text("utf-8").splitlines()
    said = subprocess.run([f"{added}/sagespec", "--version"], env=outside, capture_output=True, text=True, check=True)
    assert __version__ in said.stdout
    assert [file.name for file in Path(added).iterdir()] == ["sagespec"], (
        "no other program of this environment is put before the job's own"
    )
    wrong = install("0 --index-url=http://127.0.0.1:1")
    assert wrong.returncode != 0
    assert "Invalid requirement" in wrong.stderr
