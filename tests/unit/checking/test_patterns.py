"""Patterns of ECMA and Java in Python's words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sagespec.checking import patterns
from sagespec.checking.automaton import Automaton, Budget

from tests.conftest import ROOT


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


def own_patterns(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        yield from (tree[key] for key in ("pattern",) if isinstance(tree.get(key), str))
    members = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for member in members:
        yield from own_patterns(member)


OWN = sorted(
    {p for file in (ROOT / "schemas").rglob("*.json") for p in own_patterns(json.loads(file.read_text("utf-8")))}
)


@pytest.mark.parametrize("pattern", OWN)
def test_no_pattern_of_ours_and_of_aws_takes_for_ever(pattern: str) -> None:
    whole = rf"\A(?:{patterns.translated(pattern)})\Z"
    automaton = Automaton(whole)
    starts = [
        "",
        "a",
        "arn:aws:sagemaker:us-west-2:123456789012:",
        "arn:aws:iam::123456789012:role/",
        "s3://b/",
        "https://",
    ]
    for start in starts:
        for pumped in ("a", "a-", "-", "1", "a1", ".", "/", "_", " ", "a/", "${", ":", "\n", "é"):
            for end in ("", "!", "\n", "\0", "-", "é\u2028"):
                short = (start + pumped * 500)[: patterns.SHORT - 2] + end
                assert patterns.finds(whole, short) == automaton.finds(short, Budget(10_000_000))
    assert patterns.finds(whole, "a" * 300_000) == (re.search(whole, "a" * 300_000) is not None)


def test_a_translation_stays_as_it_is() -> None:
    once = patterns.translated(r"^[\p{L}[]+\p{Z}$")
    assert patterns.translated(once) == once
