"""Positions as editors count them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol.types import Position
from sagespec.server.positions import Text

UNITS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


@pytest.mark.parametrize("units", UNITS)
@given(text=st.text("a😀é\ufeff\n\r: ", max_size=30), data=st.data())
def test_offsets_and_positions_are_the_same_places(units: str, text: str, data: st.DataObject) -> None:
    read = Text("a.yaml", text, units)
    offset = data.draw(st.integers(0, len(read.text)))
    position = read.position(offset)
    if read.text[offset - 1 : offset + 1] != "\r\n":
        assert read.offset(position) == offset
    coding, size = UNITS[units]
    mark = len(text) - len(read.text)
    line = text[: mark + offset].replace("\r\n", "\n").replace("\r", "\n").split("\n")[-1]
    assert position.character == len(line.encode(coding)) // size or text[mark + offset - 1 : mark + offset] == "\r"


def test_a_byte_order_mark_counts_in_the_first_line_only() -> None:
    text = Text("a.yaml", "\ufeffa\nb", "utf-16")
    assert text.text == "a\nb"
    assert text.position(0) == Position(0, 1)
    assert text.position(2) == Position(1, 0)
    assert text.offset(Position(0, 0)) == text.offset(Position(0, 1)) == 0
