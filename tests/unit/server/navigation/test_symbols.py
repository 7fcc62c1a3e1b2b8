"""Outlines of files, also of broken ones, and specs by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types
from sagespec.server.navigation import symbols
from sagespec.server.positions import Text

from tests.conftest import ROOT
from tests.unit.server.desk import FILES, LINE, PROJECT, TORCHRUN, Desk

TEXTS = [PROJECT, LINE, *(file.read_text("utf-8") for file in sorted((ROOT / "specs").glob("*.yaml")))]


def outline(name: str, text: str) -> list[types.DocumentSymbol]:
    return symbols.outline(Text(name, text, "utf-16"))


def names(found: list[types.DocumentSymbol], depth: int) -> list[object]:
    return [(one.name, names(list(one.children or ()), depth - 1)) if depth else one.name for one in found]


def test_specs_are_symbols_with_their_fields() -> None:
    found = outline("specs/line.yaml", LINE)
    assert [one.name for one in found] == ["ModelTrainer/line", "ModelTrainer/other"]
    assert names(list(found[1].children or ()), 1) == [("training_image", []), ("distributed", ["ref"])]
    text = Text("specs/line.yaml", LINE, "utf-16")
    whole = LINE[text.offset(found[0].range.start) : text.offset(found[0].range.end)]
    assert whole == LINE.partition("\n---")[0]
    chosen = found[0].selection_range
    assert LINE[text.offset(chosen.start) : text.offset(chosen.end)] == "line"


def test_the_project_file_has_its_environments_and_values() -> None:
    assert names(outline("sagespec.yaml", PROJECT), 1) == [
        ("dev", ["bucket", "which"]),
        ("prod", ["bucket", "path", "which"]),
    ]


def test_what_can_be_read_of_a_broken_file_is_shown() -> None:
    assert names(outline("specs/line.yaml", LINE + "---\nkind: Torchrun\nspec: {{"), 0) == [
        "ModelTrainer/line",
        "ModelTrainer/other",
        "Torchrun",
    ]
    assert outline("deploy.yaml", "kind: Pod\nmetadata: {name: a}\n") == []
    assert outline("sagespec.yaml", "[") == outline("a.yaml", "") == outline("a.yaml", "- 1") == []


def every(found: list[types.DocumentSymbol]) -> Iterator[tuple[types.DocumentSymbol, types.Range | None]]:
    for one in found:
        yield one, None
        for inner, _ in every(list(one.children or ())):
            yield inner, one.range if inner in (one.children or ()) else None


@pytest.mark.parametrize("name", ["sagespec.yaml", "specs/a.yaml"])
@given(text=st.sampled_from(TEXTS), data=st.data())
def test_ranges_lie_in_each_other_in_any_text(name: str, text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    typed = data.draw(
        st.sampled_from(["", "{", "- ", "\n  x: |\n    😀\n\n", "&a b: *a", "kind: Torchrun", "'", "? "])
    )
    for one, around in every(outline(name, text[:cut] + typed + text[cut:])):
        chosen = one.selection_range
        assert one.name
        assert one.range.start <= chosen.start <= chosen.end <= one.range.end
        assert around is None or around.start <= one.range.start <= one.range.end <= around.end


def test_flat_symbols_say_what_they_are_in() -> None:
    found = symbols.flat(outline("specs/torchrun.yaml", TORCHRUN), "file:a")
    assert [(one.name, one.container_name) for one in found] == [
        ("Torchrun/two", None),
        ("process_count_per_node", "Torchrun/two"),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["ModelTrainer/line", "ModelTrainer/other", "Torchrun/two"]),
        ("mtrr/", ["ModelTrainer/line", "ModelTrainer/other"]),
        ("TWO", ["Torchrun/two"]),
        ("Model*/l*", ["ModelTrainer/line"]),
        ("[", []),
    ],
)
def test_specs_are_found_by_parts_of_their_addresses(tmp_path: Path, query: str, expected: list[str]) -> None:
    desk = Desk(tmp_path, FILES)
    found = symbols.search(query, desk.sheets())
    assert [one.name for one in found] == expected
    for one in found:
        assert isinstance(one.location, types.Location)
        assert desk.shown(one.location)[1] == one.name.partition("/")[2]
