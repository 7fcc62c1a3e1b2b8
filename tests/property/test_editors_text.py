"""Texts of strangers: what an editor shows of them does nothing, and is found in time, however long a line is.

No time is measured: what takes more than linear time here never ends.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from lsprotocol import types
from sagespec.server import hover
from sagespec.server.completion import completing
from sagespec.server.completion.items import Client
from sagespec.server.lens import lenses
from sagespec.server.navigation import symbols
from sagespec.server.navigation.renaming import Refused, plan
from sagespec.server.positions import Text

from tests.unit.server.desk import FILES, LINE, PROJECT, Desk

LONG = 300_000
EVIL = "x\n\n![a](http://e.vil/i) <img src=x> [b](command:run) www.e.vil u@e.vil ~~~\r\u2028\u202e\x1b[0m`` # y"
ACTIVE = ("![", "<img", "](", "http://e", "www.e", "u@e", "~~~")
UNSEEN = ("\r", "\u2028", "\u202e", "\x1b")


def quoted(text: str) -> str:
    return json.dumps(text)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    evil = LINE.replace("'Torchrun/two'", quoted(f"Torchrun/{EVIL}"))
    project = PROJECT.replace("dev-bucket", quoted(EVIL)).replace("which: two", f"which: two, evil: {quoted(EVIL)}")
    return Desk(tmp_path, {**FILES, "specs/line.yaml": evil, "sagespec.yaml": project})


def live(markdown: str) -> str:
    """What of Markdown is neither escaped nor code."""
    return re.sub(r"\\.|(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", markdown)


@pytest.mark.parametrize("word", ["Torchrun|/x", "${|spec.name}", "distributed|: "])
def test_a_hover_does_nothing(desk: Desk, word: str) -> None:
    place, _ = desk.at("specs/line.yaml", word)
    for is_markdown in (True, False):
        found = hover.answer(place, is_markdown=is_markdown)
        assert found is not None
        assert isinstance(found.contents, types.MarkupContent)
        shown = found.contents.value
        assert not any(character in shown for character in UNSEEN)
        assert not any(active in live(shown) for active in ACTIVE if is_markdown)
        assert "\n\n![" not in shown


def test_a_value_of_several_lines_is_shown_on_one(desk: Desk) -> None:
    desk.write("specs/rates.yaml", "")
    desk.write("specs/use.yaml", LINE.replace("name: line", "name: use").replace("${path}", "${bucket}"))
    place, _ = desk.at("specs/use.yaml", 'WHERE: "${|bucket}')
    found = hover.answer(place, is_markdown=True)
    assert found is not None
    assert isinstance(found.contents, types.MarkupContent)
    title, empty, *lines = found.contents.value.splitlines()
    assert (bool(title), empty) == (True, "")
    assert all(line.startswith("- ") for line in lines)
    assert not any(character in found.contents.value for character in UNSEEN)


def test_a_variable_that_is_one_key_with_its_value_is_shown_without(tmp_path: Path) -> None:
    text = LINE.replace('{WHERE: "${path}"', '{"WORD=unseen": , WHERE: "${path}"')
    place, _ = Desk(tmp_path, {**FILES, "specs/line.yaml": text}).at("specs/line.yaml", '"WO|RD=')
    for is_markdown in (True, False):
        found = hover.answer(place, is_markdown=is_markdown)
        assert found is not None
        assert "WORD=" in str(found.contents)
        assert "unseen" not in str(found.contents)


def test_symbols_and_lenses_stay_on_one_line(desk: Desk) -> None:
    text = Text(
        "specs/e.yaml", f"kind: Torchrun\nmetadata: {{name: {quoted(EVIL)}}}\nspec: {{{quoted(EVIL)}: 1}}", "utf-16"
    )
    (spec,) = symbols.outline(text)
    assert spec.name.isprintable()
    assert all(one.name.isprintable() for one in spec.children or ())
    now = desk.sheets().now
    (lens,) = lenses(now, text, {f"Torchrun/{EVIL}": EVIL})
    assert lens.command is not None
    assert lens.command.title.isprintable()


def test_nothing_is_offered_that_cannot_be_seen(desk: Desk) -> None:
    project = PROJECT.replace("which: two", 'which: two, seen: "a\\n\\u202eb"')
    desk.write("sagespec.yaml", project)
    desk.write(
        "specs/torchrun.yaml", f"apiVersion: sagespec/v1\nkind: Torchrun\nmetadata: {{name: {quoted(EVIL)}}}\n"
    )
    desk.write("specs/new.yaml", LINE.partition("  distributed")[0] + '  role: "${"\n  distributed: \n')
    for marked in ('role: "${|"', "distributed: |\n"):
        place, _ = desk.at("specs/new.yaml", marked)
        for item in completing.answer(place, Client(takes_snippets=True)).items:
            assert isinstance(item.text_edit, types.TextEdit)
            assert item.text_edit.new_text.isprintable()
            assert item.label.isprintable()
            assert (item.detail or "").isprintable()


@pytest.mark.parametrize(
    "new", ["a/b", "a\nb", "a: b", "#", "x" * 10_000, "", " ", "${x}", "\u202e", "*", "- a", "\0", "'", '"', "a" * 64]
)
def test_a_spec_is_not_renamed_to_what_is_no_name(tmp_path: Path, new: str) -> None:
    place, sheets = Desk(tmp_path, FILES).at("specs/torchrun.yaml", "name: t|wo")
    with pytest.raises(Refused) as refused:
        plan(place, sheets, new)
    assert refused.value.message.isprintable()


@pytest.mark.parametrize(
    "line",
    [
        "a" * LONG + " ",
        '"' + '\\"' * LONG,
        "'" + "''" * LONG + "x ",
        "{a: " * LONG,
        "- " * LONG,
        "${" * LONG,
        "[" * LONG,
        "x: ${" + "a" * LONG,
        "&a " * LONG,
        "😀" * LONG,
    ],
    ids=lambda line: repr(line[:6]),
)
def test_a_line_without_end_is_read_in_time(tmp_path: Path, line: str) -> None:
    text = LINE.partition("---\n")[0] + f"  role: {line}\n"
    desk = Desk(tmp_path, {**FILES, "specs/line.yaml": text})
    sheets = desk.sheets()
    place, _ = desk.at("specs/line.yaml", "\n|", sheets)
    for offset in (len(text) - 1, len(text) - LONG // 2):
        here = type(place)(place.now, place.known, place.file, place.text, offset)
        completing.answer(here, Client())
        hover.answer(here, is_markdown=True)


def test_many_positions_on_a_long_line_are_found_in_time() -> None:
    for units in ("utf-8", "utf-16", "utf-32"):
        text = Text("a.json", "é😀" * LONG, units)
        for offset in range(0, 2 * LONG, 20):
            assert text.offset(text.position(offset)) == offset


def test_a_search_for_what_a_name_nearly_has_ends(tmp_path: Path) -> None:
    name = "ab" * 100_000
    desk = Desk(tmp_path, {**FILES, "specs/torchrun.yaml": f"kind: Torchrun\nmetadata: {{name: {name}}}\n"})
    assert symbols.search("ab" * 20 + "c", desk.sheets()) == []
    assert [one.name for one in symbols.search("ab" * 20, desk.sheets())] == [f"Torchrun/{name}"]
