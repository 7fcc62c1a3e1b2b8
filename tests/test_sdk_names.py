"""The table of the SDK's names: inventory, schema and page say the same. tests/parity compares it with the SDK."""

from __future__ import annotations

import pytest
from sagespec.review import sdk_names
from sagespec.review.sdk_names import Inventory

from tools import write_sdk_table

INVENTORIES = sdk_names.inventories()
each = pytest.mark.parametrize("inventory", INVENTORIES, ids=lambda inventory: inventory.title)


def test_the_page_is_as_written_from_the_inventories() -> None:
    assert write_sdk_table.PAGE.read_text("utf-8") == write_sdk_table.text(), "run tools/write_sdk_table.py"


@each
def test_inventory_and_schema_name_the_same_fields(inventory: Inventory) -> None:
    """A new field needs a row, and a field that is gone leaves none."""
    named = {row.field for owner in inventory.owners for row in owner.rows if row.field}
    fields = {path for kind in inventory.kinds for path in write_sdk_table.fields(kind)}
    assert named | set(inventory.ours) == fields
    assert not named & set(inventory.ours)


@each
def test_every_row_says_something(inventory: Inventory) -> None:
    described = {path: text for kind in inventory.kinds for path, text in write_sdk_table.fields(kind).items()}
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
        sdk_names.row_of("name", row)


def test_fields_have_the_names_of_the_sdk() -> None:
    names = sdk_names.of_fields("ModelTrainer")
    assert names["compute.instance_count"] == ("Compute.instance_count",)
    assert names["input_data_config[].channel_name"] == ("InputData.channel_name", "Channel.channel_name")
    assert names["source_code"] == ("ModelTrainer.source_code",)
    assert "distributed.ref" not in names
    assert sdk_names.of_fields("NoKind") == {}
