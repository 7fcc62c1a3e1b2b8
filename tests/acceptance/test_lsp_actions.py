"""Code actions, through the real process, as three editors ask for them and apply them."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types
from pytest_lsp import LanguageClient

from tests.language_clients import GREETER, applied, document, opened, said, typed

WHOLE = types.Range(types.Position(0, 0), types.Position(1000, 0))


async def offered(
    client: LanguageClient,
    file: Path,
    where: types.Range,
    diagnostics: list[types.Diagnostic],
    only: list[types.CodeActionKind] | None = None,
) -> list[types.CodeAction]:
    context = types.CodeActionContext(diagnostics, only)
    params = types.CodeActionParams(document(file), where, context)
    answered = await client.text_document_code_action_async(params)
    actions = [one for one in answered or () if isinstance(one, types.CodeAction)]
    assert len(actions) == len(answered or ())
    return actions


def mended(client: LanguageClient, file: Path, text: str, edit: types.WorkspaceEdit | None) -> str:
    """Apply an edit to a file; where an editor can tell versions apart, the edit says of which it is."""
    for change in (edit.document_changes if edit else None) or ():
        assert isinstance(change, types.TextDocumentEdit)
        assert change.text_document.version is not None
    return applied(client, edit, {file: text})[file]


@pytest.mark.asyncio
async def test_a_misspelt_field_is_mended_by_the_preferred_fix(client: LanguageClient, edited: Path) -> None:
    file = edited / "specs" / "greeter.yaml"
    right = GREETER.replace("{instance_type", "{'instance_type'").replace("kind:", "# 😀\nkind:")
    wrong = right.replace("{'instance_type'", "{'instance_typ'")
    opened(client, file, wrong)
    found = [d for d in await said(client, file, bool) if d.code == "unknown-key"]
    (fix,) = await offered(client, file, found[0].range, found)
    assert fix.kind == types.CodeActionKind.QuickFix
    assert fix.is_preferred
    assert [one.code for one in fix.diagnostics or ()] == ["unknown-key"]
    assert mended(client, file, wrong, fix.edit) == right
    typed(client, file, right)
    await said(client, file, lambda diagnostics: not diagnostics)


@pytest.mark.asyncio
async def test_each_of_several_meanings_is_offered_and_none_preferred(client: LanguageClient, edited: Path) -> None:
    file = edited / "specs" / "greeter.yaml"
    wrong = GREETER.replace("ModelTrainer", "PPOTrainer")
    opened(client, file, wrong)
    found = await said(client, file, bool)
    fixes = await offered(client, file, found[0].range, found)
    assert len(fixes) > 1
    assert not any(fix.is_preferred for fix in fixes)
    assert {fix.title for fix in fixes} >= {"Write MultiTurnRLTrainer", "Write RLVRTrainer"}


@pytest.mark.asyncio
async def test_all_is_mended_at_once(client: LanguageClient, edited: Path) -> None:
    file = edited / "specs" / "greeter.yaml"
    wrong = GREETER.replace("instance_count", "instance_cuont").replace("training_image", "training_imege")
    opened(client, file, wrong)
    found = await said(client, file, lambda diagnostics: len(diagnostics) > 1)
    (every,) = await offered(client, file, WHOLE, found, [types.CodeActionKind.SourceFixAll])
    assert every.kind == types.CodeActionKind.SourceFixAll
    assert mended(client, file, wrong, every.edit) == GREETER


@pytest.mark.asyncio
async def test_a_value_within_braces_is_quoted(client: LanguageClient, edited: Path) -> None:
    file = edited / "specs" / "greeter.yaml"
    wrong = GREETER.replace("instance_count: 1", "instance_count: ${count}")
    opened(client, file, wrong)
    found = [d for d in await said(client, file, bool) if d.code == "syntax"]
    (fix,) = await offered(client, file, found[0].range, found)
    assert mended(client, file, wrong, fix.edit) == wrong.replace("${count}", '"${count}"')


@pytest.mark.asyncio
async def test_nothing_is_offered_where_nothing_is_wrong(client: LanguageClient, edited: Path) -> None:
    file, other = edited / "specs" / "greeter.yaml", edited / "deploy.yaml"
    opened(client, file, GREETER)
    opened(client, other, "on: push\n")
    assert await offered(client, file, WHOLE, []) == []
    assert await offered(client, other, WHOLE, []) == []
    assert not client.log_messages, client.log_messages
