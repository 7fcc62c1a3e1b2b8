"""Patterns of ECMA and Java in Python's words."""

from __future__ import annotations

import re

import pytest

from compiler import patterns


@pytest.mark.parametrize(
    ("pattern", "found", "not_found"),
    [
        ("^a$", "a", "a\n"),
        ("^(a|b$)", "b", "b\n"),
        (r"^\$$", "$", "$\n"),
        ("^[$]$", "$", "a"),
        (r"^\p{L}+$", "ñ", "1 2"),
        (r"^[\p{L}\p{Z}]+$", "a b", "a_b!"),
        (r"^[\p{Alnum}-]{1,3}$", "a-1", "a_1"),
        (r"^[a[]$", "[", "b"),
        (r"^[\]$]+$", "]$", "]$\n"),
        (r"\\$", "\\", "\\\n"),
    ],
)
def test_the_same_is_found(pattern: str, found: str, not_found: str) -> None:
    assert patterns.compiled(pattern).search(found)
    assert not patterns.compiled(pattern).search(not_found)


@pytest.mark.parametrize("pattern", ["(", r"\p{Greek}", r"\P{L}", "(?<name>a)", "[a--b]", "a{99999999999}"])
def test_what_python_has_no_words_for_is_said_to_be_so(pattern: str) -> None:
    with pytest.raises(re.error):
        patterns.compiled(pattern)


def test_a_translation_stays_as_it_is() -> None:
    once = patterns.translated(r"^[\p{L}[]+\p{Z}$")
    assert patterns.translated(once) == once
