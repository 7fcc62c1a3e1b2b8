"""Hover, through the real process, as three editors ask for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types
from pytest_lsp import LanguageClient

from tests.language_clients import GREETER, document, opened, said, typed


async def hovered(client: LanguageClient, file: Path, text: str, word: str) -> types.Hover | None:
    """Point at the first character of a word; all characters before it in its line are ASCII."""
    before = text[: text.index(word)]
    position = types.Position(before.count("\n"), len(before.rpartition("\n")[2]))
    params = types.HoverParams(document(file), position)
    return await client.text_document_hover_async(params)


def content(found: types.Hover | None) -> types.MarkupContent:
    assert found is not None
    assert isinstance(found.contents, types.MarkupContent)
    return found.contents


@pytest.mark.asyncio
async def test_a_field_is_explained_with_what_becomes_of_it(client: LanguageClient, edited: Path) -> None:
    file = edited / "specs" / "greeter.yaml"
    opened(client, file, GREETER)
    role = content(await hovered(client, file, GREETER, "SageMakerRole"))
    assert role.kind == types.MarkupKind.Markdown
    assert "changing it starts a new run" in role.value
    assert "arn:aws:iam::123456789012:role/SageMakerRole" in role.value
    count = await hovered(client, file, GREETER, "instance_count")
    assert "compute.instance" in content(count).value
    assert count is not None
    assert count.range == types.Range(types.Position(6, 40), types.Position(6, 54))


@pytest.mark.asyncio
async def test_the_name_of_a_spec_tells_its_address_and_identity(client: LanguageClient, edited: Path) -> None:
    file = edited / "specs" / "greeter.yaml"
    opened(client, file, "\ufeff" + GREETER.replace("\n", "\r\n"))
    shown = content(await hovered(client, file, GREETER, "greeter}"))
    for expected in (
        "`ModelTrainer/greeter`",
        "`examples-greeter`",
        "`compiled/ModelTrainer/greeter.json`",
        "Identity",
    ):
        assert expected in shown.value


@pytest.mark.asyncio
async def test_the_project_file_is_explained_too(client: LanguageClient, edited: Path) -> None:
    file = edited / "sagespec.yaml"
    text = file.read_text("utf-8")
    opened(client, file, text)
    assert "`defaults.region`" in content(await hovered(client, file, text, "region")).value


@pytest.mark.asyncio
async def test_what_is_typed_is_what_is_shown(client: LanguageClient, edited: Path) -> None:
    file = edited / "specs" / "greeter.yaml"
    opened(client, file, GREETER)
    changed = GREETER.replace("metadata: {name: greeter}", "metadata: {name: host}").replace(
        "role: SageMakerRole", ""
    )
    typed(client, file, changed)
    assert "`ModelTrainer/host`" in content(await hovered(client, file, changed, "host")).value


@pytest.mark.asyncio
async def test_nothing_is_shown_of_what_means_nothing(client: LanguageClient, edited: Path) -> None:
    file, other = edited / "specs" / "greeter.yaml", edited / "deploy.yaml"
    opened(client, file, GREETER + "# comment\n")
    assert await hovered(client, file, GREETER + "# comment\n", "comment") is None
    opened(client, other, "on: push\n")
    assert await hovered(client, other, "on: push\n", "push") is None
    broken = GREETER + "  training_input_mode: [\n"
    typed(client, file, broken)
    await said(client, file, bool)
    assert content(await hovered(client, file, broken, "training_image")).value
    assert not client.log_messages, client.log_messages
