"""The set-up of editors in the documentation: in Neovim itself, without a screen; of others as far as can be told."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sagespec.project import editor_settings

from tests.acceptance.test_commits import git
from tests.conftest import ROOT
from tests.language_clients import neovim

PAGE = ROOT / "docs" / "guides" / "language-server.md"
GRAPH = "specs/graph.yaml"
SCRIPT = r"""
local found = {}

local function ask(method, params)
  local answers = vim.lsp.buf_request_sync(0, method, params, 60000)
  for _, answer in pairs(answers or {}) do
    assert(not answer.error, vim.inspect(answer.error))
    return answer.result
  end
end

local function at(text)
  local client = vim.lsp.get_clients({ name = "sagespec" })[1]
  local line, column = unpack(vim.fn.searchpos("\\V" .. text, "cw"))
  assert(line > 0, text)
  vim.api.nvim_win_set_cursor(0, { line, column - 1 })
  return vim.lsp.util.make_position_params(0, client.offset_encoding)
end

vim.wait(60000, function() return #vim.diagnostic.get(0) > 0 end)
found.diagnostics = vim.tbl_map(function(d) return { d.lnum, d.code } end, vim.diagnostic.get(0))
local items = ask("textDocument/completion", at("group_sise"))
found.completion = vim.tbl_map(function(item) return item.label end, items.items or items)
found.hover = ask("textDocument/hover", at("s3_output_path")).contents
found.definition = ask("textDocument/definition", at("CustomAgentLambda/calculator"))
found.lenses = vim.tbl_map(
  function(one) return one.command.title end,
  ask("textDocument/codeLens", { textDocument = vim.lsp.util.make_text_document_params(0) })
)
vim.wait(60000, function() return #vim.lsp.codelens.get(0) > 0 end)
found.drawn = #vim.lsp.codelens.get(0)
at("CustomAgentLambda/calculator")
vim.lsp.buf.rename("summing")
local function text() return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n") end
vim.wait(60000, function() return text():find("CustomAgentLambda/summing", 1, true) ~= nil end)
found.renamed = text()
vim.cmd("silent wall")
io.stdout:write(vim.json.encode(found))
"""


def block(editor: str) -> str:
    """The settings of an editor in the documentation."""
    section = re.split(r"\n##+ ", PAGE.read_text("utf-8").partition(f"### {editor}\n")[2])[0]
    (found,) = re.findall(r"(?:^    .*\n|^\n(?=    ))+", section + "\n", re.MULTILINE)
    return "\n".join(line[4:] for line in str(found).strip("\n").splitlines()) + "\n"


@pytest.fixture
def shown(edited: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Neovim shows of an example with a mistake, and its files after a rename."""
    monkeypatch.chdir(edited)
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    graph = edited / GRAPH
    graph.write_text(graph.read_text("utf-8").replace("group_size: 4", "group_sise: 4"), "utf-8")
    home = tmp_path_factory.mktemp("home")
    (home / "init.lua").write_text(block("Neovim"), "utf-8")
    (home / "show.lua").write_text(SCRIPT, "utf-8")
    program = home / "bin" / "sagespec"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT / "compiler"} exec {sys.executable} -m sagespec "$@"\n', "utf-8")
    program.chmod(0o755)
    own = {"HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "XDG_CONFIG_HOME": str(home / "config")}
    paths = os.pathsep.join((str(program.parent), os.environ["PATH"]))
    commands = ("-c", f"luafile {home / 'show.lua'}", "-c", "qall!")
    said = subprocess.run(
        [neovim(), "--clean", "--headless", "-u", str(home / "init.lua"), GRAPH, *commands],
        cwd=edited,
        env={**os.environ, **own, "PATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert said.stdout.startswith("{"), said.stdout + said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    return found


@pytest.mark.slow
def test_neovim_shows_what_the_server_says(shown: dict[str, Any], edited: Path) -> None:
    lines = (edited / GRAPH).read_text("utf-8").splitlines()
    (number,) = (number for number, line in enumerate(lines) if "group_sise" in line)
    assert [number, "unknown-hyperparameter"] in shown["diagnostics"], shown["diagnostics"]
    assert "group_size" in shown["completion"]
    assert "s3_output_path" in shown["hover"]["value"]
    (there,) = shown["definition"]
    assert (there.get("targetUri") or there["uri"]) == (edited / "specs/custom-agent-lambda.yaml").as_uri()
    assert len(shown["lenses"]) == shown["drawn"] == len([line for line in lines if line.startswith("kind: ")])
    assert shown["lenses"][0] == "! does not compile"
    assert "CustomAgentLambda/summing" in shown["renamed"]
    assert "name: summing" in (edited / "specs/custom-agent-lambda.yaml").read_text("utf-8")
    assert "CustomAgentLambda/summing" in (edited / GRAPH).read_text("utf-8")


def test_init_starts_the_server_as_the_documentation_does() -> None:
    (helix,) = editor_settings.files("helix", ["specs"], server=True)
    assert block("Helix").strip() in helix.text
    (neovim,) = editor_settings.files("neovim", ["specs"], server=True)
    for name in ("cmd", "filetypes"):
        (line,) = (line for line in block("Neovim").splitlines() if line.startswith(f"  {name} ="))
        assert line in neovim.text.splitlines()
    settings = json.loads("{" + block("VS Code") + "}")
    assert settings["glspc.server.command"] == "sagespec"
    assert settings["glspc.server.commandArguments"] == ["lsp"]
    assert '("sagespec" "lsp")' in block("Emacs")
