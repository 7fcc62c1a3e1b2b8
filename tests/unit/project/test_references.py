"""The order of specs, and the circles in it."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from sagespec.project import references

NAMES = "abcdef"
GRAPHS = st.fixed_dictionaries({name: st.lists(st.sampled_from(NAMES), max_size=2, unique=True) for name in NAMES})


@given(GRAPHS)
def test_everything_is_in_order_or_in_a_circle(edges: dict[str, list[str]]) -> None:
    order, circles = references.order(edges)
    assert sorted([*order, *circles]) == sorted(edges)
    for address, way in circles.items():
        assert way[0] == way[-1] == address
        assert all(there in edges[here] for here, there in pairwise(way))
    for place, address in enumerate(order):
        assert set(edges[address]) <= {*order[:place], *circles}
        assert address not in references.needed(edges[address], edges)


@given(GRAPHS, st.sampled_from(NAMES))
def test_users_are_those_that_need_it(edges: dict[str, list[str]], target: str) -> None:
    assert references.users([target], edges) == {one for one in edges if target in references.needed([one], edges)}


def test_the_way_round_is_the_shortest() -> None:
    edges = {"a": ["b", "c"], "b": ["c"], "c": ["a"]}
    assert references.order(edges)[1]["a"] == ["a", "c", "a"]
