"""Three editors as clients of the language server, and what tests do with them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lsprotocol import types
from pytest_lsp import LanguageClient
from sagespec.server.positions import Text

from tests.conftest import ROOT

EDITORS = ["neovim@0.11.0", "visual_studio_code", "emacs"]
COMMAND = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT / 'compiler')!r}); "]
COMMAND[-1] += "sys.argv[1:] = ['lsp']; from sagespec.cli import main; main()"
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


def opened(client: LanguageClient, file: Path, text: str) -> None:
    item = types.TextDocumentItem(file.as_uri(), "yaml", 1, text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))


def typed(client: LanguageClient, file: Path, text: str, version: int = 2) -> None:
    """Replace the whole text of a document."""
    document = types.VersionedTextDocumentIdentifier(version, file.as_uri())
    whole = types.TextDocumentContentChangeWholeDocument(text)
    client.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))


async def said(client: LanguageClient, file: Path, expected: Callable[[list[types.Diagnostic]], bool]) -> list[Any]:
    """Wait until the diagnostics of a file are as expected."""
    while not expected(list(client.diagnostics.get(file.as_uri(), []))):
        await client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    return list(client.diagnostics.get(file.as_uri(), []))


def validated(edited: Path) -> list[tuple[Any, ...]]:
    """What `validate` says of a project: file, line from 0, rule."""
    ran = subprocess.run(
        [*COMMAND[:2], COMMAND[2].replace("['lsp']", "['validate', '--format', 'json']")],
        cwd=edited,
        capture_output=True,
        text=True,
    )
    return sorted((d["file"], d["line"] - 1, d["rule"]) for d in json.loads(ran.stdout)["diagnostics"])


def accepted(text: Text, item: types.CompletionItem) -> str:
    """Return a text in which an item was accepted, as editors do that indent snippets where they are asked to."""
    edit = item.text_edit
    assert isinstance(edit, types.TextEdit)
    start, end, new = text.offset(edit.range.start), text.offset(edit.range.end), edit.new_text
    if item.insert_text_mode is types.InsertTextMode.AdjustIndentation:
        line = text.text[text.text.rfind("\n", 0, start) + 1 : start]
        new = new.replace("\n", "\n" + line[: len(line) - len(line.lstrip(" "))])
    if item.insert_text_format is types.InsertTextFormat.Snippet:
        new = re.sub(r"\$0|\\([\\$}])", r"\1", new)
    return text.text[:start] + new + text.text[end:]
