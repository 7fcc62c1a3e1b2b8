"""The language server as editors use it: a real process, spoken to as three of them do."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from lsprotocol import types
from pytest_lsp import LanguageClient

from tests.conftest import ROOT
from tests.language_clients import GREETER, UNITS, WATCHED, opened, said, typed, validated, watched


@pytest.mark.asyncio
async def test_a_mistake_is_marked_as_typed_and_cleared_when_mended(client: LanguageClient, edited: Path) -> None:
    file = edited / "specs" / "greeter.yaml"
    wrong = GREETER.replace("instance_count: 1", '"😀": 1, instance_type_: a, instance_count: 1')
    opened(client, file, wrong)
    (found,) = [d for d in await said(client, file, bool) if "instance_type_" in d.message]
    line = wrong.splitlines()[found.range.start.line]
    units = UNITS[client]
    coding = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[getattr(units, "value", units)]
    size = {"utf-8": 1, "utf-16-le": 2, "utf-32-le": 4}[coding]
    encoded = line.encode(coding)
    marked = encoded[found.range.start.character * size : found.range.end.character * size].decode(coding)
    assert marked == "instance_type_"
    typed(client, file, GREETER)
    await said(client, file, lambda diagnostics: not diagnostics)


@pytest.mark.asyncio
async def test_other_yaml_has_no_diagnostics(client: LanguageClient, edited: Path) -> None:
    manifest, file = edited / "deploy" / "pod.yaml", edited / "specs" / "greeter.yaml"
    workflow = edited / ".github" / "workflows" / "ci.yaml"
    opened(client, manifest, "apiVersion: v1\nkind: Pod\nmetadata: {name: greeter}\n")
    opened(client, workflow, "on: [push\n")
    opened(client, file, GREETER.replace("compute", "compote"))
    await said(client, file, bool)
    assert not {manifest.as_uri(), workflow.as_uri()} & {uri for uri, found in client.diagnostics.items() if found}


@pytest.mark.asyncio
async def test_files_that_others_change_are_checked_again(
    client: LanguageClient, edited: Path, request: pytest.FixtureRequest
) -> None:
    can_watch = "neovim" not in request.node.name  # by default it watches nothing on Linux
    file, other = edited / "specs" / "greeter.yaml", edited / "specs" / "other.yaml"
    opened(client, file, GREETER.replace("compute", "compote"))
    await said(client, file, bool)
    assert ("workspace/didChangeWatchedFiles" in WATCHED[client]) == can_watch
    other.write_text(GREETER, "utf-8")
    watched(client, other, types.FileChangeType.Created)
    await said(client, other, lambda diagnostics: "duplicate-address" in {d.code for d in diagnostics})


@pytest.mark.asyncio
@pytest.mark.slow
async def test_a_session_of_1000_edits_ends_as_validate_says(client: LanguageClient, edited: Path) -> None:
    file, chance = edited / "specs" / "greeter.yaml", random.Random(0)
    opened(client, file, GREETER)
    for number in range(1000):
        start = chance.randrange(len(GREETER))
        broken = GREETER[:start] + chance.choice(["{", "\t", ": :", "- ", '"', "😀", "${", ""])
        text = broken + GREETER[start:] if chance.random() < 0.5 else broken
        typed(client, file, text if number % 2 else GREETER, number + 2)
    wrong = GREETER.replace("instance_count", "instance_cuont").replace("training_image", "training_imege")
    typed(client, file, wrong, 2000)
    file.write_text(wrong, "utf-8")
    expected = [(line, rule) for name, line, rule in validated(edited) if name.endswith("greeter.yaml")]
    assert expected
    await said(client, file, lambda found: sorted((d.range.start.line, str(d.code)) for d in found) == expected)
    assert not client.log_messages, client.log_messages


def test_without_its_extra_the_command_says_what_to_install() -> None:
    hidden = "import sys; sys.modules['pygls'] = None; sys.argv = ['sagespec', 'lsp']; "
    command = [sys.executable, "-c", f"{hidden}from sagespec.cli import main; main()"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "compiler")}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 2, ran.stderr
    assert "pip install 'sagespec[lsp]'" in ran.stderr
    assert "Traceback" not in ran.stderr
