"""Text of others in AWS's answers: whatever it holds, no command prints it so that it acts, or fails over it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sagespec.sandbox import Sandbox

from tests import proxy
from tests.acceptance.test_answers import COMMANDS, ENDS, EVALUATION, FAST, JUDGE, TRAINER
from tests.conftest import ROOT, Run

HOSTILE = (
    "\x1b]0;x\x07\x1b[2J\r::error file=a::b\n::add-mask::c\r\n##[error]d\x9b31m\u2028::stop-commands::e\u202e\x00"
)
PROSE = ("FailureReason", "StatusMessage", "message", "Message", "HubContentDescription", "Description", "Reason")
"""Members whose text is for people, which nothing is looked up by."""
MORE: tuple[tuple[str, ...], ...] = (
    ("results", EVALUATION, "-o", "markdown"),
    ("results", EVALUATION, "-o", "junit"),
    ("results", JUDGE, "-o", "markdown"),
    ("results", JUDGE, "--explanations"),
    ("results", JUDGE, "-o", "json"),
    ("metrics", TRAINER, "-o", "csv"),
    ("metrics", TRAINER, "-o", "json"),
    ("logs", TRAINER, "-o", "json"),
    ("list", "--sort-by", "Name"),
    ("catalog", "hyperparameters", "huggingface-reasoning-qwen3-32b"),
    ("plan", "-o", "json"),
    ("plan", "--save", "saved.json"),
    ("apply", "saved.json", "--yes"),
    ("describe", TRAINER),
    ("describe", "CustomAgentLambda/calculator"),
)


class Answers:
    """Rewrites answers: `members` get hostile text, or where there are none all text in them."""

    def __init__(self) -> None:
        self.members: tuple[str, ...] = PROSE
        self.spoiled = 0

    def rewrite(self, _operation: str, body: bytes) -> bytes:
        try:
            tree = json.loads(body)
        except ValueError:
            return body
        return json.dumps(self._spoil(tree, "")).encode()

    def _spoil(self, tree: Any, member: str) -> Any:
        if isinstance(tree, dict):
            return {key: self._spoil(value, key) for key, value in tree.items()}
        if isinstance(tree, list):
            return [self._spoil(value, member) for value in tree]
        if isinstance(tree, str) and (not self.members or member in self.members):
            self.spoiled += 1
            return f"{tree}{HOSTILE}{'w' * 3000}"
        return tree


@pytest.fixture
def answers(
    project: Path, aws: Sandbox, run: Run, mlflow_at_once: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Answers]:
    """The examples, applied to a sandbox whose answers then hold hostile text."""
    for path in (ROOT / "specs").iterdir():
        (shutil.copytree if path.is_dir() else shutil.copy)(path, project / "specs" / path.name)
    run("compile")
    run("apply", "--yes", *FAST)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    found = Answers()
    with proxy.before(aws.url, rewrite=found.rewrite) as url:
        for name, value in os.environ.items():
            if value == aws.url:
                monkeypatch.setenv(name, url)
        yield found


def acting(text: str) -> list[str]:
    """What of a command's output would steer a terminal or a CI system."""
    found = [repr(line[:200]) for line in text.split("\n") if line.lstrip().startswith(("::", "##["))]
    return found + [repr(c) for c in set(text) if (ord(c) < 32 and c != "\n") or c in "\x7f\x9b\u2028\u2029\u202e"]


@pytest.mark.slow
@pytest.mark.parametrize("members", [PROSE, ()], ids=["prose", "all"])
def test_no_text_of_an_answer_acts(answers: Answers, run: Run, members: tuple[str, ...]) -> None:
    answers.members = members
    wrong: dict[tuple[str, ...], list[str]] = {}
    shown = ""
    for command in (*COMMANDS, *MORE):
        result = run(*command, code=None)
        shown += result.stdout + result.stderr
        if found := acting(result.stdout + result.stderr):
            wrong[command] = found
        if result.code not in ENDS:
            wrong[command] = [f"exit {result.code}", result.stderr[-500:]]
    assert wrong == {}
    assert answers.spoiled
    assert "add-mask::c" in shown, "it is shown, and does not act"
