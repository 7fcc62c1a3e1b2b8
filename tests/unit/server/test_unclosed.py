"""Quotes and brackets that are open, told from the beginning of a line alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec.reading import source
from sagespec.server import unclosed
from sagespec.server.unclosed import Unclosed

WORDS = st.text("ab'\"\\[]{},:# é😀", max_size=6)
DATA = st.recursive(WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))


def written(data: Any, quotes: Iterator[str], closing: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield pieces of data as YAML in brackets, each with the quote and the brackets that are open behind it."""
    if isinstance(data, str):
        quote = next(quotes)
        content = [json.dumps(one, ensure_ascii=False)[1:-1] if quote == '"' else one for one in data]
        yield quote, quote, closing
        yield from (("''" if one == "'" == quote else one, quote, closing) for one in content)
        yield quote, "", closing
        return
    opened, closed = ("{", "}") if isinstance(data, dict) else ("[", "]")
    yield opened, "", closed + closing
    for number, one in enumerate(data):
        if number:
            yield ", ", "", closed + closing
        yield from written(one, quotes, closed + closing)
        if isinstance(data, dict):
            yield ": ", "", closed + closing
            yield from written(data[one], quotes, closed + closing)
    yield closed, "", closing


@pytest.mark.parametrize("start", ["a: ", "  - ", "- - ? ", "{a: ", "a: !!x &b ", "it's: ", "'a':", "- "])
@given(data=DATA, random=st.randoms())
def test_at_every_place_what_is_open_is_known(start: str, data: Any, random: Any) -> None:
    outer, line = "}" if "{" in start else "", start
    for piece, quote, closing in written(data, iter(lambda: random.choice("'\""), "")):
        line += piece
        assert unclosed.before(line) == Unclosed(quote, closing + outer), line


@given(data=DATA, random=st.randoms())
def test_closed_the_line_can_be_read(data: Any, random: Any) -> None:
    line = ""
    for piece, quote, _ in written([data], iter(lambda: random.choice("'\""), "")):
        line += piece
        if quote:
            around = unclosed.before(line)
            _, faults = source.load("a.yaml", f"{line}{around.quote}{around.brackets}".encode())
            assert {fault.rule for fault in faults} <= {"duplicate-key"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", Unclosed()),
        ("a: it's {", Unclosed()),
        ("a: it's # 'x", Unclosed(is_comment=True)),
        ("# {'", Unclosed(is_comment=True)),
        ("a: b#c {", Unclosed()),
        ("a: '# b", Unclosed("'")),
        ("a: [it's, 'b", Unclosed("'", "]")),
        ("a: s3://${b", Unclosed()),
        ("a: {b: ${c}, d: [", Unclosed("", "]}")),
        ('a: {"b":"c', Unclosed('"', "}")),
        ("a: 'b' 'c", Unclosed()),
        ("a: ]}", Unclosed()),
    ],
)
def test_what_is_no_quote_and_no_bracket(line: str, expected: Unclosed) -> None:
    assert unclosed.before(line) == expected


def test_a_line_of_any_length_is_gone_through_once() -> None:
    for part in ("'", '"', "[", "{", ":", "# ", " #", "!", "&", ":!", ": ! ", "'a", "- ", "\\", "''"):
        unclosed.before("a: " + part * 20_000)
        unclosed.before("a: [" + part * 20_000)
