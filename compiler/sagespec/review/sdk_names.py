"""The names that the SageMaker Python SDK has for what sagespec compiles, and where each is here.

An inventory, `data/sdk/*.json`, has the `kinds` that it is about and `owners`: a class, function or module of the SDK
(`from`), how its names are found (`names`: `fields` of a model, `parameters` of a function, public `members` of a
class, `classes` of a module), and `rows` by name. FIELD in a row is a path in the spec, such as
`input_data_config[].channel_name`:

    {"has": FIELD}                   the field does what the SDK's does
    {"differs": FIELD, "why": ...}   it does it in another way
    {"not": WHY}                     there is no field

`ours` are fields that the SDK has no name for, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from sagespec import assets


@dataclass(frozen=True)
class Row:
    """One name of the SDK: the field that it is here, if there is one, and how they differ or why there is none."""

    name: str
    field: str = ""
    why: str = ""

    @property
    def word(self) -> str:
        if not self.field:
            return "not"
        return "differs" if self.why else "has"


@dataclass(frozen=True)
class Owner:
    """A class, function or module of the SDK; `origin` is MODULE or MODULE:NAME, `names` how its names are found."""

    name: str
    origin: str
    names: str
    note: str
    rows: tuple[Row, ...]

    def name_of(self, row: Row) -> str:
        """Return the name of a row as one writes it in Python, such as `Compute.instance_count`."""
        return f"{self.name.partition(',')[0]}.{row.name}"


@dataclass(frozen=True)
class Inventory:
    """Names of the SDK for some kinds, and the fields that only sagespec has, with the reason."""

    title: str
    kinds: tuple[str, ...]
    owners: tuple[Owner, ...]
    ours: dict[str, str]


@cache
def inventories() -> tuple[Inventory, ...]:
    """Read all inventories, in the order of their files."""
    return tuple(_inventory(assets.document(path)) for path in sorted((assets.data() / "sdk").glob("*.json")))


def of_fields(kind: str) -> dict[str, tuple[str, ...]]:
    """Return the SDK's names of a kind's fields by path, such as `compute.instance_count`: `Compute.instance_count`.

    A field may have several; classes of a module are not among them. What only sagespec has is not there.
    """
    names: dict[str, tuple[str, ...]] = {}
    for inventory in inventories():
        if kind in inventory.kinds:
            for owner in inventory.owners:
                for row in owner.rows:
                    if row.field and owner.names != "classes":
                        names[row.field] = (*names.get(row.field, ()), owner.name_of(row))
    return names


def _inventory(content: dict[str, Any]) -> Inventory:
    owners = tuple(
        Owner(o["name"], o["from"], o["names"], o.get("note", ""), tuple(row_of(n, r) for n, r in o["rows"].items()))
        for o in content["owners"]
    )
    return Inventory(content["title"], tuple(content["kinds"]), owners, content["ours"])


def row_of(name: str, row: dict[str, str]) -> Row:
    """Read a row.

    Raises ValueError for one that is none of the three.
    """
    if set(row) == {"has"}:
        return Row(name, row["has"])
    if set(row) == {"differs", "why"}:
        return Row(name, row["differs"], row["why"])
    if set(row) == {"not"}:
        return Row(name, why=row["not"])
    raise ValueError(f"{name}: {row}")
