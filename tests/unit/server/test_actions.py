"""What is written in place of a word: quoted as it was, and read as what was meant."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types
from sagespec.diagnostics import Diagnostic, Edit, Hint, did_you_mean, secrets
from sagespec.reading import source
from sagespec.reading.document import as_data
from sagespec.server import actions
from sagespec.server.positions import Text

PLAIN = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_./", min_size=1, max_size=12).filter(
    lambda word: isinstance(read(word), str)
)
ANY = st.text(min_size=1, max_size=20).filter(str.strip)


def read(raw: str) -> Any:
    try:
        return as_data(source.scalar(raw))
    except ValueError:
        return None


def found(text: str, word: str, hint: Hint, file: str = "a.yaml") -> list[actions.Fix]:
    """The fixes at the first place of a word that is written so."""
    start = text.index(word)
    line, column = text.count("\n", 0, start) + 1, start - (text.rfind("\n", 0, start) + 1) + 1
    d = Diagnostic(file, line, column, line, column + len(word), "bad-value", "error", "", hint)
    return actions.fixes(d, Text(file, text, "utf-16"))


def mended(text: str, word: str, hint: Hint, file: str = "a.yaml") -> list[str]:
    return [text[: fix.start] + fix.new + text[fix.end :] for fix in found(text, word, hint, file)]


def words(data: Any) -> list[Any]:
    """All keys and scalars."""
    if isinstance(data, dict):
        return [word for key, value in data.items() for word in (key, *words(value))]
    return [word for one in data for word in words(one)] if isinstance(data, list) else [data]


@pytest.mark.parametrize("shape", ["A: {}\n", "A: {{B: {}, C: 1}}\n", "- [{}]\n", "{}: 1\n", "{{{}: 1}}\n"])
@given(PLAIN, ANY, st.sampled_from(["", "'", '"']))
def test_what_is_written_is_read_as_what_is_meant(shape: str, wrong: str, right: str, quote: str) -> None:
    raw = f"{quote}{wrong}{quote}"
    text = shape.format(raw)
    before = words(source.load("a.yaml", text.encode())[0][0].data)
    for after in mended(text, raw, Hint("?", "word", wrong, [right])):
        (document,), said = source.load("a.yaml", after.encode())
        assert not said
        assert words(document.data) == [right if word == wrong else word for word in before]


@given(PLAIN, ANY)
def test_what_is_written_into_json_is_read_as_what_is_meant(wrong: str, right: str) -> None:
    text = json.dumps([{"A": wrong}])
    for after in mended(text, json.dumps(wrong), Hint("?", "word", wrong, [right]), "a.json"):
        assert json.loads(after) == [{"A": right}]


@pytest.mark.parametrize(
    ("text", "word", "hint", "expected"),
    [
        ("a: maths\n", "maths", Hint("", "word", "maths", ["math"]), "a: math\n"),
        ("a: 'maths'\n", "'maths'", Hint("", "word", "maths", ["it's"]), "a: 'it''s'\n"),
        ("a: maths\n", "maths", Hint("", "word", "maths", ["1.0"]), 'a: "1.0"\n'),
        ("a: 7\n", "7", Hint("", "word", "7", ["8"]), "a: 8\n"),
        ("a: [maths]\n", "maths", Hint("", "word", "maths", ["x, y"]), 'a: ["x, y"]\n'),
        (
            "a: s3://${bukket}/x # c\n",
            "s3://${bukket}/x",
            Hint("", "word", "${bukket}", ["${b}"]),
            "a: s3://${b}/x # c\n",
        ),
        ("a: 0x1F\n", "0x1F", Hint("", "quote"), 'a: "0x1F"\n'),
        ("1: a\n", "1", Hint("", "quote"), '"1": a\n'),
        ("a: '512'\n", "'512'", Hint("", "unquote"), "a: 512\n"),
        ("a: x/y\n", "x/y", Hint("", "source", "x/y", ["{ref: x/y}"]), "a: {ref: x/y}\n"),
        ("a: {b: ${c}-1, d: 1}\n", "{c}", Hint("", "quote around"), 'a: {b: "${c}-1", d: 1}\n'),
        ("a: [s3://${c}/x]\r\n", "{c}", Hint("", "quote around"), 'a: ["s3://${c}/x"]\r\n'),
    ],
)
def test_an_edit_keeps_all_but_its_word(text: str, word: str, hint: Hint, expected: str) -> None:
    assert mended(text, word, hint) == [expected]


def test_json_stays_json() -> None:
    text = '{"a": "x/y", "b": 1, "c": "2"}'
    assert mended(text, '"x/y"', Hint("", "source", "x/y", ["{ref: x/y}"]), "a.json") == [
        text.replace('"x/y"', '{"ref": "x/y"}')
    ]
    assert mended(text, "1", Hint("", "quote"), "a.json") == [text.replace("1", '"1"')]
    assert mended(text, '"2"', Hint("", "unquote"), "a.json") == [text.replace('"2"', "2")]
    assert mended(text, '"x/y"', Hint("", "word", "x/y", ["1"]), "a.json") == [text.replace("x/y", "1")]


@pytest.mark.parametrize(
    ("text", "word", "hint"),
    [
        ("a: ${x}\n", "${x}", Hint("", "word", "maths", ["math"])),
        ("a: ${x}\n", "${x}", Hint("", "quote")),
        ("a: &b maths\n", "&b maths", Hint("", "word", "maths", ["math"])),
        ("a: *maths\n", "*maths", Hint("", "word", "maths", ["math"])),
        ("a: |\n  maths\n", "|\n  maths", Hint("", "word", "maths", ["math"])),
        ("a: ab ab\n", "ab ab", Hint("", "word", "ab", ["cd"])),
        ("a: text\n", "text", Hint("", "quote")),
        ("a: 'text'\n", "'text'", Hint("", "unquote")),
        ("{math: 1, maths: 2}\n", "maths", Hint("", "word", "maths", ["math"])),
        ("{maths: 2}\n", "maths", Hint("", "word", "maths", ["math", "arts"])),
        ("a: maths\n", "maths", Hint("did you mean 'math'?")),
    ],
)
def test_nothing_is_offered_where_it_would_not_mend(text: str, word: str, hint: Hint) -> None:
    assert mended(text, word, hint) == []


@given(st.text(max_size=30), st.lists(st.text(min_size=1, max_size=10), max_size=14))
def test_a_hint_says_in_words_what_its_edit_writes(word: str, known: list[str]) -> None:
    hint = did_you_mean(word, known)
    assert all(repr(one) in hint or one in hint for one in hint.choices)
    assert bool(hint) == bool(hint.choices)
    assert hint.word == (word if hint else "")


def test_a_hint_that_is_masked_is_no_edit_and_any_other_stays_one() -> None:
    plain, secret = did_you_mean("maths", ["math"]), did_you_mean("hf_Aa0Bb1Cc2Dd3Ee4Ff", ["hf_Aa0Bb1Cc2Dd3Ee4Fg"])
    assert secrets.masked(plain) is plain
    assert secrets.unquoted(plain, {"NAME": "other"}) is plain
    assert "***" in secrets.masked(secret)
    assert not isinstance(secrets.masked(secret), Hint)


@given(st.data())
def test_no_broken_text_is_an_error(data: st.DataObject) -> None:
    text = data.draw(st.text("ab:{}[]'\"$&*!|>\n\r -#\\😀", max_size=40))
    word = text[data.draw(st.integers(0, len(text))) :][: data.draw(st.integers(0, 9))]
    edit = data.draw(st.sampled_from(get_args(Edit)))
    hint = Hint("", edit, word, data.draw(st.lists(st.text(max_size=5), max_size=3)))
    for file in ("a.yaml", "a.json"):
        for fix in found(text, word, hint, file):
            assert 0 <= fix.start < fix.end <= len(text)


def params(only: list[str] | None, line: int = 0, trigger: int | None = None) -> types.CodeActionParams:
    document = types.TextDocumentIdentifier("file:///a.yaml")
    here = types.Range(types.Position(line, 0), types.Position(line, 0))
    kind = types.CodeActionTriggerKind(trigger) if trigger else None
    return types.CodeActionParams(document, here, types.CodeActionContext([], only, kind))


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        (params(None), ["quickfix", "source.fixAll"]),
        (params(None, trigger=1), ["quickfix", "source.fixAll"]),
        (params(None, trigger=2), ["quickfix"]),
        (params(None, line=2, trigger=2), []),
        (params(None, line=2), ["source.fixAll"]),
        (params(["quickfix"]), ["quickfix"]),
        (params(["quickfix"], line=2), []),
        (params(["source"]), ["source.fixAll"]),
        (params(["source.fixAll"], trigger=2), ["source.fixAll"]),
        (params(["source.organizeImports"]), []),
        (params(["refactor"]), []),
    ],
)
def test_an_editor_gets_the_kinds_that_it_asks_for(asked: types.CodeActionParams, kinds: list[str]) -> None:
    text = Text("a.yaml", "maths: 1\narst: 2\n\n", "utf-16")
    hints = [Hint("", "word", "maths", ["math"]), Hint("", "word", "arst", ["arts"])]
    said = [
        Diagnostic("a.yaml", line, 1, line, 1 + len(hint.word), "unknown-key", "error", "", hint)
        for line, hint in enumerate(hints, 1)
    ]
    answered = actions.answer(said, text, asked, 1, types.ClientCapabilities())
    assert [one.kind for one in answered] == kinds
    for one in answered:
        assert one.edit is not None
        assert one.edit.changes is not None
        edits = one.edit.changes["file:///a.yaml"]
        assert [edit.new_text for edit in edits] == (["math"] if one.kind == "quickfix" else ["math", "arts"])
