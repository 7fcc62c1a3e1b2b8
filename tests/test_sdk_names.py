"""The table of the SDK's names: inventory, schema and page say the same. tests/parity compares it with the SDK."""

from __future__ import annotations

import pytest

from tools import write_sdk_table
from tools.write_sdk_table import Inventory

INVENTORIES = write_sdk_table.inventories()
each = pytest.mark.parametrize("inventory", INVENTORIES, ids=lambda inventory: inventory.kind)


def test_the_page_is_as_written_from_the_inventories() -> None:
    assert write_sdk_table.PAGE.read_text("utf-8") == write_sdk_table.text(), "run tools/write_sdk_table.py"


@each
def test_inventory_and_schema_name_the_same_fields(inventory: Inventory) -> None:
    """A new field needs a row, and a field that is gone leaves none."""
    named = {row.field for owner in inventory.owners for row in owner.rows if row.field}
    fields = set(write_sdk_table.fields(inventory.kind))
    assert named | set(inventory.ours) == fields
    assert not named & set(inventory.ours)


@each
def test_every_row_says_something(inventory: Inventory) -> None:
    described = write_sdk_table.fields(inventory.kind)
    silent = [
        f"{owner.name}.{row.name}"
        for owner in inventory.owners
        for row in owner.rows
        if not (row.why or described[row.field])
    ]
    assert silent == []


@pytest.mark.parametrize("row", [{}, {"differs": "role"}, {"has": "role", "why": "x"}, {"not": "x", "has": "role"}])
def test_a_row_is_one_of_three(row: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="name: "):
        write_sdk_table._row("name", row)
