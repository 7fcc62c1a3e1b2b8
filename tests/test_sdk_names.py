"""The table of the SDK's names: inventory, schema and page say the same. tests/parity compares it with the SDK."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from sagespec import assets
from sagespec.cli.program import cli
from sagespec.review import sdk_names
from sagespec.review.sdk_names import Inventory, Owner, Row

from tools import write_sdk_table

INVENTORIES = sdk_names.inventories()
KINDS = sorted({kind for inventory in INVENTORIES for kind in inventory.kinds})
each = pytest.mark.parametrize("inventory", INVENTORIES, ids=lambda inventory: inventory.name)


def rows(inventory: Inventory) -> Iterator[tuple[Owner, Row]]:
    return ((owner, row) for owner in inventory.owners for row in owner.rows)


def test_the_page_is_as_written_from_the_inventories() -> None:
    assert write_sdk_table.PAGE.read_text("utf-8") == write_sdk_table.text(), "run tools/write_sdk_table.py"
    assert sorted(name for group in write_sdk_table.GROUPS.values() for name in group) == [
        i.name for i in INVENTORIES
    ]


def test_every_kind_has_an_inventory() -> None:
    files = {file.stem for file in assets.schemas().glob("*.json")}
    assert set(KINDS) == files - {"Compiled", "Lock", "Project", "common"}


@pytest.mark.parametrize("kind", KINDS)
def test_inventories_and_schema_name_the_same_fields(kind: str) -> None:
    """A new field needs a row, and a field that is gone leaves none."""
    about = [inventory for inventory in INVENTORIES if kind in inventory.kinds]
    named = {row.field for inventory in about for _, row in rows(inventory) if row.field}
    ours = {field for inventory in about for field in inventory.ours}
    assert named | ours == set(write_sdk_table.fields(kind))
    assert not named & ours


@each
def test_every_row_says_something(inventory: Inventory) -> None:
    described = {path: text for kind in inventory.kinds for path, text in write_sdk_table.fields(kind).items()}
    silent = [
        f"{o.name}.{r.written}" for o, r in rows(inventory) if not (r.why or r.word != "has" or described[r.field])
    ]
    assert silent == []


@each
def test_commands_and_options_exist(inventory: Inventory) -> None:
    for owner, row in rows(inventory):
        if row.word == "command":
            words = row.target.split()
            command: click.Command = cli
            context = click.Context(cli)
            while words and isinstance(command, click.Group):
                found = command.get_command(context, words.pop(0))
                assert found, f"{owner.name}.{row.written}: {row.target}"
                command = found
            options = {option for parameter in command.params for option in parameter.opts}
            assert set(words) <= options, f"{owner.name}.{row.written}: {row.target}"


@each
def test_kinds_and_keys_of_the_project_file_exist(inventory: Inventory) -> None:
    keys = assets.document(assets.schemas() / "Project.json")["properties"]
    for _, row in rows(inventory):
        assert row.word != "kind" or row.target in KINDS
        assert row.word != "project" or row.target in keys


@pytest.mark.parametrize(
    ("written", "row"),
    [
        ("name", {}),
        ("name", {"differs": "role"}),
        ("name", {"has": "role", "why": "x"}),
        ("name", {"not": "x", "has": "role"}),
        ("name", {"word": "role"}),
        ("", {"has": "role"}),
        ("name(", {"has": "role"}),
        ("name()x", {"has": "role"}),
    ],
)
def test_a_row_has_one_of_the_forms(written: str, row: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"\{"):
        sdk_names.row_of(written, row, {})


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("role", ("role",)),
        ("get()", ("get()",)),
        ("get(a, b), C, put(a)", ("get()", "get(a)", "get(b)", "C", "put()", "put(a)")),
        ("stop(a)", ("stop(a)",)),
        ("module.part, other", ("module.part", "other")),
    ],
)
def test_the_key_of_a_row_is_read_as_names(written: str, names: tuple[str, ...]) -> None:
    row = sdk_names.row_of(written, {"has": "role"}, {"stop()": {}, "stop(a)": {}})
    assert row.names == names


def test_fields_have_the_names_of_the_sdk() -> None:
    names = sdk_names.of_fields("ModelTrainer")
    assert names["compute.instance_count"] == ("Compute.instance_count",)
    assert names["input_data_config[].channel_name"] == ("InputData.channel_name", "Channel.channel_name")
    assert names["source_code"] == ("ModelTrainer.source_code",)
    assert names["infra_check_config"] == ("ModelTrainer.with_infra_check_config()",)
    assert "distributed.ref" not in names
    assert sdk_names.of_fields("SFTTrainer")["training_type"][0] == "SFTTrainer.training_type"
    assert sdk_names.of_fields("SFTTrainer")["base_job_name"] == ("SFTTrainer.base_job_name",)
    assert sdk_names.of_fields("Torchrun")["smp.random_seed"] == ("SMP.random_seed",)
    assert sdk_names.of_fields("NoKind") == {}
