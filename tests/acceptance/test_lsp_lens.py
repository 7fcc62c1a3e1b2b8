"""What the lenses of an editor say of specs is what `sagespec diff HEAD` says of their addresses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pytest_lsp import LanguageClient
from sagespec.cli import diff
from sagespec.review.entry import MEANINGS, SIGNS

from tests.acceptance.test_commits import git
from tests.language_clients import GREETER, REFRESHED, VSCODE, document, opened, printed, typed, watched

SAME = "same"
CLASSES = {sign: name for name, sign in SIGNS.items()}
GRAPH = "specs/graph.yaml"
EDITS: list[tuple[str, str, str]] = [
    (GRAPH, "group_size: 8", "group_size: 16"),
    (GRAPH, "group_size: 8", "group_size: 4"),
    (GRAPH, "group_size: 8", "group_size: [8"),
    (GRAPH, "group_size: 8", "group_sise: 8"),
    (GRAPH, "{name: calculator-math}", "{name: calculator-sums}"),
    ("specs/bench-mark-evaluator.yaml", "name: llama-mmlu", "name: llama-facts"),
    ("specs/bench-mark-evaluator.yaml", "    max_new_tokens: 2048", "    max_new_tokens: 2048  # 😀"),
    ("specs/custom-agent-lambda.yaml", "timeout: 300", "timeout: 200"),
    ("specs/torchrun.yaml", "process_count_per_node: 2", "process_count_per_node: 4"),
    ("specs/model-trainer.yaml", "training_image:", "training_imege:"),
    ("sagespec.yaml", "team: rl", "team: agents"),
    ("sagespec.yaml", "defaults:", "defolts:"),
]


@pytest.fixture
def committed(edited: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project with two commits, of which the first ran another training."""
    monkeypatch.chdir(edited)
    git("init", "-q")
    graph = edited / GRAPH
    now = graph.read_text("utf-8")
    for text in (now, now.replace("group_size: 4", "group_size: 8")):
        graph.write_text(text, "utf-8")
        printed(edited, "compile")
        git("add", ".")
        git("commit", "-q", "-m", "change")
    return edited


async def shown(client: LanguageClient, file: Path) -> dict[str, str]:
    """The titles of the lenses of a file, by the line that they are at."""
    answer = await client.text_document_code_lens_async(types.CodeLensParams(document(file)))
    lines = file.read_text("utf-8").splitlines()
    return {lines[one.range.start.line]: one.command.title for one in answer or () if one.command}


async def classes(client: LanguageClient, edited: Path) -> dict[str, str]:
    """The classes that lenses show, by name of the spec."""
    found: dict[str, str] = {}
    for file in sorted((edited / "specs").glob("*.yaml")):
        for line, title in (await shown(client, file)).items():
            name = line.partition("name: ")[2].rstrip("}")
            found[name] = CLASSES.get(title.split()[0], SAME)
    return found


def compared(edited: Path) -> dict[str, str]:
    """The classes that `diff` tells of the specs that can be read: the others have no lines for a lens."""
    text = printed(edited, "diff", "HEAD", "-o", "json")
    entries: list[Any] = json.loads(text)["entries"] if text else []
    changed = {entry["address"].partition("/")[2]: entry["class"] for entry in entries if entry["class"] != "gone"}
    unread = {entry["address"].partition("/")[2] for entry in entries if entry.get("reason") == "cannot be read"}
    names = [
        line.partition("name: ")[2].rstrip("}")
        for file in (edited / "specs").glob("*.yaml")
        for line in file.read_text("utf-8").splitlines()
        if line.lstrip().startswith(("name: ", "metadata: {name: ")) and "name: Politeness" not in line
    ]
    return {name: changed.get(name, SAME) for name in names if name not in unread} if text else {}


@pytest.mark.asyncio
@pytest.mark.slow
@VSCODE
async def test_lenses_say_what_diff_says(committed: Path, client: LanguageClient) -> None:
    seen: set[str] = set()
    texts = {file: file.read_text("utf-8") for file in [*(committed / "specs").glob("*.yaml")]}
    for file, text in texts.items():
        opened(client, file, text)
    assert await classes(client, committed) == compared(committed) == dict.fromkeys(compared(committed), SAME)
    for number, (name, old, new) in enumerate(EDITS):
        file = committed / name
        text = file.read_text("utf-8")
        assert old in text
        edited_text = text.replace(old, new)
        if file not in texts:
            texts[file] = text
            opened(client, file, text)
        typed(client, file, edited_text, 2 * number + 2)
        file.write_text(edited_text, "utf-8")
        found = await classes(client, committed)
        assert found == compared(committed), (name, new)
        seen |= {*found.values()}
        typed(client, file, text, 2 * number + 3)
        file.write_text(text, "utf-8")
    assert seen == {SAME, *SIGNS} - {"gone"}
    assert not client.log_messages, client.log_messages


@pytest.mark.asyncio
async def test_a_lens_names_what_changed(committed: Path, client: LanguageClient) -> None:
    file = committed / GRAPH
    text = file.read_text("utf-8")
    opened(client, file, text.replace("group_size: 8", "group_size: 16"))
    trainer, evaluator, *_ = (await shown(client, file)).values()
    start = "> starts: hyperparameters.group_size 8 -> 16; serverless, huggingface-reasoning-qwen3-32b"
    assert trainer.startswith(start), trainer
    assert evaluator.startswith("<- starts after MultiTurnRLTrainer/calculator-agent: "), evaluator
    typed(client, file, text.replace("group_size: 8", "group_size: 4"))
    back = (await shown(client, file))["metadata: {name: calculator-agent}"]
    assert back.startswith("= back to what has run: hyperparameters.group_size 8 -> 4; as in "), back


@pytest.mark.asyncio
@VSCODE
async def test_lenses_follow_what_is_checked_out(committed: Path, client: LanguageClient) -> None:
    file = committed / "specs" / "greeter.yaml"
    changed = GREETER.replace("instance_count: 1", "instance_count: 2")
    file.write_text(changed, "utf-8")
    opened(client, file, changed)
    (before,) = (await shown(client, file)).values()
    changes = "compute.instance_count 1 -> 2"
    assert before == f"> starts: {changes}; 2 x ml.m5.large, at most 1 h: 2 instance-hours (was 1)"
    printed(committed, "compile")
    git("commit", "-q", "-a", "-m", "three")
    asked = REFRESHED[client]
    watched(client, committed / ".git/logs/HEAD", types.FileChangeType.Changed)
    assert [*(await shown(client, file)).values()] == ["same as HEAD"]
    assert REFRESHED[client] > asked


@pytest.mark.asyncio
@pytest.mark.parametrize("commit", ["none", "empty", "broken"])
@pytest.mark.parametrize("client", ["neovim@0.11.0"], indirect=True)
async def test_without_a_commit_there_is_no_lens(
    edited: Path, client: LanguageClient, commit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(edited)
    if commit != "none":
        git("init", "-q")
    if commit == "broken":
        (edited / ".git" / "HEAD").write_text("nothing\n", "utf-8")
    file = edited / "specs" / "greeter.yaml"
    opened(client, file, GREETER)
    for number in range(3):
        typed(client, file, GREETER + "\n" * number, number + 2)
        assert not await shown(client, file)
    assert not client.log_messages, client.log_messages


def test_the_help_of_diff_has_the_same_words() -> None:
    said = " ".join((diff.command.help or "").split())
    for sort, sign in SIGNS.items():
        assert f"{sign} {MEANINGS[sort]}" in said, sort
