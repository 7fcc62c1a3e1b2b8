"""Sessions of an editor: whatever happens in one, its diagnostics are those of `validate`, and nothing fails."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls import uris
from pygls.exceptions import JsonRpcMethodNotFound
from pytest_lsp import LanguageClient
from sagespec import disk

from tests.language_clients import (
    GREETER,
    UNITS,
    VSCODE,
    changed,
    document,
    opened,
    packed,
    questions,
    read_messages,
    settled,
    typed,
    until,
    validated,
    watched,
)

BROKEN = ["{", "\t", ": :", "- ", '"', "😀", "${", "\u2028", "\x0c", "\r\n", "é: 😀😀", "\n---\n", ""]


async def agrees(client: LanguageClient, edited: Path, asked: Path | None = None) -> list[tuple[Any, ...]]:
    """Check that an editor shows what `validate` says of a project; return that."""
    await settled(client, asked or edited / "specs" / "greeter.yaml")
    expected = validated(edited)
    shown = sorted(
        (Path(uris.to_fs_path(uri) or "").relative_to(edited).as_posix(), one.range.start.line, str(one.code))
        for uri, found in client.diagnostics.items()
        if Path(uris.to_fs_path(uri) or "").is_relative_to(edited)
        for one in found
    )
    assert shown == expected
    assert not client.log_messages, client.log_messages
    return expected


def closed(client: LanguageClient, file: Path) -> None:
    client.text_document_did_close(types.DidCloseTextDocumentParams(document(file)))


def position(text: str, offset: int, units: str) -> types.Position:
    """Where an offset is as the protocol counts: lines end at LF, CR LF and CR only."""
    before = text[:offset].replace("\r\n", "\n\0").replace("\r", "\n").replace("\0", "")
    *lines, last = before.split("\n")
    coding = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}[units]
    return types.Position(len(lines), len(last.encode(coding[0])) // coding[1])


@pytest.mark.asyncio
@pytest.mark.slow
async def test_a_session_of_edits_as_ranges(client: LanguageClient, edited: Path) -> None:
    chance, file, units = random.Random(1), edited / "specs" / "greeter.yaml", UNITS[client]
    text, asked = GREETER, list[Awaitable[Any]]()
    opened(client, file, text)
    for number in range(500):
        changes: list[types.TextDocumentContentChangeEvent] = []
        for _ in range(chance.choice([1, 1, 1, 3])):
            start = chance.randrange(len(text) + 1)
            stop = min(len(text), start + chance.choice([0, 0, 1, 7, 40]))
            new = chance.choice([*BROKEN, text[start:stop], text[start:stop]])
            where = types.Range(position(text, start, units), position(text, stop, units))
            changes.append(types.TextDocumentContentChangePartial(where, new))
            text = text[:start] + new + text[stop:]
        if chance.random() < 0.3:  # back to what is valid, as undo does
            text = GREETER
            changes.append(types.TextDocumentContentChangeWholeDocument(text))
        changed(client, file, changes, number + 2)
        if number > 400:
            at = position(text, chance.randrange(len(text) + 1), units)
            asked.append(asyncio.ensure_future(chance.choice(questions(client, file, at))()))
    for one in asked:
        await one
    file.write_bytes(text.encode())
    await agrees(client, edited)
    end = position(text, len(text), units)
    whole = types.TextDocumentContentChangePartial(types.Range(types.Position(0, 0), end), GREETER)
    changed(client, file, [whole], 2000)
    file.write_text(GREETER, "utf-8")
    assert await agrees(client, edited) == []


@pytest.mark.asyncio
@pytest.mark.slow
@VSCODE
async def test_documents_are_opened_closed_moved_and_removed(client: LanguageClient, edited: Path) -> None:
    file, moved = edited / "specs" / "greeter.yaml", edited / "specs" / "a b%20c.yaml"
    wrong, other = GREETER.replace("compute", "compote"), GREETER.replace("training_image", "training_imege")
    file.write_text(other, "utf-8")
    opened(client, file, GREETER)
    await settled(client, file)
    assert not client.diagnostics.get(file.as_uri())
    closed(client, file)  # without saving: the disk counts
    assert await agrees(client, edited)
    opened(client, file, wrong)
    file.write_text(wrong, "utf-8")
    client.text_document_did_save(types.DidSaveTextDocumentParams(document(file)))
    assert await agrees(client, edited)
    file.rename(moved)
    closed(client, file)
    opened(client, moved, wrong)
    watched(client, file, types.FileChangeType.Deleted)
    assert {name for name, *_ in await agrees(client, edited)} == {"specs/a b%20c.yaml"}
    moved.unlink()  # still open: it is there until it is closed
    watched(client, moved, types.FileChangeType.Deleted)
    await settled(client, moved)
    assert client.diagnostics[moved.as_uri()]
    closed(client, moved)
    assert await agrees(client, edited) == []


@pytest.mark.asyncio
@pytest.mark.slow
@VSCODE
async def test_the_project_file_goes_and_comes_back(client: LanguageClient, edited: Path) -> None:
    file, project = edited / "specs" / "greeter.yaml", edited / "sagespec.yaml"
    wrong = GREETER.replace("compute", "compote")
    opened(client, file, wrong)
    file.write_text(wrong, "utf-8")
    text = project.read_text("utf-8")
    first = await agrees(client, edited)
    for new in (None, text, text.replace("specs: [specs]", "specs: [nowhere]"), text.replace("kind:", "kund:"), text):
        if new is None:
            project.unlink()
        else:
            project.write_text(new, "utf-8")
        watched(client, project, types.FileChangeType.Changed)
        last = await agrees(client, edited)
    assert first == last


@pytest.mark.asyncio
@pytest.mark.slow
@VSCODE
async def test_folders_of_a_workspace_and_nested_projects(client: LanguageClient, edited: Path) -> None:
    file, nested = edited / "specs" / "greeter.yaml", edited / "nested"
    beside = edited.parent / f"{edited.name}-beside"
    wrong = GREETER.replace("compute", "compote")
    try:
        for root in (nested, beside):
            shutil.copytree(edited / "specs", root / "specs")
            shutil.copy(edited / "sagespec.yaml", root)
            shutil.copy(edited / "sagespec.lock.json", root)
            (root / "specs" / "greeter.yaml").write_text(wrong, "utf-8")
        folder = types.WorkspaceFolder(beside.as_uri(), "beside")
        change = types.WorkspaceFoldersChangeEvent([folder], [])
        client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(change))
        opened(client, nested / "specs" / "greeter.yaml", wrong)
        opened(client, file, GREETER)
        assert await agrees(client, beside, file)
        await settled(client, file)
        assert not client.diagnostics.get(file.as_uri())
        assert client.diagnostics[(nested / "specs" / "greeter.yaml").as_uri()]
        change = types.WorkspaceFoldersChangeEvent([], [folder])
        client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(change))
        closed(client, nested / "specs" / "greeter.yaml")
        await settled(client, file)
        assert not any(client.diagnostics.values())
        assert not client.log_messages, client.log_messages
    finally:
        shutil.rmtree(beside)


@pytest.mark.asyncio
@pytest.mark.slow
@VSCODE
async def test_files_that_cannot_be_read(client: LanguageClient, edited: Path) -> None:
    file = edited / "specs" / "greeter.yaml"
    opened(client, file, GREETER)
    (edited / "specs" / "latin.yaml").write_bytes(GREETER.replace("greeter", "gr\xfc\xdfer").encode("latin-1"))
    (edited / "specs" / "closed.yaml").write_text(GREETER, "utf-8")
    (edited / "specs" / "closed.yaml").chmod(0)
    (edited / "specs" / "folder.yaml").mkdir()
    (edited / "specs" / "nowhere.yaml").symlink_to("none")
    (edited / "specs" / "long.yaml").write_text(GREETER + "#" * disk.TEXT_BYTES, "utf-8")
    watched(client, edited / "specs" / "latin.yaml", types.FileChangeType.Created)
    found = {rule for _, _, rule in await agrees(client, edited)}
    assert {"encoding", "unreadable"} <= found
    typed(client, file, GREETER + "#" * disk.TEXT_BYTES)
    file.write_text(GREETER + "#" * disk.TEXT_BYTES, "utf-8")
    assert ("specs/greeter.yaml", 0, "unreadable") in await agrees(client, edited)


@pytest.mark.asyncio
@VSCODE
async def test_a_project_without_specs(client: LanguageClient, edited: Path) -> None:
    shutil.rmtree(edited / "specs")
    project = edited / "sagespec.yaml"
    opened(client, project, project.read_text("utf-8"))
    await agrees(client, edited, project)
    (edited / "specs").mkdir()
    watched(client, edited / "specs", types.FileChangeType.Created)
    await agrees(client, edited, project)


@pytest.mark.asyncio
async def test_settings_choose_the_environment(client: LanguageClient, edited: Path) -> None:
    file = edited / "specs" / "greeter.yaml"
    text = GREETER.replace("role: SageMakerRole", "role: SageMakerRole\n  input_data: ${bucket}")
    opened(client, file, text)

    def rules() -> set[Any]:
        return {one.code for found in client.diagnostics.values() for one in found}

    def chosen(settings: Any) -> None:
        client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings))

    nothing: list[Any] = [{}, {"environment": None}, {"environment": 3}, None, []]
    settings: Any
    for settings in [*({"sagespec": one} for one in nothing), {"other": {}}, None, []]:
        await until(client, lambda: "unknown-value" in rules())
        chosen({"sagespec": {"environment": "prod"}})
        await until(client, lambda: not rules() & {"unknown-value", "unknown-environment"})
        chosen({"sagespec": {"environment": "nowhere"}})
        await until(client, lambda: "unknown-environment" in rules())
        chosen(settings)
    await until(client, lambda: "unknown-value" in rules())
    assert not client.log_messages, client.log_messages


@pytest.mark.asyncio
@VSCODE
async def test_unknown_requests_are_refused_and_nothing_else_happens(client: LanguageClient, edited: Path) -> None:
    with pytest.raises(JsonRpcMethodNotFound):
        await asyncio.wrap_future(client.protocol.send_request("sagespec/none", {"a": 1}))
    client.protocol.notify("sagespec/none", {"a": 1})
    client.protocol.notify("$/unknown", None)
    nowhere = edited.parent / "nowhere.yaml"
    for ask in questions(client, nowhere, types.Position(10**6, 10**6)):
        assert not [one for one in await ask() or () if "nowhere" in str(one)]
    await agrees(client, edited)


MESSAGE = b'{"jsonrpc": "2.0", "id": 1, "method": "%s", "params": %s}'
INITIALIZE = MESSAGE % (b"initialize", b'{"processId": null, "rootUri": null, "capabilities": {}}')
SHUTDOWN = MESSAGE % (b"shutdown", b"null")
EXIT = b'{"jsonrpc": "2.0", "method": "exit"}'


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([INITIALIZE, SHUTDOWN, EXIT], 0),
        ([INITIALIZE, EXIT], 1),
        ([EXIT], 1),
        ([INITIALIZE], 0),
        ([INITIALIZE, SHUTDOWN], 0),
        ([], 0),
    ],
    ids=["polite", "no shutdown", "exit alone", "dead", "dead after shutdown", "never alive"],
)
def test_a_server_ends_with_its_client(messages: list[bytes], code: int, language_server: Path) -> None:
    done = subprocess.run([language_server, "lsp"], input=packed(messages), capture_output=True, timeout=60)
    assert done.returncode == code, done.stderr.decode()
    assert b"Traceback" not in done.stderr, done.stderr.decode()


def test_a_server_ends_when_nobody_hears_it(edited: Path, language_server: Path) -> None:
    folder = INITIALIZE.replace(b'"rootUri": null', b'"rootUri": "%s"' % edited.as_uri().encode())
    started = b'{"jsonrpc": "2.0", "method": "initialized", "params": {}}'
    pipe = subprocess.PIPE
    with subprocess.Popen([language_server, "lsp"], cwd=edited, stdin=pipe, stdout=pipe, stderr=pipe) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stderr is not None
        server.stdout.close()
        server.stdin.write(packed([folder, started]))
        server.stdin.close()
        said = server.stderr.read().decode()
    assert server.returncode == 0, said
    assert "Traceback" not in said, said
    assert "BrokenPipeError" not in said, said


def test_an_old_client_names_its_folder_as_the_root(tmp_path: Path, language_server: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "a.yaml").write_text(GREETER.replace("compute", "compote"), "utf-8")
    folder = INITIALIZE.replace(b'"rootUri": null', b'"rootUri": "%s"' % tmp_path.as_uri().encode())
    started = b'{"jsonrpc": "2.0", "method": "initialized", "params": {}}'
    with subprocess.Popen(
        [language_server, "lsp"], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(packed([folder, started]))
        server.stdin.flush()
        assert any(b"unknown-key" in line for line in read_messages(server.stdout))
        server.stdin.close()
