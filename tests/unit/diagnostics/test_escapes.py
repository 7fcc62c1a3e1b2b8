"""Text of others: whatever it is, printed it is one line, steers no terminal and is no command."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec.diagnostics import escapes

MARKS = ["::", "##[", "##vso[", "##teamcity[", "section_start:1:a", "section_END:", " ", "#", "[", ":", "\n", "\r"]
TEXTS = st.lists(st.text(max_size=5) | st.sampled_from(MARKS), max_size=8).map("".join)


def is_inert(line: str) -> bool:
    """As the CI systems' own readers decide, not as ours."""
    folded = line.casefold()
    marks = ("##[", "##vso[", "##teamcity[", "section_start:", "section_end:")
    return line.isprintable() and not line.lstrip().startswith("::") and not any(mark in folded for mark in marks)


@given(st.lists(TEXTS, max_size=4))
def test_a_line_of_any_parts_is_inert_and_stays_as_it_is(parts: list[str]) -> None:
    shown = escapes.inert(parts)
    assert is_inert("".join(shown))
    assert escapes.inert(shown) == shown
    if is_inert("".join(parts)):
        assert shown == parts


@given(st.recursive(TEXTS | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
def test_json_is_inert_and_means_the_same(value: object) -> None:
    for indent in (None, 2):
        text = escapes.json_text(value, indent)
        assert json.loads(text) == value
        assert all(map(is_inert, text.split("\n")))


@given(TEXTS)
def test_a_string_in_a_compiled_file_is_inert_and_means_the_same(text: str) -> None:
    written = escapes.json_string(text)
    assert json.loads(written) == text
    assert is_inert(written) or any(unicodedata.category(c) == "Cn" for c in text), "not assigned, to this Python"


SIGNS = [range(0x600, 0x606), range(0x6DD, 0x6DE), range(0x70F, 0x710), range(0x890, 0x892), range(0x8E2, 0x8E3)]
SIGNS += [range(0x110BD, 0x110CE), range(0x13430, 0x13460)]
"""Characters that Unicode counts as formats, and that can be seen: signs of numbers, of verses, of hieroglyphs."""


def test_no_character_hides_in_a_compiled_file() -> None:
    for code in range(0x80, 0x110000):
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"):
            assert escapes.json_string(chr(code)).isascii() or any(code in signs for signs in SIGNS), hex(code)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::x", ":\\x3aerror::x"),
        ("   ::add-mask::x", "   :\\x3aadd-mask::x"),
        ("a ::error::", "a ::error::"),
        ("a ##[group]b", "a ##\\x5bgroup]b"),
        ("##vso[task.complete]", "##vso\\x5btask.complete]"),
        ("\x1b]0;title\x07\r\u202e\u2028\x85\U000e0041", "\\x1b]0;title\\x07\\r\\u202e\\u2028\\x85\\U000e0041"),
        ("Grüße, 日本, 😀", "Grüße, 日本, 😀"),
    ],
)
def test_what_is_escaped(text: str, shown: str) -> None:
    assert escapes.inert([text]) == [shown]


@pytest.mark.parametrize(("text", "shown"), [("", ""), ("12345", "12345"), ("123456", "12...")])
def test_a_text_is_cut_to_the_most_characters(text: str, shown: str) -> None:
    assert escapes.cut(text, 5) == shown
