"""Values that know their origin: settled trees are plain, and each place leads back to its field."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sagespec.documents.traced import Provenance, Traced, origin, settle

DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def places(tree: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place, *(p for key, item in pairs for p in places(item, (*place, key)))]


@given(DATA)
def test_a_settled_tree_is_the_plain_one(data: Any) -> None:
    tree, provenance = settle({"Outer": [Traced(data, ("spec", "field"))]})
    assert tree == {"Outer": [data]}
    assert provenance == {("Outer", 0): ("spec", "field")}


@given(DATA)
def test_what_is_in_a_traced_value_comes_from_within_its_field(data: Any) -> None:
    _, provenance = settle([Traced(data, ("spec",))])
    for place in places(data):
        assert origin(provenance, (0, *place)) == ("spec", *place)


@given(DATA)
def test_members_know_their_own_paths(data: Any) -> None:
    for place in places(data):
        found = Traced(data, ("spec",))
        plain = data
        for step in place:
            found, plain = found[step], plain[step]
        assert (found.value, found.path) == (plain, ("spec", *place))
        assert found.given == (plain is not None)


def test_an_absent_field_is_a_falsy_nothing_however_deep() -> None:
    absent = Traced({}, ("spec",)).compute.instances[0].name
    assert (absent.value, absent.path) == (None, ("spec", "compute", "instances", 0, "name"))
    assert not absent
    assert not list(absent)
    assert not list(absent.entries())


def test_a_place_takes_the_field_that_all_below_came_from() -> None:
    """Too many entries of a list are the fault of the list, and of none of them."""
    provenance: Provenance = {("Tags", n, "Value"): ("spec", "tags", f"k{n}") for n in range(11)}
    assert origin(provenance, ("Tags",)) == ("spec", "tags")
    provenance[("Tags", 11, "Value")] = ("spec", "owner")
    assert origin(provenance, ("Tags",)) == ("spec", "tags", "k0")


def test_a_place_without_an_origin_takes_that_of_what_is_below_or_beside() -> None:
    _, provenance = settle({"A": {"B": Traced(1, ("spec", "b"))}, "C": 2})
    assert origin(provenance, ("A",)) == ("spec", "b")
    assert origin(provenance, ("A", "X")) == ("spec", "b")
    assert origin({}, ("A",)) == ()
