"""All that has a range refers to the text that the editor has, whatever ends its lines.

YAML ends lines where editors do not: at NEL, LS and PS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types
from sagespec.diagnostics import Diagnostic, Hint
from sagespec.server import actions, hover, lens, published
from sagespec.server.completion import completing
from sagespec.server.completion.items import Client
from sagespec.server.navigation import definitions, renaming, symbols
from sagespec.server.navigation.renaming import Refused
from sagespec.server.open_document import OpenDocument
from sagespec.server.place import Place
from sagespec.server.positions import Text

from tests.language_clients import accepted
from tests.unit.server.desk import FILES, LINE, PROJECT, TORCHRUN, Desk

YAML_BREAK = "\r\n|[\r\n\x85\u2028\u2029]"
OF_EDITORS = "\r\n|\r|\n"
BREAKS = st.lists(st.sampled_from(["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"]), min_size=1, max_size=5)
NAMES = {"sagespec.yaml": PROJECT, "specs/line.yaml": LINE, "specs/torchrun.yaml": TORCHRUN}


def broken(text: str, breaks: Sequence[str]) -> str:
    """End the lines of a text with breaks in turn."""
    lines = text.split("\n")
    return "".join(line + breaks[number % len(breaks)] for number, line in enumerate(lines[:-1])) + lines[-1]


def offset(text: str, position: types.Position) -> int:
    """The offset of a position, counted as the protocol says in UTF-16 units."""
    start = [0, *(found.end() for found in re.finditer(OF_EDITORS, text))][position.line]
    line = re.split(OF_EDITORS, text[start:])[0].encode("utf-16-le")
    return start + len(line[: 2 * position.character].decode("utf-16-le"))


def shown(text: str, where: types.Range) -> str:
    return text[offset(text, where.start) : offset(text, where.end)]


def edited(text: str, edits: Sequence[Any]) -> str:
    for edit in sorted(edits, key=lambda edit: edit.range.start, reverse=True):
        text = text[: offset(text, edit.range.start)] + edit.new_text + text[offset(text, edit.range.end) :]
    return text


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("project"), FILES)


def opened(desk: Desk, breaks: Sequence[str], changes: dict[str, str] | None = None) -> Desk:
    """Open all files with other line breaks."""
    desk.opened = {name: broken(text, breaks) for name, text in {**NAMES, **(changes or {})}.items()}
    return desk


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
@given(text=st.text("a😀\n\r\x85\u2028\u2029", max_size=12))
def test_positions_lead_there_and_back(name: str, text: str) -> None:
    read = Text(name, text, "utf-16")
    for number, line in enumerate(re.split(OF_EDITORS, text)):
        for end in range(len(line) + 1):
            position = types.Position(number, len(line[:end].encode("utf-16-le")) // 2)
            assert read.offset(position) == offset(text, position)
            assert read.position(read.offset(position)) == position
    for at in range(len(text) + 1):
        line_of_reader = text[read.line_start(at) : read.line_end(at)]
        assert not set(line_of_reader) & set("\n\r" if name.endswith("json") else "\n\r\x85\u2028\u2029")
        assert read.offset_of(read.line(at), at - read.line_start(at) + 1) == at


@given(text=st.text("a😀\n\r\x85\u2028\u2029", max_size=12), new=st.text("b\r\u2028", max_size=3), data=st.data())
def test_a_change_is_made_where_the_editor_made_it(text: str, new: str, data: st.DataObject) -> None:
    read = Text("a.yaml", text, "utf-16")
    start, end = (read.position(at) for at in sorted(data.draw(st.integers(0, len(text))) for _ in "ab"))
    document = OpenDocument(types.TextDocumentItem("file:///a.yaml", "yaml", 1, text), "utf-16")
    change = types.TextDocumentContentChangePartial(types.Range(start, end), new)
    document.apply_change(change)
    assert document.source == text[: offset(text, start)] + new + text[offset(text, end) :]


def outlined(found: list[types.DocumentSymbol], text: str) -> Iterator[tuple[str, str, str]]:
    for one in found:
        yield one.name, shown(text, one.selection_range), re.sub(YAML_BREAK, "\n", shown(text, one.range))
        yield from outlined(list(one.children or ()), text)


@given(breaks=BREAKS)
def test_symbols(breaks: list[str]) -> None:
    for name, text in NAMES.items():
        other = broken(text, breaks)
        found = [*outlined(symbols.outline(Text(name, other, "utf-16")), other)]
        assert found
        assert found == [*outlined(symbols.outline(Text(name, text, "utf-16")), text)]


@settings(max_examples=15)
@given(breaks=BREAKS)
def test_names_lead_to_their_characters(desk: Desk, breaks: list[str]) -> None:
    texts = opened(desk, breaks).opened
    place, sheets = desk.at("specs/line.yaml", "{ref: 'Torchrun/tw|o'")
    (link,) = definitions.definition(place, sheets)
    assert shown(texts["specs/torchrun.yaml"], link.target_range) == "two"
    assert link.origin_selection_range is not None
    assert shown(texts["specs/line.yaml"], link.origin_selection_range) == "Torchrun/two"
    for one in definitions.references(place, sheets, declared=True):
        assert shown(texts[one.uri.removeprefix("file:")], one.range) == "two"
    place, sheets = desk.at("specs/line.yaml", "😀 ${buck|et}")
    assert {shown(texts["specs/line.yaml"], one.range) for one in definitions.highlights(place, sheets)} == {"bucket"}
    assert {shown(texts["specs/line.yaml"], one.range) for one in definitions.links("specs/line.yaml", sheets)} == {
        "train.py",
        "rates.yaml",
    }
    hovered = hover.answer(place, is_markdown=True)
    assert hovered is not None
    assert hovered.range is not None
    assert shown(texts["specs/line.yaml"], hovered.range) == "${bucket}"
    said = {"ModelTrainer/line": "same", "ModelTrainer/other": "same"}
    lenses = lens.lenses(sheets.now, sheets.pages["specs/line.yaml"], said)
    assert [shown(texts["specs/line.yaml"], one.range) for one in lenses] == ["line", "other"]


@settings(max_examples=15)
@given(breaks=BREAKS)
def test_renames(desk: Desk, breaks: list[str]) -> None:
    texts = opened(desk, breaks).opened
    for marked, old, new in (("{ref: 'Torchrun/tw|o'", "two", "four"), ("name: lin|e", "name: line", "name: row")):
        place, sheets = desk.at("specs/line.yaml", marked)
        made = renaming.plan(place, sheets, new.rpartition(" ")[2])
        changes = renaming.workspace_edit(made, sheets, types.ClientCapabilities()).changes or {}
        for uri, edits in changes.items():
            name = uri.removeprefix("file:")
            expected = NAMES[name].replace(old, new).replace("which: four", "which: two")
            assert edited(texts[name], edits) == broken(expected, breaks)
    opened(desk, breaks, {"specs/line.yaml": LINE.replace("'Torchrun/two'", r'"Torchrun\x2ftwo"')})
    with pytest.raises(Refused, match=re.escape("specs/line.yaml:7: ")):
        renaming.plan(*desk.at("specs/torchrun.yaml", "name: t|wo"), "x")


@settings(max_examples=15)
@given(breaks=BREAKS)
def test_diagnostics_and_what_mends_them(desk: Desk, breaks: list[str]) -> None:
    wrong = LINE.replace("hyperparameters", "hyperparametres").replace("entry_script", "entry_skript")
    wrong = wrong.replace("other", "spec\u00e9").replace('distributed: {ref: "', 'distributd: {ref: "')
    name, text = "specs/line.yaml", opened(desk, breaks, {"specs/line.yaml": wrong}).opened["specs/line.yaml"]
    now = desk.examined()
    uri = (desk.root / name).as_uri()
    found = published.diagnostics([now], {}, lambda file, content: Text(file, content, "utf-16"))[uri]
    said = {str(one.code): shown(text, one.range) for one in found}
    assert {shown(text, one.range) for one in found if one.code == "unknown-key"} == {
        "hyperparametres",
        "entry_skript",
        "distributd",
    }, said
    whole = types.Range(types.Position(0, 0), types.Position(10**6, 0))
    asked = types.CodeActionContext([], [actions.FIX_ALL])
    params = types.CodeActionParams(types.TextDocumentIdentifier(uri), whole, asked)
    of_file = [d for d in now.diagnostics if d.file == name]
    (action,) = actions.answer(of_file, Text(name, text, "utf-16"), params, 1, types.ClientCapabilities())
    assert action.edit is not None
    mended = edited(text, (action.edit.changes or {})[uri])
    assert "hyperparameters" in mended
    assert mended == broken(LINE.replace("other", "spec\u00e9"), breaks)


@given(breaks=BREAKS)
def test_quotes_are_put_around_what_is_on_one_line(breaks: list[str]) -> None:
    plain = "a: {b: ${c}-1,\n  d: ${e}}\n"
    text = Text("a.yaml", broken(plain, breaks), "utf-16")
    for word, expected in (("{c}", "${c}-1"), ("{e}", "${e}")):
        at = text.text.index(word)
        line, column = text.line(at), at - text.line_start(at) + 1
        assert line == plain[: plain.index(word)].count("\n") + 1
        d = Diagnostic("a.yaml", line, column, line, column + 1, "syntax", "error", "", Hint("", "quote around"))
        assert [text.text[fix.start : fix.end] for fix in actions.fixes(d, text)] == [expected]


ABLE = Client(types.MarkupKind.Markdown, takes_snippets=True, indents_snippets=True)


@pytest.mark.parametrize(
    "typed",
    [
        "  distributed: {ref: '|",
        "  distributed: {ref: |}",
        "  distributed:\n    ref: T|",
        "  training_image: '${|'",
        "  training_image: a${|",
        "  tags: {a: ${|}}",
        "  tags: {a: ${|",
        "  compute: {|",
        "  |",
        "  {{{\n  input|",
    ],
)
@settings(max_examples=15)
@given(breaks=BREAKS)
def test_what_is_accepted(desk: Desk, typed: str, breaks: list[str]) -> None:
    desk.opened = {"sagespec.yaml": PROJECT.replace("defaults:\n", "defaults:\n  account: '123456789012'\n", 1)}
    now, results = desk.examined(), []
    plain = LINE.replace("  distributed: {ref: 'Torchrun/two'}", typed)
    for text in (plain, broken(plain, breaks)):
        where = Text("specs/line.yaml", text.replace("|", "", 1), "utf-16")
        place = Place(now, now, where.name, where, text.index("|"))
        items = completing.answer(place, ABLE).items
        assert items
        for item in items:
            edit = item.text_edit
            assert isinstance(edit, types.TextEdit)
            assert offset(where.text, edit.range.end) == where.offset(edit.range.end)
            assert edit.range.start.line == edit.range.end.line
        results.append([re.sub(YAML_BREAK, "\n", accepted(where, item)) for item in items])
    assert results[0] == results[1]
