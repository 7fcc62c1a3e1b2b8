"""Make the settings of editors for a project, and merge them with what people have written.

In: the name of an editor and the project's folders of specs. Out: files by path relative to the project, which
associate the schemas and start the language server. Refuses to change files that it cannot merge with certainty:
JSON with comments, other values of the same keys, and files that are not JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagespec.checking import editor_schema
from sagespec.project import schema_files
from sagespec.project import settings as project_settings
from sagespec.reading import source, strict_json

SCHEMA = f"{schema_files.FOLDER}/{editor_schema.ANY}.json"

_PLAIN = " ./_-*+=,:;@()"
"""Characters besides letters and digits that mean themselves in a string of TOML or Lua."""


class Unmergeable(ValueError):
    """A file that people have written, with which the settings cannot be merged."""


@dataclass(frozen=True)
class File:
    """A settings file: its path relative to the project, and its text where there is none yet.

    `members` are the settings of a JSON file, which can be merged with others.
    """

    path: str
    text: str
    members: Mapping[str, Any] | None = None

    def merged(self, given: str) -> str:
        """Return the text of an existing file with the settings added; raises Unmergeable."""
        if self.text.strip() in given:
            return given
        if self.members is None:
            raise Unmergeable("it is there already")
        try:
            found = json.loads(given, object_pairs_hook=strict_json.once, parse_constant=strict_json.no_number)
        except (ValueError, RecursionError):
            raise Unmergeable("it is not plain JSON; comments would be lost") from None
        if not isinstance(found, dict):
            raise Unmergeable("it is not a JSON object")
        merged = _added(found, self.members, "")
        return given if merged == found else _json(merged, _indent(given))


def files(editor: str, specs: Sequence[str], *, server: bool) -> list[File]:
    """Return the files of an editor; `server` says whether `sagespec lsp` is there to be started."""
    return EDITORS[editor](globs(specs), server)


def globs(specs: Sequence[str]) -> list[str]:
    """Return patterns of all spec files and of the project file, relative to the project."""
    found = []
    for name in specs:
        folder = name.removeprefix("./").strip("/")
        if source.is_spec(folder):
            found.append(folder)
        else:
            found += [f"{folder}/**/*.{ending}".removeprefix("./") for ending in ("yaml", "yml")]
    return [*found, project_settings.FILE]


def _vscode(patterns: list[str], _server: bool) -> list[File]:
    settings = {"yaml.schemas": {SCHEMA: patterns}}
    return [
        _of_json(".vscode/settings.json", settings),
        _of_json(".vscode/extensions.json", {"recommendations": ["redhat.vscode-yaml"]}),
    ]


def _zed(patterns: list[str], _server: bool) -> list[File]:
    yaml = {"schemas": {f"./{SCHEMA}": patterns}}
    return [_of_json(".zed/settings.json", {"lsp": {"yaml-language-server": {"settings": {"yaml": yaml}}}})]


def _helix(patterns: list[str], server: bool) -> list[File]:
    given = ", ".join(_quoted(pattern, lambda c: f"\\U{ord(c):08x}") for pattern in patterns)
    lines = ["[language-server.yaml-language-server.config.yaml.schemas]", f'"{SCHEMA}" = [{given}]']
    if server:
        lines += ["", "[language-server.sagespec]", 'command = "sagespec"', 'args = ["lsp"]']
        lines += ["", "[[language]]", 'name = "yaml"', 'language-servers = ["yaml-language-server", "sagespec"]']
    return [File(".helix/languages.toml", "\n".join(lines) + "\n")]


def _neovim(patterns: list[str], server: bool) -> list[File]:
    given = ", ".join(
        _quoted(pattern, lambda c: "".join(f"\\{byte:03d}" for byte in c.encode())) for pattern in patterns
    )
    markers = f'root_markers = {{ "{project_settings.FILE}", ".sagespec" }}'
    lines = [
        'vim.lsp.config("yamlls", {',
        '  cmd = { "yaml-language-server", "--stdio" },',
        '  filetypes = { "yaml" },',
        f"  {markers},",
        f'  settings = {{ yaml = {{ schemas = {{ ["{SCHEMA}"] = {{ {given} }} }} }} }},',
        "})",
        'vim.lsp.enable("yamlls")',
    ]
    if server:
        lines += [
            'vim.lsp.config("sagespec", {',
            '  cmd = { "sagespec", "lsp" },',
            '  filetypes = { "yaml", "json" },',
            f"  {markers},",
            "})",
            'vim.lsp.enable("sagespec")',
        ]
    return [File(".nvim.lua", "\n".join(lines) + "\n")]


def _quoted(text: str, escaped: Callable[[str], str]) -> str:
    """Write a string of TOML or Lua, with escapes for characters that may mean something in one."""
    return '"' + "".join(c if c.isalnum() or c in _PLAIN else escaped(c) for c in text) + '"'


EDITORS: dict[str, Callable[[list[str], bool], list[File]]] = {
    "helix": _helix,
    "neovim": _neovim,
    "vscode": _vscode,
    "zed": _zed,
}


def _of_json(path: str, members: Mapping[str, Any]) -> File:
    return File(path, _json(members, "  "), members)


def _json(members: Mapping[str, Any], indent: str) -> str:
    return json.dumps(members, indent=indent, ensure_ascii=False) + "\n"


def _indent(text: str) -> str:
    """Return the indentation of the first member of a JSON text."""
    lines = [line for line in text.splitlines() if line.strip().startswith('"')]
    first = lines[0] if lines else ""
    return first[: len(first) - len(first.lstrip())] or "  "


def _added(found: Mapping[str, Any], more: Mapping[str, Any], within: str) -> dict[str, Any]:
    """Add members to an object: to objects in it and to lists; other values that differ are refused."""
    merged = dict(found)
    for key, value in more.items():
        there = merged.get(key, value)
        if isinstance(there, dict) and isinstance(value, dict):
            merged[key] = _added(there, value, f"{within}{key}: ")
        elif isinstance(there, list) and isinstance(value, list):
            merged[key] = [*there, *(item for item in value if item not in there)]
        elif there == value:
            merged[key] = value
        else:
            raise Unmergeable(f"it has another value of {within}{key}")
    return merged
