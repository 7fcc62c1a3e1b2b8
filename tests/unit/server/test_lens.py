"""Lenses: what is remembered of the work tree and of commits changes nothing that they say."""

from __future__ import annotations

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


def write(root: Path) -> None:
    """Compile what compiles."""
    checked = examination.examine(root, Buffers(), None, Memory()).checked
    if checked is not None:
        made = [build.compiled for build in workspace.compile(checked).builds.values()]
        for change in outputs.changes(made, checked.settings.output, orphans=True):
            outputs.write(change, root)


def signs(said: Mapping[str, str]) -> set[str]:
    return {title.split()[0] for title in said.values()}
