"""Lenses: what is remembered of the work tree and of commits changes nothing that they say."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from sagespec.compiling import outputs, workspace
from sagespec.memory import Memory
from sagespec.server import examination, lens
from sagespec.server.buffers import Buffers

from tests.acceptance.test_commits import git
from tests.conftest import LOCK, ROOT

SPECS = ("graph.yaml", "custom-agent-lambda.yaml", "model-trainer.yaml", "torchrun.yaml")
EDITS = {
    "specs/graph.yaml": ("group_size: 4", "group_size: 8"),
    "specs/custom-agent-lambda.yaml": ("timeout: 300", "timeout: 200"),
    "specs/agents/calculator.py": ("import", "import  # more\nimport"),
    "specs/torchrun.yaml": ("process_count_per_node", "process_count_per_nude"),
    "sagespec.yaml": ("team: rl", "team: agents"),
}


@pytest.mark.slow
@pytest.mark.parametrize("is_compiled", [True, False])
def test_remembering_changes_no_lens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_compiled: bool) -> None:
    monkeypatch.chdir(tmp_path)
    for name in SPECS:
        (tmp_path / "specs").mkdir(exist_ok=True)
        shutil.copy(ROOT / "specs" / name, tmp_path / "specs")
    for name in ("agents", "training"):
        shutil.copytree(ROOT / "specs" / name, tmp_path / "specs" / name)
    shutil.copy(LOCK, tmp_path / "sagespec.lock.json")
    shutil.copy(ROOT / "sagespec.yaml", tmp_path)
    git("init", "-q")
    checks, comparisons, chance = Memory(), Memory(), random.Random(int(is_compiled))
    seen: set[str] = set()
    for step in range(25):
        opened: dict[Path, bytes] = {}
        for name, (old, new) in EDITS.items():
            file = tmp_path / name
            text = file.read_text("utf-8")
            if chance.random() < 0.4:
                changed = text.replace(new, old) if new in text else text.replace(old, new, 1)
                if chance.random() < 0.5:
                    opened[file] = changed.encode()
                else:
                    file.write_text(changed, "utf-8")
        if step % 4 == 0:
            if is_compiled:
                write(tmp_path)
            git("add", ".")
            git("commit", "-q", "--allow-empty", "-m", f"{step}")
        one = examination.examine(tmp_path, Buffers(opened), None, checks)
        said = lens.titles(one, comparisons)
        assert said == lens.titles(one, Memory()), step
        seen |= signs(said)
    assert {">", "<-", "~", "!", "same"} <= seen, seen


TRAINER = """apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: one}
spec: {training_image: "image:1", role: LambdaRole}
"""


@pytest.fixture
def back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two commits of a spec, whose work tree has it as it was in the first."""
    root = tmp_path / "origin"
    (root / "specs").mkdir(parents=True)
    monkeypatch.chdir(root)
    shutil.copy(LOCK, root / "sagespec.lock.json")
    project = "apiVersion: sagespec/v1\nkind: Project\ndefaults: {region: us-west-2}\n"
    (root / "sagespec.yaml").write_text(project, "utf-8")
    git("init", "-q")
    for image in ("image:1", "image:2"):
        (root / "specs" / "one.yaml").write_text(TRAINER.replace("image:1", image), "utf-8")
        write(root)
        git("add", ".")
        git("commit", "-q", "-m", image)
    (root / "specs" / "one.yaml").write_text(TRAINER, "utf-8")
    return root


def test_the_history_is_walked_again_only_after_a_commit(
    back: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, real = tmp_path / "log", shutil.which("git")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text(f'#!/bin/sh\necho "$*" >> {log}\nexec {real} "$@"\n', "utf-8")
    (tmp_path / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    memory, walked = Memory(), []
    for message in ("", "", "more", ""):
        if message:
            git("commit", "-q", "--allow-empty", "-m", message)
        one = examination.examine(back, Buffers(), None, Memory())
        assert signs(lens.titles(one, memory)) == {"="}
        walked.append(log.read_text("utf-8").count(" rev-list "))
    assert walked == [1, 1, 2, 2]


def test_a_fetch_of_older_commits_is_noticed(back: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = tmp_path / "clone"
    git("clone", "-q", "--depth", "1", back.as_uri(), str(clone))
    shutil.copy(back / "specs" / "one.yaml", clone / "specs")
    monkeypatch.chdir(clone)
    memory, one = Memory(), examination.examine(clone, Buffers(), None, Memory())
    assert signs(lens.titles(one, memory)) == {">"}
    git("fetch", "-q", "--unshallow")
    assert signs(lens.titles(one, memory)) == {"="}


def write(root: Path) -> None:
    """Compile what compiles."""
    checked = examination.examine(root, Buffers(), None, Memory()).checked
    if checked is not None:
        made = [build.compiled for build in workspace.compile(checked).builds.values()]
        for change in outputs.changes(made, checked.settings.output, orphans=True):
            outputs.write(change, root)


def signs(said: Mapping[str, str]) -> set[str]:
    return {title.split()[0] for title in said.values()}
