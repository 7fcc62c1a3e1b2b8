"""The files of a project, as questions about many of their names read them."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types
from sagespec.server.navigation import symbols

from tests.unit.server.desk import FILES, TORCHRUN, Desk

MANY = "---\n".join(TORCHRUN.replace("two", f"name-{number}") for number in range(30))


@pytest.mark.parametrize("is_open", [True, False])
def test_the_lines_of_a_file_are_found_once_for_all_locations_in_it(tmp_path: Path, is_open: bool) -> None:
    desk = Desk(tmp_path, {**FILES, "specs/many.yaml": MANY})
    if is_open:
        desk.opened["specs/many.yaml"] = "\ufeff" + MANY
    sheets = desk.sheets()
    before = sheets.pages["specs/many.yaml"]
    found = {one.name: one.location for one in symbols.search("name-", sheets)}
    assert sheets.pages["specs/many.yaml"] is before
    assert len(found) == 30
    for address, location in found.items():
        assert isinstance(location, types.Location)
        assert desk.shown(location) == ("specs/many.yaml", address.partition("/")[2])


def test_texts_are_not_kept_for_the_next_question(tmp_path: Path) -> None:
    desk = Desk(tmp_path, FILES)
    before = desk.sheets()
    assert before.pages["specs/torchrun.yaml"].text == TORCHRUN
    desk.write("specs/torchrun.yaml", TORCHRUN.replace("two", "three"))
    assert desk.sheets().pages["specs/torchrun.yaml"].text == TORCHRUN.replace("two", "three")
