"""Definitions, references, renaming and symbols through the real process, as three editors ask for them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import LanguageClient
from sagespec.server.positions import Text

from tests.language_clients import GREETER, UNITS, applied, document, opened, said, typed, validated

CONFIG = "apiVersion: sagespec/v1\nkind: Torchrun\nmetadata: {name: '%s'}\nspec: {process_count_per_node: 2}\n"
USING = GREETER.replace(
    "  role:",
    '  environment: {"😀": "😀", WHERE: "${bucket}"}\n  distributed: {"😀😀": 1, ref: Torchrun/pair}\n  role:',
).replace('"😀😀": 1, ', "")


def text_of(client: LanguageClient, file: Path, text: str) -> Text:
    return Text(file.name, text, UNITS[client])


def here(
    client: LanguageClient, file: Path, text: str, word: str
) -> tuple[types.TextDocumentIdentifier, types.Position]:
    """Point at the first character of a word."""
    return document(file), text_of(client, file, text).position(text.index(word))


def shown(client: LanguageClient, file: Path, text: str, where: types.Range) -> str:
    read = text_of(client, file, text)
    return text[read.offset(where.start) : read.offset(where.end)]


@pytest.fixture
def config(edited: Path) -> Path:
    file = edited / "specs" / "pair.yaml"
    file.write_text(CONFIG % "pair", "utf-8")
    (edited / "specs" / "greeter.yaml").write_text(USING, "utf-8")
    return file


@pytest.mark.asyncio
async def test_refs_and_values_lead_to_their_definitions(client: LanguageClient, edited: Path, config: Path) -> None:
    file, project = edited / "specs" / "greeter.yaml", edited / "sagespec.yaml"
    opened(client, file, USING)
    for word, target, name in (("run/pair", config, "pair"), ("bucket}", project, "bucket")):
        found = await client.text_document_definition_async(types.DefinitionParams(*here(client, file, USING, word)))
        assert isinstance(found, list)
        (one,) = found
        assert isinstance(one, types.LocationLink)
        assert one.target_uri == target.as_uri()
        assert shown(client, target, target.read_text("utf-8"), one.target_selection_range) == name
    nothing = await client.text_document_definition_async(
        types.DefinitionParams(*here(client, file, USING, "image:1"))
    )
    assert not nothing


@pytest.mark.asyncio
async def test_references_and_highlights_are_those_of_the_text_as_typed(
    client: LanguageClient, edited: Path, config: Path
) -> None:
    file = edited / "specs" / "greeter.yaml"
    opened(client, file, GREETER)
    typed(client, file, USING)
    opened(client, config, CONFIG % "pair")
    for declared in (False, True):
        context = types.ReferenceContext(declared)
        params = types.ReferenceParams(context, *here(client, config, CONFIG % "pair", "pair"))
        found = await client.text_document_references_async(params)
        assert {one.uri for one in found or ()} == {file.as_uri(), *([config.as_uri()] if declared else [])}
        (use,) = [one for one in found or () if one.uri == file.as_uri()]
        assert shown(client, file, USING, use.range) == "pair"
    marked = await client.text_document_document_highlight_async(
        types.DocumentHighlightParams(*here(client, file, USING, "pair"))
    )
    assert [shown(client, file, USING, one.range) for one in marked or ()] == ["pair"]


@pytest.mark.asyncio
async def test_a_renamed_spec_is_renamed_in_open_and_closed_files(
    client: LanguageClient, edited: Path, config: Path
) -> None:
    file = edited / "specs" / "greeter.yaml"
    before = validated(edited)
    opened(client, file, USING)
    place = here(client, file, USING, "run/pair")
    await client.text_document_definition_async(types.DefinitionParams(*place))
    unheard = edited / "specs" / "unheard.yaml"  # made by another program, of which not every editor tells
    another = USING.replace("greeter", "waver")
    unheard.write_text(another, "utf-8")
    edit = await client.text_document_rename_async(types.RenameParams(*place, "twins"))
    assert edit is not None
    become = applied(client, edit, {file: USING, config: CONFIG % "pair", unheard: another})
    assert become == {
        file: USING.replace("pair", "twins"),
        config: CONFIG % "twins",
        unheard: another.replace("pair", "twins"),
    }
    versions = {
        one.text_document.uri: one.text_document.version
        for one in edit.document_changes or ()
        if isinstance(one, types.TextDocumentEdit)
    }
    assert versions in ({}, {file.as_uri(): 1, config.as_uri(): None, unheard.as_uri(): None})
    for path, text in become.items():
        path.write_text(text, "utf-8")
    unheard.unlink()
    assert validated(edited) == before


@pytest.mark.asyncio
async def test_a_rename_that_starts_a_run_says_so(
    client: LanguageClient, edited: Path, config: Path, request: pytest.FixtureRequest
) -> None:
    file = edited / "specs" / "greeter.yaml"
    opened(client, file, USING)
    edit = await client.text_document_rename_async(types.RenameParams(*here(client, file, USING, "greeter"), "waver"))
    assert edit is not None
    asked = [str(note.description) for note in (edit.change_annotations or {}).values()]
    told = [message.message for message in client.messages]
    expected, other = (asked, told) if "visual_studio_code" in request.node.name else (told, asked)
    assert expected == ["the next apply starts anew: ModelTrainer/waver"]
    assert not other


@pytest.mark.asyncio
async def test_a_rename_of_text_that_changes_meanwhile_is_none_of_the_new_text(
    client: LanguageClient, edited: Path, config: Path
) -> None:
    file, other = edited / "specs" / "greeter.yaml", CONFIG % "twins"
    opened(client, config, other + "---\n" + CONFIG % "pair")
    opened(client, file, USING)
    params = types.RenameParams(*here(client, config, other, "twins"), "third")
    asked = asyncio.ensure_future(client.text_document_rename_async(params))
    await client.text_document_document_symbol_async(types.DocumentSymbolParams(document(config)))
    typed(client, config, CONFIG % "pair" + "---\n" + other)
    [answer] = await asyncio.gather(asked, return_exceptions=True)
    if isinstance(answer, JsonRpcException):
        assert answer.code == types.LSPErrorCodes.ContentModified
    else:  # it was answered before
        assert isinstance(answer, types.WorkspaceEdit)
        versions = [one.text_document.version for one in answer.document_changes or ()]  # type: ignore[union-attr]
        assert versions in ([], [1])


@pytest.mark.asyncio
async def test_what_cannot_be_renamed_is_answered_with_the_reason(
    client: LanguageClient, edited: Path, config: Path
) -> None:
    file = edited / "specs" / "greeter.yaml"
    broken = (CONFIG % "pair") + "---\n{ Torchrun/pair"
    opened(client, file, USING)
    opened(client, config, broken)
    await said(client, config, bool)
    with pytest.raises(JsonRpcException, match=r"pair\.yaml"):
        await client.text_document_rename_async(types.RenameParams(*here(client, file, USING, "run/pair"), "twins"))
    typed(client, config, CONFIG % "pair")
    with pytest.raises(JsonRpcException, match="letters, digits and inner dashes"):
        await client.text_document_rename_async(types.RenameParams(*here(client, file, USING, "run/pair"), "a b"))
    found = await client.text_document_prepare_rename_async(
        types.PrepareRenameParams(*here(client, file, USING, "run/pair"))
    )
    assert isinstance(found, types.PrepareRenamePlaceholder)
    assert shown(client, file, USING, found.range) == found.placeholder == "pair"
    assert not client.log_messages, client.log_messages


@pytest.mark.asyncio
async def test_outline_links_and_search(client: LanguageClient, edited: Path, config: Path) -> None:
    file = edited / "specs" / "model-trainer.yaml"
    text = file.read_text("utf-8")
    opened(client, file, text)
    outline = await client.text_document_document_symbol_async(types.DocumentSymbolParams(document(file)))
    (one,) = outline or ()
    assert isinstance(one, types.DocumentSymbol)
    assert one.name == "ModelTrainer/line"
    assert "compute" in {child.name for child in one.children or ()}
    links = await client.text_document_document_link_async(types.DocumentLinkParams(document(file)))
    assert [link.target for link in links or ()] == [(edited / "specs" / "training" / "train.py").as_uri()]
    found = await client.workspace_symbol_async(types.WorkspaceSymbolParams("run/pair"))
    assert [(symbol.name, symbol.location.uri) for symbol in found or ()] == [("Torchrun/pair", config.as_uri())]
