"""Completion, as three editors ask for it: fields, values, refs, in documents that cannot be read."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pytest_lsp import LanguageClient
from sagespec.server.positions import Text

from tests.language_clients import GREETER, UNITS, accepted, document, neovim, opened, said, typed


async def asked(client: LanguageClient, file: Path, marked: str, version: int) -> tuple[Text, types.CompletionList]:
    """Type a text, and ask for what completes it where it has `|`."""
    offset, text = marked.index("|"), marked.replace("|", "", 1)
    typed(client, file, text, version)
    where = Text(file.name, text, UNITS[client])
    params = types.CompletionParams(document(file), where.position(offset))
    answer = await client.text_document_completion_async(params)
    assert isinstance(answer, types.CompletionList)
    return where, answer


def named(answer: types.CompletionList, label: str) -> types.CompletionItem:
    return next(item for item in answer.items if item.label == label)


def can(client: LanguageClient) -> Any:
    assert client.capabilities is not None
    assert client.capabilities.text_document is not None
    assert client.capabilities.text_document.completion is not None
    return client.capabilities.text_document.completion.completion_item


@pytest.mark.asyncio
async def test_fields_values_and_refs_are_offered_and_accepted(client: LanguageClient, edited: Path) -> None:
    file = edited / "specs" / "greeter.yaml"
    opened(client, file, GREETER)
    steps = [
        (GREETER.replace("kind: ModelTrainer", "kind: |"), "ModelTrainer", GREETER),
        (GREETER.replace("role: ", "ro| "), "role", GREETER.replace("role: ", "role:  ")),
        (GREETER.replace("role: SageMakerRole", "role:|"), "SageMakerRole", GREETER),
        (GREETER.replace("instance_type: ml.m5.large", "'😀': 1, instance_type: |"), "ml.p4d.24xlarge", None),
        (
            GREETER + "  distributed: |",
            "{ref: Torchrun/two-a-node}",
            GREETER + "  distributed: {ref: Torchrun/two-a-node}",
        ),
        (GREETER + "  source_code: {source_dir: |", "training", GREETER + "  source_code: {source_dir: training"),
        (GREETER.replace("image:1", "image:${|"), "spec.run", GREETER.replace("image:1", "image:${spec.run}")),
        (GREETER + "  networking: [1\n  stop|", "stopping_condition", None),
    ]
    for number, (marked, label, expected) in enumerate(steps):
        where, answer = await asked(client, file, marked, number + 2)
        new = accepted(where, named(answer, label))
        assert label in new
        assert expected in (None, new)
    both = GREETER + "  distributed: {ref: Torchrun/two-a-node}\n  source_code: {source_dir: training, |}\n"
    where, answer = await asked(client, file, both, 20)
    where, answer = await asked(
        client, file, accepted(where, named(answer, "entry_script")).replace(": }", ": |}"), 21
    )
    typed(client, file, accepted(where, named(answer, "train.py")), 22)
    await said(client, file, lambda found: not found)
    assert not client.log_messages, client.log_messages


@pytest.mark.asyncio
async def test_each_editor_gets_what_it_can_show_and_insert(client: LanguageClient, edited: Path) -> None:
    file = edited / "specs" / "greeter.yaml"
    opened(client, file, GREETER)
    where, answer = await asked(client, file, GREETER + "  |\n", 2)
    item = named(answer, "stopping_condition")
    able = can(client)
    modes = able.insert_text_mode_support.value_set if able.insert_text_mode_support else ()
    breaks = able.snippet_support and types.InsertTextMode.AdjustIndentation in modes
    assert (item.insert_text_format is types.InsertTextFormat.Snippet) == breaks
    expected = "  stopping_condition:\n    \n" if breaks else "  stopping_condition:\n"
    assert accepted(where, item) == GREETER + expected
    reads_markdown = types.MarkupKind.Markdown in (able.documentation_format or ())
    about = item.documentation
    assert "When to stop." in (about.value if isinstance(about, types.MarkupContent) else str(about))
    assert reads_markdown == (isinstance(about, types.MarkupContent) and about.kind is types.MarkupKind.Markdown)


@pytest.mark.asyncio
async def test_the_project_file_is_completed_and_other_yaml_is_not(client: LanguageClient, edited: Path) -> None:
    file, other = edited / "sagespec.yaml", edited / "deploy" / "pod.yaml"
    text = file.read_text("utf-8")
    opened(client, file, text)
    opened(client, other, "")
    await said(client, file, lambda found: not found)
    where, answer = await asked(client, file, text.replace("  tags:", "  co|: {}\n  tags:"), 2)
    new = accepted(where, named(answer, "compute"))
    assert "  compute: {}\n" in new
    typed(client, file, new, 3)
    await said(client, file, lambda found: not found)
    assert not (await asked(client, other, "apiVersion: v1\nkind: Pod\n|", 2))[1].items


TYPING = """
vim.o.completeopt = "menu,menuone,noinsert"
vim.api.nvim_create_autocmd("LspAttach", { callback = function(args)
  vim.lsp.completion.enable(true, args.data.client_id, args.buf)
end })
vim.lsp.config("sagespec", { cmd = { SAGESPEC, "lsp" }, filetypes = { "yaml" }, root_markers = { "sagespec.yaml" } })
vim.lsp.enable("sagespec")
vim.cmd("edit specs/greeter.yaml | set filetype=yaml")
local typed, step = { "Godistributed: Torch", "oro", "A${spec.n", "ocomp" }, 0
local function feed(keys)
  vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes(keys, true, false, true), "t", false)
end
local function go_on()
  step = step + 1
  if step > #typed then
    io.stdout:write(table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\\n"))
    vim.cmd("qall!")
  else
    feed("<Esc>" .. typed[step] .. "<C-x><C-o>")
  end
end
vim.api.nvim_create_autocmd("CompleteChanged", { callback = function() feed("<C-y>") end })
vim.api.nvim_create_autocmd("CompleteDone", { callback = function()
  if vim.v.completed_item.word then vim.schedule(go_on) end
end })
vim.wait(60000, function()
  local client = vim.lsp.get_clients({ bufnr = 0 })[1]
  return client and client.initialized
end)
go_on()
"""


@pytest.mark.slow
def test_neovim_inserts_what_is_chosen(edited: Path, language_server: Path) -> None:
    """Neovim itself, without a screen: of each menu the first item is taken."""
    top = GREETER.partition("  role:")[0]
    (edited / "specs" / "greeter.yaml").write_text(top, "utf-8")
    (edited / "typing.lua").write_text(TYPING.replace("SAGESPEC", f"[[{language_server}]]"), "utf-8")
    ran = subprocess.run(
        [neovim(), "--clean", "--headless", "-S", "typing.lua"],
        cwd=edited,
        env={**os.environ, "HOME": str(edited), "XDG_STATE_HOME": str(edited / "state")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    ref = "  distributed: {ref: Torchrun/two-a-node}\n"
    assert ran.stdout == f"{top}{ref}  role: ${{spec.name}}\n  compute:", ran.stderr
