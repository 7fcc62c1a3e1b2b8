"""Substitution: types kept, structure never changed, unknown names refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sagespec.diagnostics import KeyPath, Problems
from sagespec.project import values

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


def test_all_that_cannot_be_filled_into_a_text_is_reported() -> None:
    problems = Problems()
    values.substitute("s3://${one}/${two}/${one}/${list}/${", KNOWN, problems)
    said = [p.message for p in problems]
    assert len(said) == 4
    assert [one in text for one, text in zip(("'one'", "'two'", "a list"), said, strict=False)] == [True] * 3


def expanded(given: dict[str, Any], **known: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    problems = Problems()
    result = values.expand(given, known, problems)
    assert problems == []
    return result


def refused(given: dict[str, Any]) -> list[tuple[str, KeyPath]]:
    problems = Problems()
    values.expand(given, {}, problems)
    return [(p.rule, p.path) for p in problems]


def test_values_may_use_one_another_and_what_is_built_in() -> None:
    filled, pending = expanded({"a": "${b}/x", "b": "${c}", "c": 1, "d": "${env}"}, env="prod")
    assert (filled, pending) == ({"a": "1/x", "b": 1, "c": 1, "d": "prod", "env": "prod"}, {})


def test_values_that_use_a_spec_wait_for_it_in_order() -> None:
    filled, pending = expanded({"a": "${b}/x", "b": "${spec.name}", "c": 1})
    assert filled == {"c": 1}
    assert list(pending.items()) == [("b", "${spec.name}"), ("a", "${b}/x")]


def test_a_spec_fills_its_run_into_its_name_and_both_into_values_that_wait() -> None:
    done, waiting = expanded({"count": 3, "where": "${spec.name}-${spec.run}"})
    known, own = values.of_spec(done, waiting, {"name": "n-${spec.run}", "run": "${count}"}, Problems())
    assert known == {"count": 3, "spec.run": 3, "spec.name": "n-3", "where": "n-3-3"}
    assert own == {"run": 3, "name": "n-3"}


def test_every_wrong_value_is_reported_at_itself() -> None:
    found = refused({"a": "${b}", "b": ["${nope}"], "c": "${env}", "d": "x${e}", "e": [], "f": "${b}"})
    assert sorted(found) == [("unknown-value", (p,) if p != "b" else ("b", 0)) for p in ("b", "c", "d")]


def test_only_the_circles_contain_themselves() -> None:
    circles = {"a": "${b}", "b": "${a}", "c": "${c}", "user": "${a}", "used": 1}
    assert refused(circles) == [("cyclic-value", (name,)) for name in ("a", "b", "c")]


def test_a_long_chain_of_values_is_only_long() -> None:
    filled, _ = expanded({**{f"v{n}": f"${{v{n + 1}}}" for n in range(3000)}, "v3000": "end"})
    assert filled["v0"] == "end"


@pytest.mark.parametrize("shape", ['"${NEXT}${NEXT}"', '["${NEXT}", "${NEXT}"]', '{"a": "${NEXT}", "b": "${NEXT}"}'])
def test_values_cannot_explode(shape: str) -> None:
    given = {f"v{n}": json.loads(shape.replace("NEXT", f"v{n + 1}")) for n in range(40)}
    assert [rule for rule, _ in refused({**given, "v40": "x" * 10})] == ["too-large"]


def test_a_text_cannot_explode_either() -> None:
    problems = Problems()
    values.substitute(["${big}" * 2000, "${big}"], {"big": "x" * 1000}, problems)
    assert [(p.rule, p.path) for p in problems] == [("too-large", (0,))]


def test_values_cannot_nest_for_ever() -> None:
    given = {f"v{n}": [[[f"${{v{n + 1}}}"]]] for n in range(40)}
    assert {rule for rule, _ in refused({**given, "v40": "x"})} == {"too-deep"}
