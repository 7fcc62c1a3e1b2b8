"""Patterns matched by automata: the same as Python finds, without ever trying for long."""

from __future__ import annotations

import re
import warnings
from random import Random

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sagespec.checking import automaton
from sagespec.checking.automaton import Automaton, Budget, Exhausted, Unbounded

STEPS = 3_000_000
CHARS = [
    "a",
    "b",
    ".",
    r"\d",
    r"\w",
    r"\W",
    r"\s",
    "[ab]",
    "[^a]",
    "[]a]",
    r"[\]\-a-]",
    r"\x61",
    r"\u0062",
    r"\.",
    "é",
]
PLACES = ["^", "$", r"\A", r"\Z", r"\b", r"\B"]
QUANTIFIERS = ["*", "+", "?", "{2}", "{1,}", "{,2}", "{0,3}", "*?", "+?", "{1,2}?"]
FIXED = st.lists(st.sampled_from(["a", "b", ".", r"\w", r"\b"]), max_size=2).map("".join)
PATTERN = st.recursive(
    st.sampled_from([*CHARS, *PLACES, "", "{}", "}", "{a"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda options: f"({'|'.join(options)})"),
        st.builds(lambda part, sign: f"(?:{part}){sign}", inner, st.sampled_from(QUANTIFIERS)),
        st.builds(lambda opening, part: f"{opening}{part})", st.sampled_from(["(?=", "(?!", "(?P<n>"]), inner),
        st.builds(lambda opening, part: f"{opening}{part})", st.sampled_from(["(?<=", "(?<!"]), FIXED),
    ),
    max_leaves=12,
)
TEXT = st.text(alphabet="aab. \n1é-", min_size=1, max_size=12)  # in no text, \\B is nowhere until Python 3.14


@settings(max_examples=600)
@given(pattern=PATTERN, texts=st.lists(TEXT, min_size=1, max_size=4))
@example(pattern="(?=(?!a)b)(?!a)", texts=["b", "a", "ab"])
@example(pattern="(?:(?!a).){2}$", texts=["bb", "ab", "bb\n"])
@example(pattern="((a*)*|b)+$", texts=["aab", ""])
def test_the_same_is_found_as_by_python(pattern: str, texts: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            wanted = re.compile(pattern)
        except re.error:
            assume(False)
    ours = Automaton(pattern)
    for text in [*texts, *texts]:  # what it remembers changes nothing
        assert ours.finds(text, Budget(STEPS)) == bool(wanted.search(text)), text


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a|a)*b", "a" * 100_000),
        ("(a*)*b", "a" * 100_000),
        ("(x+x+)+y", "x" * 100_000),
        (r"^(\w+\s?)*$", "a" * 100_000 + "!"),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 100_000),
        ("(?=(a+)+$)b", "a" * 100_000),
        ("(.*a){20}b", "a" * 10_000),
    ],
)
def test_what_python_tries_for_ever_is_found_or_not(pattern: str, text: str) -> None:
    assert not Automaton(pattern).finds(text, Budget(STEPS))


def test_steps_are_counted_and_come_to_an_end() -> None:
    pattern = Automaton("(a|b)*a(a|b){300}c")  # 2^300 sets of states
    text = "".join(Random(7).choices("ab", k=50_000))
    with pytest.raises(Exhausted):
        pattern.finds(text, Budget(STEPS))
    with pytest.raises(Exhausted):
        Automaton("a{60000}|b").finds("", Budget(1000))


def test_what_is_forgotten_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automaton, "MAX_MOVES", 3)
    pattern = Automaton("(a|b)*a(a|b){3}$")
    assert [pattern.finds("ab" * 9 + end, Budget(STEPS)) for end in ("abbb", "bbbb", "aabb")] == [True, False, True]


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(a)\1", "is a back-reference"),
        ("(?P<n>a)(?P=n)", "not a plain group"),
        ("(?i)a", "not a plain group"),
        ("(?i:a)", "not a plain group"),
        ("(a)?(?(1)b|c)", "not a plain group"),
        ("a++", "possessive or atomic"),
        ("a{3,}+", "possessive or atomic"),
        ("(?>a)", "not a plain group"),
        ("a" * 10_001, "more than 10,000 characters"),
        ("((a{100}){100}){100}", "more than 150,000 states"),
        ("(" * 900 + ")" * 900, "nested too deeply"),
    ],
)
def test_what_no_automaton_can_follow_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(Unbounded, match=why):
        Automaton(pattern)
