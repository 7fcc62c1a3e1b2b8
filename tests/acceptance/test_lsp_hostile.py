"""A folder of a stranger is opened in an editor: nothing of it runs, nothing outside of it is shown or edited."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import LanguageClient

from tests.acceptance.test_commits import git
from tests.language_clients import (
    GREETER,
    VSCODE,
    document,
    opened,
    packed,
    questions,
    read_messages,
    settled,
    typed,
)

WORD = "zq-outside-zq"
OUTSIDE = f"apiVersion: sagespec/v1\nkind: Torchrun\nmetadata: {{name: pair}}\nspec: {{{WORD}: [1}}\n"
HOSTILE = GREETER + (
    "  distributed: {ref: Torchrun/pair}\n"
    "  hyperparameters: ../../outside/rates.yaml\n"
    "  source_code: {source_dir: ../../outside, entry_script: ../../outside/rates.yaml}\n"
    "---\napiVersion: sagespec/v1\nkind: CustomAgentLambda\nmetadata: {name: f}\nspec: {source: /dev/zero}\n"
)
PROJECT = """apiVersion: sagespec/v1
kind: Project
specs: [specs, ../outside, /proc, /dev/zero, pipe, "../.."]
allow_outside: [../outside]
policies: [../outside/rates.yaml, specs/zero.json, pipe]
defaults: {region: us-west-2}
"""


@pytest.fixture
def hostile(edited: Path) -> Path:
    """A project with ways out of it, and a repository that is set up to run programs."""
    outside = edited.parent / "outside"
    outside.mkdir(exist_ok=True)
    for name in ("rates.yaml", "pair.yaml", f"{WORD}.py"):
        (outside / name).write_text(OUTSIDE, "utf-8")
    specs = edited / "specs"
    for name, target in {
        "link.yaml": f"{outside}/pair.yaml",
        "zero.yaml": "/dev/zero",
        "zero.json": "/dev/zero",
    }.items():
        (specs / name).symlink_to(target)
    for name, target in {"out": str(outside), "loop.yaml": "loop.yaml", "proc": "/proc/self"}.items():
        (specs / name).symlink_to(target)
    os.mkfifo(specs / "pipe.yaml")
    os.mkfifo(edited / "pipe")
    (specs / "greeter.yaml").write_text(HOSTILE, "utf-8")
    git("-C", str(edited), "init", "-q")
    git("-C", str(edited), "add", "specs/greeter.yaml")
    git("-C", str(edited), "commit", "-q", "-m", "one")
    trap = edited / "trap"
    trap.write_text(f"#!/bin/sh\ntouch '{edited}/sprung'\nexit 1\n", "utf-8")
    trap.chmod(0o755)
    names = [
        *("core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "core.askPass", "diff.external"),
        *("diff.x.textconv", "diff.x.command", "filter.x.clean", "filter.x.smudge", "filter.x.process"),
        *("gpg.program", "core.alternateRefsCommand", "credential.helper", "uploadpack.packObjectsHook"),
    ]
    for name in names:
        git("-C", str(edited), "config", name, str(trap))
    git("-C", str(edited), "config", "core.hooksPath", str(edited))
    git("-C", str(edited), "config", "log.showSignature", "true")
    (edited / ".git" / "info" / "attributes").write_text("* diff=x filter=x\n", "utf-8")
    return outside


def heard(client: LanguageClient, answers: list[Any]) -> str:
    """All that the server has said."""
    return "\n".join(map(repr, [*answers, client.diagnostics, client.log_messages, client.messages]))


@VSCODE
@pytest.mark.asyncio
@pytest.mark.parametrize("project", [PROJECT, PROJECT.replace(', /proc, /dev/zero, pipe, "../.."', ""), ""])
async def test_a_folder_of_a_stranger_runs_shows_and_edits_nothing(
    client: LanguageClient, edited: Path, hostile: Path, project: str
) -> None:
    before = {file: file.read_text("utf-8") for file in hostile.iterdir()}
    (edited / "sagespec.yaml").write_text(project or PROJECT.partition("specs:")[0], "utf-8")
    file, answers = edited / "specs" / "greeter.yaml", list[Any]()
    opened(client, file, HOSTILE)
    places = [
        types.Position(line, character)
        for line, text in enumerate(HOSTILE.splitlines())
        for character in range(2, len(text), 9)
    ]
    for place in places[:: 1 if project == PROJECT else 4]:
        answers += await asyncio.gather(*(ask() for ask in questions(client, file, place)), return_exceptions=True)
        rename = types.RenameParams(document(file), place, "other")
        answers += await asyncio.gather(client.text_document_rename_async(rename), return_exceptions=True)
    for named in ("hyperparameters: ../../", "hyperparameters: out/", "hyperparameters: /", "hyperparameters: proc/"):
        text = GREETER + f"  {named}\n"
        typed(client, file, text)
        place = types.Position(text.count("\n") - 1, len(named) + 2)
        answers.append(await client.text_document_completion_async(types.CompletionParams(document(file), place)))
    await settled(client, file)
    assert not (edited / "sprung").exists()
    assert WORD not in heard(client, answers)
    for answer in answers:
        if isinstance(answer, types.WorkspaceEdit):
            assert hostile.as_uri() not in repr(answer)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(
        isinstance(one, JsonRpcException) and one.code == types.LSPErrorCodes.RequestFailed for one in refused
    ), refused
    assert not client.log_messages
    assert {file: file.read_text("utf-8") for file in hostile.iterdir()} == before


@VSCODE
@pytest.mark.asyncio
async def test_what_is_no_file_is_answered_with_nothing(client: LanguageClient, edited: Path) -> None:
    file = edited / "specs" / "greeter.yaml"
    opened(client, file, GREETER)
    await settled(client, file)
    for uri in (
        "untitled:a",
        "http://a/b.yaml",
        "file:///a%00.yaml",
        f"git:{file}?x",
        "file:",
        "",
        "::",
        "file://[a",
    ):
        there = types.TextDocumentIdentifier(uri)
        for at in (types.Position(0, 0), types.Position(2**31 - 1, 2**31 - 1)):
            hover = await client.text_document_hover_async(types.HoverParams(there, at))
            assert hover is None
            assert not await client.text_document_rename_async(types.RenameParams(there, at, "a"))
            assert not await client.text_document_code_lens_async(types.CodeLensParams(there))
    assert not client.log_messages


def test_a_malformed_request_is_answered(language_server: Path) -> None:
    start: list[dict[str, Any]] = [{"id": 1, "method": "initialize", "params": {"capabilities": {}}}]
    lines = (-1, 2**40, "a", None)
    asked = [
        {"id": number, "method": types.TEXT_DOCUMENT_HOVER, "params": {"position": {"line": line, "character": 0}}}
        for number, line in enumerate(lines, 2)
    ]
    messages = [{"jsonrpc": "2.0", **one} for one in [*start, *asked, {"id": 9, "method": "shutdown"}]]
    sent = packed(json.dumps(one).encode() for one in messages)
    said = subprocess.run([language_server, "lsp"], input=sent, capture_output=True, check=False).stdout
    heard = [json.loads(one) for one in read_messages(io.BytesIO(said))]
    assert {one["id"]: "error" in one for one in heard if "id" in one} == {
        1: False,
        **dict.fromkeys(range(2, 6), True),
        9: False,
    }
