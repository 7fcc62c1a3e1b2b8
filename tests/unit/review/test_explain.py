"""Explanations of every name that there is, in every form; destinations read forwards and backwards."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec.checking import schema
from sagespec.diagnostics.rules.rule import Rule
from sagespec.review import destinations, explain, explained, fields, reference, sdk_names
from sagespec.review.destinations import Destination
from sagespec.review.explain import Explanation

NAMES = tuple(explain.names())


def lines_of(name: str) -> list[str]:
    """A name in each of the forms."""
    found = explain.named(name)
    if isinstance(found, Rule):
        said = ["".join(line) for line in explained.rule(found)]
        return [*said, *reference.rule(found), json.dumps(explained.rule_data(found))]
    said = ["".join(line) for line in explained.text(found, reference.DEEPEST)]
    return [*said, *reference.field(found), json.dumps(explained.data(found, reference.DEEPEST))]


@pytest.mark.parametrize("document", explain.documents())
def test_every_field_can_be_explained_in_each_form(document: str) -> None:
    for name in (name for name in NAMES if name.partition(".")[0] == document):
        lines = lines_of(name)
        assert all(isinstance(line, str) and "\n\n" not in line for line in lines), name


def test_every_rule_can_be_explained_in_each_form() -> None:
    for name in (name for name in NAMES if name[0].islower()):
        assert lines_of(name)[0].startswith(name)


@given(st.one_of(st.text(), st.sampled_from(NAMES).flatmap(lambda n: st.text().map(lambda t: f"{n}.{t}"))))
def test_any_text_is_a_name_or_unknown(name: str) -> None:
    with suppress(explain.Unknown):
        assert explain.named(name)


@given(st.sampled_from(NAMES))
def test_a_name_stands_for_the_field_that_has_it(name: str) -> None:
    found = explain.named(name)
    if isinstance(found, Explanation):
        assert explain.short(found.field.document, found.field.path) == name
        again = explain.named(found.field.address)
        assert isinstance(again, Explanation)
        assert again.field == found.field


def test_a_field_is_found_by_its_key_path() -> None:
    """As a language server has it: entries by number, keys of mappings by name."""
    found = explain.at("ModelTrainer", ("spec", "input_data_config", 3, "channel_name"))
    assert found is not None
    assert found.field.path == ("spec", "input_data_config", "[]", "channel_name")
    assert explain.at("ModelTrainer", ("spec", "environment", "ANY")) is not None
    assert explain.at("ModelTrainer", ("spec", "nothing")) is None
    assert explain.at("ModelTrainer", ()) is not None


def test_destinations_are_read_forwards_and_backwards() -> None:
    path = ("spec", "compute", "instance_count")
    member = ("ResourceConfig", "InstanceCount")
    use = destinations.of("ModelTrainer")[path]
    assert use.to == (Destination("CreateTrainingJob", member),)
    assert use.starts_run
    assert destinations.sources("ModelTrainer")["CreateTrainingJob", member] == (path,)
    assert not destinations.of("ModelTrainer")["spec", "tags", "*"].starts_run
    assert not destinations.of("ModelTrainer")["metadata", "description"].starts_run
    assert destinations.of("Torchrun")["metadata", "run"].starts_run  # trainers that refer to it run again


@pytest.mark.parametrize("kind", schema.kinds())
def test_every_field_of_a_kind_has_a_use(kind: str) -> None:
    uses = destinations.of(kind)
    assert set(uses) == set(fields.of(kind)) - {()}
    assert [path for path, use in uses.items() if not use.to and not use.instead] == []


@pytest.mark.parametrize("kind", schema.kinds())
def test_the_names_of_the_sdk_are_of_fields(kind: str) -> None:
    known = {fields.dotted(path[1:]) for path in fields.of(kind) if path[:1] == ("spec",)}
    named = set(sdk_names.of_fields(kind))
    assert not named or named & known


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "a b"),
        ("true", '"true"'),
        ("a: b", '"a: b"'),
        ("", '""'),
        ("12", '"12"'),
        ({"a": [1, True, None]}, "{a: [1, true, null]}"),
        ("x\ny", '"x\\ny"'),
    ],
)
def test_values_are_written_as_yaml_reads_them(value: object, text: str) -> None:
    assert explained.inline(value) == text
