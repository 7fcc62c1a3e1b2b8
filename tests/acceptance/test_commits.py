"""`sagespec:commit`: what apply creates is tagged with the commit of its compiled file, where that is known."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagespec.sandbox import Sandbox

from tests.conftest import ROOT, Run

JOB = Path("compiled/MultiTurnRLTrainer/support-agent.json")


def git(*arguments: str) -> str:
    identity = {f"GIT_{who}_{what}": "x@y.z" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    environment = {**os.environ, **identity, **alone}
    done = subprocess.run(["git", *arguments], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def compiled(project: Path, run: Run) -> Path:
    """A project with one trainer and a function, compiled."""
    shutil.copy(ROOT / "specs" / "multi-turn-rl-trainer.yaml", project / "specs" / "a.yaml")
    function = "apiVersion: sagespec/v1\nkind: CustomAgentLambda\nmetadata: {name: f}\nspec: {source: a.py}\n"
    (project / "specs" / "f.yaml").write_text(function, "utf-8")
    (project / "specs" / "a.py").write_text("def handler(event, context): pass\n", "utf-8")
    run("compile")
    return project


def commit_all() -> str:
    git("init", "-q")
    git("add", "--force", ".")
    git("commit", "-q", "-m", "x")
    return git("rev-parse", "HEAD")


def tags(aws: Sandbox) -> dict[str, str]:
    """The tags of the one job."""
    (job,) = aws.region("us-west-2").table("jobs").values()
    listed = boto3.client("sagemaker").list_tags(ResourceArn=job["JobArn"])["Tags"]
    return {tag["Key"]: tag["Value"] for tag in listed}


def test_a_file_as_committed_gives_the_commit(compiled: Path, aws: Sandbox, run: Run) -> None:
    head = commit_all()
    (compiled / "other").write_text("something that is not committed", "utf-8")
    run("apply", "--yes")
    assert tags(aws)["sagespec:commit"] == head
    assert tags(aws)["sagespec:identity"] == json.loads(JOB.read_text("utf-8"))["metadata"]["identity"]
    client = boto3.client("lambda")
    (function,) = client.list_functions()["Functions"]
    assert client.list_tags(Resource=function["FunctionArn"])["Tags"]["sagespec:commit"] == head


def _changed(run: Run) -> None:
    commit_all()
    spec = Path("specs/a.yaml")
    spec.write_text(spec.read_text("utf-8") + "  base_job_name: other\n", "utf-8")
    run("compile")


def _changed_and_hidden(run: Run) -> None:
    _changed(run)
    git("update-index", "--assume-unchanged", str(JOB))


def _untracked(_run: Run) -> None:
    git("init", "-q")
    git("add", "specs")
    git("commit", "-q", "-m", "x")


def _ignored(_run: Run) -> None:
    Path(".gitignore").write_text("compiled/\n", "utf-8")
    _untracked(_run)


def _unborn(_run: Run) -> None:
    git("init", "-q")


def _elsewhere(_run: Run) -> None:
    pass


@pytest.mark.parametrize("make", [_changed, _changed_and_hidden, _untracked, _ignored, _unborn, _elsewhere])
def test_any_other_file_gives_none(compiled: Path, aws: Sandbox, run: Run, make: Any) -> None:
    make(run)
    run("apply", "--yes")
    assert "sagespec:commit" not in tags(aws)
    assert "sagespec:address" in tags(aws)


def test_a_folder_that_looks_like_a_repository_is_none(
    compiled: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = compiled / "trap"
    trap.mkdir()
    shutil.copy(JOB, trap)
    with monkeypatch.context() as there:
        there.chdir(trap)
        commit_all()
        git("config", "core.bare", "true")
    for path in (trap / ".git").iterdir():
        shutil.move(path, JOB.parent / path.name)
    assert git("-C", str(JOB.parent), "ls-tree", "--name-only", "HEAD") == JOB.name
    run("apply", str(JOB), "--yes")
    assert "sagespec:commit" not in tags(aws)


def test_without_git_there_is_none(compiled: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    commit_all()
    monkeypatch.setenv("PATH", str(compiled))
    run("apply", "--yes")
    assert "sagespec:commit" not in tags(aws)


def test_a_ci_system_knows_better_and_the_command_line_best(
    compiled: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_all()
    monkeypatch.setenv("CI_COMMIT_SHA", "b" * 40)
    monkeypatch.setenv("GITHUB_SHA", "a" * 40)
    run("apply", "--yes", "--dry-run")
    run("apply", str(JOB), "--yes")
    assert tags(aws)["sagespec:commit"] == "a" * 40
    before = len(aws.mutations())
    run("apply", str(JOB), "--yes", "--commit", "v1.2", "--sync-tags")
    assert len(aws.mutations()) == before, "a commit starts nothing, and mends nothing"
    spec = Path("specs/a.yaml")
    spec.write_text(
        spec.read_text("utf-8").replace("  name: support-agent", "  name: support-agent\n  run: 2"), "utf-8"
    )
    run("compile")
    run("apply", str(JOB), "--yes", "--commit", "v1.2")
    jobs = aws.region("us-west-2").table("jobs").values()
    found = [t["Value"] for job in jobs for t in job["Tags"] if t["Key"] == "sagespec:commit"]
    assert found == ["a" * 40, "v1.2"]


@pytest.mark.parametrize("given", ["a b", "x" * 257, "\x1b[31m", "a\n"])
def test_what_no_tag_can_hold_is_refused(compiled: Path, run: Run, given: str) -> None:
    assert "is not a commit" in run("apply", "--yes", "--commit", given, code=2).stderr
