"""A check that remembers finds what a fresh one finds, whatever changes between the two."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sagespec import disk
from sagespec.compiling import workspace
from sagespec.documents import compiled
from sagespec.memory import Memory, remembered
from sagespec.server import examination
from sagespec.server.buffers import Buffers
from sagespec.server.examination import Examination

from tests.conftest import LOCK, ROOT

RECIPE = """apiVersion: sagespec/v1
kind: SFTTrainer
metadata: {name: by-recipe}
spec:
  model: huggingface-reasoning-qwen3-32b
  model_package_group: out-mpg
  training_dataset: s3://my-bucket/helpful/examples.jsonl
  s3_output_path: s3://my-bucket/output/${spec.name}
  hyperparameters: recipes/sft.yaml
"""
POLICY = '{"properties": {"requests": {"maxItems": 3}}, "x-id": "few"}\n'
WORDS = [
    "ref: ",
    "${size}",
    "${spec.name}",
    ": ",
    "{",
    "\t",
    "😀",
    "\ufeff",
    "---\n",
    "name: x",
    "us-east-1",
    "1e-4",
    "\n",
]


@pytest.fixture
def changing(tmp_path: Path) -> Path:
    """The examples, with whatever a check reads: a lock, values, policies, folders of code, a file of a field."""
    root = tmp_path / "work"
    shutil.copytree(ROOT / "specs", root / "specs")
    shutil.copy(LOCK, root / "sagespec.lock.json")
    project = (ROOT / "sagespec.yaml").read_text("utf-8")
    (root / "sagespec.yaml").write_text(project + "policies: [policies/*.json]\n", "utf-8")
    (root / "policies").mkdir()
    (root / "policies" / "few.json").write_text(POLICY, "utf-8")
    (root / "specs" / "recipes").mkdir()
    (root / "specs" / "recipes" / "sft.yaml").write_text("max_epochs: 2\n", "utf-8")
    (root / "specs" / "by-recipe.yaml").write_text(RECIPE, "utf-8")
    return root


def mutated(text: str, chance: random.Random) -> str:
    """A text with something replaced: half of these are not valid any more."""
    lines = text.splitlines(keepends=True) or [""]
    number = chance.randrange(len(lines))
    line = lines[number]
    at = chance.randrange(len(line) + 1)
    ways: list[Callable[[], str]] = [
        lambda: line[:at] + chance.choice(WORDS) + line[at:],
        lambda: line[:at] + line[at + 3 :],
        lambda: "",
        lambda: line + line,
        lambda: line.replace("1", "2").replace("s3://", "s4://"),
        lambda: line.replace("name: ", "name: a"),
    ]
    lines[number] = chance.choice(ways)()
    return "".join(lines)


def change(root: Path, before: Path, opened: dict[Path, bytes], chance: random.Random) -> str:
    """Change something of a project, on disk or in the editor."""
    files = sorted(file for file in root.rglob("*") if file.is_file() and ".git" not in file.parts)
    file = chance.choice(files)
    text = opened.get(file) or file.read_bytes()
    new = mutated(text.decode("utf-8", "replace"), chance).encode()
    way = chance.choice(
        ["type", "type", "write", "write", "close", "remove", "restore", "restore", "copy", "link", "git"]
    )
    if way == "type":
        opened[file] = new
    elif way == "write":
        file.unlink()  # it may be a link
        file.write_bytes(new)
    elif way == "close":
        opened.clear()
    elif way == "remove":
        file.unlink()
    elif way == "restore":
        opened.clear()
        shutil.rmtree(root)
        shutil.copytree(before, root)
    elif way == "copy":
        (file.parent / f"{file.stem}-{chance.randrange(3)}{file.suffix}").write_bytes(text)
    elif way == "link":
        file.unlink()
        file.symlink_to(
            chance.choice([before / file.relative_to(root), chance.choice(files), root.parent / "nowhere"])
        )
    elif (root / ".git").exists():
        shutil.rmtree(root / ".git")
    else:
        (root / ".git").mkdir()
    return f"{way} {file.relative_to(root)}"


def known(one: Examination, builds: bool, memory: Memory | None) -> dict[str, Any]:
    """All that somebody could see of a check, and of what it compiles to."""
    found: dict[str, Any] = {"diagnostics": one.diagnostics, "texts": one.texts}
    checked = one.checked
    if checked is None:
        return found
    found |= {
        "resolved": {a: r.spec.data for a, r in checked.resolved.items()},
        "rest": (checked.targets, checked.uses, checked.following, checked.refused, [*checked.policies]),
    }
    if builds:
        with disk.through(one.buffers), (memory or Memory()).used():
            done = workspace.compile(checked)
        found["builds"] = {a: compiled.dump(b.compiled) for a, b in done.builds.items()}
        found["said"] = (done.diagnostics, done.following)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_remembering_changes_nothing(changing: Path, tmp_path: Path, seed: int) -> None:
    chance, opened = random.Random(seed), dict[Path, bytes]()
    before = tmp_path / "before"
    shutil.copytree(changing, before)
    checks, comparisons = Memory(), Memory()
    done = ["start"]
    for step in range(90):
        environment = chance.choice([None, None, None, "prod"])
        buffers = Buffers(dict(opened))
        one = examination.examine(changing, buffers, environment, checks)
        fresh = examination.examine(changing, buffers, environment, Memory())
        assert known(one, step % 3 == 0, comparisons) == known(fresh, step % 3 == 0, None), done[-3:]
        done.append(change(changing, before, opened, chance))


def test_what_is_not_used_again_is_forgotten() -> None:
    calls: list[int] = []

    def called(number: int) -> int:
        calls.append(number)
        return number

    memory = Memory()
    for numbers in ((1, 2), (2, 3), (1, 2, 3)):
        with memory.used():
            for number in numbers:
                assert remembered(called, number) == number
    assert calls == [1, 2, 3, 1]


def test_the_rest_of_the_disk_does_not_matter(changing: Path) -> None:
    read: list[str] = []

    def called(path: Path) -> bytes:
        read.append(path.name)
        return disk.read(path, disk.TEXT_BYTES)

    memory, file = Memory(), changing / "sagespec.yaml"
    for content in (b"a", b"a", b"b", b"b", b"a"):
        file.write_bytes(content)
        (changing / "other").write_bytes(content)
        with memory.used():
            assert remembered(called, file) == content
    assert len(read) == 3
