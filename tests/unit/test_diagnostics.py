"""Diagnostics: what is said on behalf of several specs is said once."""

from __future__ import annotations

from sagespec.diagnostics import Problem, Span, did_you_mean, distinct, locate

AT = Span(1, 2, 1, 3)


def test_one_mistake_is_told_once_with_an_address_where_there_is_one() -> None:
    wrong, other = Problem("bad-value", "no"), Problem("bad-value", "not that")
    said = [locate(p, "a", AT, address) for p in (wrong, other) for address in ("Kind/b", "", "Kind/a")]
    assert distinct(said) == (locate(wrong, "a", AT, "Kind/a"), locate(other, "a", AT, "Kind/a"))
    assert distinct([locate(wrong, "b", AT), locate(wrong, "a", AT)])[0].file == "a"


def test_only_words_that_can_be_misspelt_are_compared() -> None:
    letters = "".join(chr(0x4E00 + number) for number in range(1_000)) * 100
    assert did_you_mean(letters, [letters[::-1]] * 20) == ""
    assert did_you_mean("a" * 90 + "b", ["a" * 91] * 20) == f"did you mean {'a' * 91!r}?"
    assert did_you_mean(letters.upper(), [letters]) == f"did you mean {letters!r}?"
