"""What the tests of the language server share: a project that is open in three editors."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from lsprotocol import types
from pytest_lsp import LanguageClient

from tests import language_server_at_once
from tests.conftest import ROOT, copy_examples
from tests.language_clients import EDITORS, GREETER, REFRESHED, UNITS, WATCHED, capabilities, new_client


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """A project with the examples and one spec more, for an editor to open."""
    copy_examples(tmp_path)
    shutil.copy(ROOT / "sagespec.yaml", tmp_path)
    (tmp_path / "specs" / "greeter.yaml").write_text(GREETER, "utf-8")
    return tmp_path


@pytest.fixture(scope="session")
def language_server() -> Iterator[Path]:
    """The program `sagespec`, whose `lsp` is a fork of a process that has imported the server."""
    with language_server_at_once.ready() as program:
        yield program


@pytest_asyncio.fixture(params=EDITORS)
async def client(
    request: pytest.FixtureRequest, language_server: Path, edited: Path
) -> AsyncIterator[LanguageClient]:
    """An editor that has started a server for `edited`."""
    editor = new_client()
    WATCHED[editor], REFRESHED[editor] = [], 0

    @editor.feature(types.CLIENT_REGISTER_CAPABILITY)  # type: ignore[untyped-decorator]
    def register(params: types.RegistrationParams) -> None:
        WATCHED[editor] += [one.method for one in params.registrations]

    @editor.feature(types.WORKSPACE_CODE_LENS_REFRESH)  # type: ignore[untyped-decorator]
    def refresh(_: None) -> None:
        REFRESHED[editor] += 1

    await editor.start_io(str(language_server), "lsp")
    params = types.InitializeParams(
        capabilities(request.param),
        root_uri=edited.as_uri(),
        workspace_folders=[types.WorkspaceFolder(edited.as_uri(), "project")],
    )
    answer = await editor.initialize_session(params)
    UNITS[editor] = answer.capabilities.position_encoding or "utf-16"
    yield editor
    await editor.shutdown_session()
    await editor.stop()  # type: ignore[no-untyped-call]
