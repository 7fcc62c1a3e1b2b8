"""The language server as editors use it: a real process, spoken to as three of them do."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

from tests.conftest import LOCK, ROOT

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


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the examples and one spec more."""
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    shutil.copy(LOCK, tmp_path)
    (tmp_path / "sagespec.yaml").write_text((ROOT / "sagespec.yaml").read_text("utf-8"), "utf-8")
    (tmp_path / "specs" / "greeter.yaml").write_text(GREETER, "utf-8")
    return tmp_path


UNITS: dict[LanguageClient, str] = {}
"""What each client and its server agreed to count."""
WATCHED: dict[LanguageClient, list[str]] = {}
"""What each client was asked to watch."""


@pytest_lsp.fixture(params=EDITORS, config=ClientServerConfig(server_command=COMMAND))  # type: ignore[untyped-decorator]
async def client(lsp_client: LanguageClient, request: pytest.FixtureRequest, project: Path) -> AsyncIterator[None]:
    WATCHED[lsp_client] = []

    @lsp_client.feature(types.CLIENT_REGISTER_CAPABILITY)  # type: ignore[untyped-decorator]
    def register(params: types.RegistrationParams) -> None:
        WATCHED[lsp_client] += [one.method for one in params.registrations]

    params = types.InitializeParams(
        client_capabilities(request.param),
        root_uri=project.as_uri(),
        workspace_folders=[types.WorkspaceFolder(project.as_uri(), "project")],
    )
    answer = await lsp_client.initialize_session(params)
    UNITS[lsp_client] = answer.capabilities.position_encoding or "utf-16"
    yield
    await lsp_client.shutdown_session()


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


def validated(project: Path) -> list[tuple[Any, ...]]:
    """What `validate` says of a project: file, line from 0, rule."""
    ran = subprocess.run(
        [*COMMAND[:2], COMMAND[2].replace("['lsp']", "['validate', '--format', 'json']")],
        cwd=project,
        capture_output=True,
        text=True,
    )
    return sorted((d["file"], d["line"] - 1, d["rule"]) for d in json.loads(ran.stdout)["diagnostics"])


@pytest.mark.asyncio
async def test_a_mistake_is_marked_as_typed_and_cleared_when_mended(client: LanguageClient, project: Path) -> None:
    file = project / "specs" / "greeter.yaml"
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
async def test_other_yaml_has_no_diagnostics(client: LanguageClient, project: Path, tmp_path: Path) -> None:
    manifest, file = project / "deploy" / "pod.yaml", project / "specs" / "greeter.yaml"
    workflow = project / ".github" / "workflows" / "ci.yaml"
    opened(client, manifest, "apiVersion: v1\nkind: Pod\nmetadata: {name: greeter}\n")
    opened(client, workflow, "on: [push\n")
    opened(client, file, GREETER.replace("compute", "compote"))
    await said(client, file, bool)
    assert not {manifest.as_uri(), workflow.as_uri()} & {uri for uri, found in client.diagnostics.items() if found}


@pytest.mark.asyncio
async def test_files_that_others_change_are_checked_again(
    client: LanguageClient, project: Path, request: pytest.FixtureRequest
) -> None:
    can_watch = "neovim" not in request.node.name  # by default it watches nothing on Linux
    file, other = project / "specs" / "greeter.yaml", project / "specs" / "other.yaml"
    opened(client, file, GREETER.replace("compute", "compote"))
    await said(client, file, bool)
    assert WATCHED[client] == (["workspace/didChangeWatchedFiles"] if can_watch else [])
    other.write_text(GREETER, "utf-8")
    events = [types.FileEvent(other.as_uri(), types.FileChangeType.Created)]
    client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams(events))
    await said(client, other, lambda diagnostics: "duplicate-address" in {d.code for d in diagnostics})


@pytest.mark.asyncio
@pytest.mark.slow
async def test_a_session_of_1000_edits_ends_as_validate_says(client: LanguageClient, project: Path) -> None:
    file, chance = project / "specs" / "greeter.yaml", random.Random(0)
    opened(client, file, GREETER)
    for number in range(1000):
        start = chance.randrange(len(GREETER))
        broken = GREETER[:start] + chance.choice(["{", "\t", ": :", "- ", '"', "😀", "${", ""])
        text = broken + GREETER[start:] if chance.random() < 0.5 else broken
        typed(client, file, text if number % 2 else GREETER, number + 2)
    wrong = GREETER.replace("instance_count", "instance_cuont").replace("training_image", "training_imege")
    typed(client, file, wrong, 2000)
    file.write_text(wrong, "utf-8")
    expected = [(line, rule) for name, line, rule in validated(project) if name.endswith("greeter.yaml")]
    assert expected
    await said(client, file, lambda found: sorted((d.range.start.line, str(d.code)) for d in found) == expected)
    assert not client.log_messages, client.log_messages


def test_without_its_extra_the_command_says_what_to_install() -> None:
    hidden = COMMAND[2].replace("import sys;", "import sys; sys.modules['pygls'] = None;", 1)
    ran = subprocess.run(
        [*COMMAND[:2], hidden.replace("; main()", "; sys.exit(main())")], capture_output=True, text=True
    )
    assert ran.returncode == 2, ran.stderr
    assert "pip install 'sagespec[lsp]'" in ran.stderr
    assert "Traceback" not in ran.stderr
