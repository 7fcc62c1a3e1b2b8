"""Commands on compiled files that somebody has changed: a sentence and exit 1, or a plan; never a defect."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest
from sagespec.compiling import loading
from sagespec.compiling.loading import InvalidCompiled
from sagespec.sandbox import Sandbox

from tests.conftest import ROOT, Run
from tests.property.mutants import mutant

COMMANDS = (("plan",), ("apply", "--dry-run"), ("status",))


@pytest.fixture
def examples(project: Path, run: Run) -> dict[Path, str]:
    """The compiled examples, and their texts."""
    shutil.copytree(ROOT / "specs", project / "specs", dirs_exist_ok=True)
    run("compile")
    return {path: path.read_text("utf-8") for path in sorted((project / "compiled").rglob("*.json"))}


def test_mutants_are_refused_in_a_sentence_or_planned(examples: dict[Path, str], aws: Sandbox, run: Run) -> None:
    chance = random.Random(5)
    seen = {False: 0, True: 0}
    before = len(aws.mutations())
    while min(seen.values()) < 6:
        path = chance.choice(list(examples))
        path.write_bytes(mutant(chance, examples[path]))
        try:
            loading.read(path)
            valid = True
        except InvalidCompiled:
            valid = False
        seen[valid] += 1
        if seen[valid] <= 6:
            for command in COMMANDS:
                done = run(*command, code=None if valid else 1)
                assert done.code == 0 or done.stderr.startswith(("error: ", "warning: ")), done
        path.write_text(examples[path], "utf-8")
    assert len(aws.mutations()) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_a_pipe_in_place_of_a_compiled_file_is_not_waited_for(
    examples: dict[Path, str], aws: Sandbox, run: Run, command: tuple[str, ...]
) -> None:
    path = next(iter(examples))
    path.unlink()
    os.mkfifo(path)
    assert f"{path.name}: not a file" in run(*command, code=1).stderr
