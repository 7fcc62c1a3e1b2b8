"""YAML of every style as data, with a place for every key and value."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sagespec.reading import yaml_reader

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12).filter(
    lambda w: w[:1] not in set("+-.0123456789")
)
"""No text that is a number in YAML 1.2 alone: the writer, of YAML 1.1, does not quote it."""
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=15,
)
STYLES = st.fixed_dictionaries(
    {
        "default_flow_style": st.sampled_from([None, True, False]),
        "default_style": st.sampled_from([None, '"', "'"]),
        "allow_unicode": st.booleans(),
        "width": st.sampled_from([20, 1000]),
    }
)


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def as_texts(tree: Any) -> Any:
    """What a style that quotes all scalars makes of data, apart from tags that say otherwise."""
    if isinstance(tree, dict):
        return {key: as_texts(item) for key, item in tree.items()}
    return [as_texts(item) for item in tree] if isinstance(tree, list) else str(tree)


@given(st.lists(DATA, min_size=1, max_size=3), STYLES)
def test_what_yaml_has_written_is_read_as_it_was(documents: list[Any], style: dict[str, Any]) -> None:
    if style["default_style"]:  # numbers would carry tags, which are refused
        documents = as_texts(documents)
    found = yaml_reader.read(yaml.safe_dump_all(documents, **style))
    assert [one.faults for one in found] == [[]] * len(documents)
    assert [one.data for one in found] == documents


@given(DATA)
def test_everything_has_a_place(data: Any) -> None:
    (found,) = yaml_reader.read(yaml.safe_dump(data))
    for path in found.values:
        at(found.data, path)
    assert all(path[-1] in at(found.data, path[:-1]) for path in found.keys)
    keys = [path for path in found.values if path and isinstance(path[-1], str)]
    assert set(keys) == set(found.keys)


@given(st.text() | st.text("{}[]:,-?&*!|>'\"%@` \n\tab#<", max_size=40))
def test_any_text_is_read_or_refused_at_a_place(text: str) -> None:
    for document in yaml_reader.read(text):
        assert document.whole or document.faults
        for fault in document.faults:
            assert 1 <= fault.span.line <= len(yaml_reader.LINE_BREAK.split(text)) + 1
            assert fault.span.column >= 1


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: on\nb: 1:30\nc: 0o17\nd: 2026-01-31\n", {"a": "on", "b": "1:30", "c": 15, "d": "2026-01-31"}),
        ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: |\n  b\n  c\n", {"a": "b\nc\n"}),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, data: Any) -> None:
    (found,) = yaml_reader.read(text)
    assert (found.data, found.faults) == (data, [])


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        ("a: 1\na: 2\n", "duplicate-key", 2),
        ("a: .inf\n", "bad-scalar", 1),
        ("a: &x [*x]\n", "cyclic-alias", 1),
        ("a: !!python/object:os.system x\n", "unknown-tag", 1),
        ("a: [1\nb: 2\n", "syntax", 1),
    ],
)
def test_what_json_could_not_say_is_refused(text: str, rule: str, line: int) -> None:
    fault = yaml_reader.read(text)[0].faults[0]
    assert (fault.problem.rule, fault.span.line) == (rule, line)
