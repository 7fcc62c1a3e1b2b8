"""Substitution: types kept, structure never changed, unknown names refused."""

from __future__ import annotations

import pytest

from compiler import values
from compiler.diagnostics import Problems
from compiler.values import UnknownValue

KNOWN = {"name": "x", "count": 3, "list": [1, 2], "yes": True, "quote": '", "a": "b', "env": "prod"}


def filled(data: object) -> object:
    problems = Problems()
    result = values.substitute(data, KNOWN, problems)
    assert problems == []
    return result


def test_a_whole_reference_takes_the_values_type() -> None:
    assert filled({"a": "${count}", "b": "${list}", "c": ["${yes}"]}) == {"a": 3, "b": [1, 2], "c": [True]}


def test_a_reference_inside_text_stays_text() -> None:
    assert filled("s3://${name}/${count}/${yes}") == "s3://x/3/true"


def test_values_cannot_change_the_structure() -> None:
    assert filled({"a": "${quote}"}) == {"a": '", "a": "b'}


def test_an_escaped_reference_is_literal() -> None:
    assert filled("$${name} and $name and $$") == "${name} and $name and $$"


@pytest.mark.parametrize("text", ["${nope}", "a ${ b", "x${list}", "${}", "${na me}"])
def test_what_cannot_be_filled_is_reported_at_its_path(text: str) -> None:
    problems = Problems()
    values.substitute({"a": [text]}, KNOWN, problems)
    assert [(p.rule, p.path) for p in problems] == [("unknown-value", ("a", 0))]


def test_values_may_use_one_another() -> None:
    assert values.expand({"a": "${b}/x", "b": "${c}", "c": 1})["a"] == "1/x"


def test_values_may_not_use_themselves() -> None:
    with pytest.raises(UnknownValue, match="contains itself"):
        values.expand({"a": "${b}", "b": "${a}"})
