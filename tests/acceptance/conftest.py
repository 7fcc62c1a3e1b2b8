"""What the tests of the language server share: a project that is open in three editors."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

from tests.conftest import LOCK, ROOT
from tests.language_clients import COMMAND, EDITORS, GREETER, REFRESHED, UNITS, WATCHED


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """A project with the examples and one spec more, for an editor to open."""
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    shutil.copy(LOCK, tmp_path)
    (tmp_path / "sagespec.yaml").write_text((ROOT / "sagespec.yaml").read_text("utf-8"), "utf-8")
    (tmp_path / "specs" / "greeter.yaml").write_text(GREETER, "utf-8")
    return tmp_path


@pytest_lsp.fixture(params=EDITORS, config=ClientServerConfig(server_command=COMMAND))  # type: ignore[untyped-decorator]
async def client(lsp_client: LanguageClient, request: pytest.FixtureRequest, edited: Path) -> AsyncIterator[None]:
    """A server that an editor has started for `edited`."""
    WATCHED[lsp_client], REFRESHED[lsp_client] = [], 0

    @lsp_client.feature(types.CLIENT_REGISTER_CAPABILITY)  # type: ignore[untyped-decorator]
    def register(params: types.RegistrationParams) -> None:
        WATCHED[lsp_client] += [one.method for one in params.registrations]

    @lsp_client.feature(types.WORKSPACE_CODE_LENS_REFRESH)  # type: ignore[untyped-decorator]
    def refresh(_: None) -> None:
        REFRESHED[lsp_client] += 1

    params = types.InitializeParams(
        client_capabilities(request.param),
        root_uri=edited.as_uri(),
        workspace_folders=[types.WorkspaceFolder(edited.as_uri(), "project")],
    )
    answer = await lsp_client.initialize_session(params)
    UNITS[lsp_client] = answer.capabilities.position_encoding or "utf-16"
    yield
    await lsp_client.shutdown_session()
