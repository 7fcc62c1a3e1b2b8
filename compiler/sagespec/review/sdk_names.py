"""The names that the SageMaker Python SDK has for what sagespec compiles, and where each is here.

An inventory, `data/sdk/*.json`, has the `kinds` that it is about and `owners`, each a class or module of the SDK
(`from`) with its `rows`. How its names are found is `names`: of a `class`, its `constructor` or a `module`; of the
package, the `modules` and `exports` that are nowhere else. `base` marks a class that users know by its subclasses.
The key of a row is the names that it is about: `role`, `stop()`, `wait(poll, timeout)`, or several with commas; the
row of a parameter is that of its function too, unless `wait()` has its own. A row is one of

    {"has": FIELD}                          the field does what the SDK's does
    {"differs": FIELD, "why": ...}          it does it in another way
    {"command": "logs --follow", "why": …}  a command does it; `why` may be left out in this form and the next two
    {"kind": KIND}                          it is a kind
    {"project": KEY}                        it is a key of the project file
    {"not": WHY}                            there is nothing of it

where FIELD is a path in the spec, such as `input_data_config[].channel_name`. `ours` are fields that the SDK has no
name for, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sagespec import assets

FORMS = {
    "has": ({"has"}, {"has"}),
    "differs": ({"differs", "why"}, {"differs", "why"}),
    "command": ({"command"}, {"command", "why"}),
    "kind": ({"kind"}, {"kind", "why"}),
    "project": ({"project"}, {"project", "why"}),
    "not": ({"not"}, {"not"}),
}
"""The forms of a row: what each must have, and what it may have."""


@dataclass(frozen=True)
class Row:
    """Names of the SDK and where they are here: `word` is one of FORMS, `target` a field, command, kind or key."""

    names: tuple[str, ...]
    written: str
    word: str
    target: str = ""
    why: str = ""

    @property
    def field(self) -> str:
        return self.target if self.word in ("has", "differs") else ""


@dataclass(frozen=True)
class Owner:
    """A class or module of the SDK; `origin` is MODULE or MODULE:NAME, `names` how its names are found."""

    name: str
    origin: str
    names: str
    base: bool
    note: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Inventory:
    """Names of the SDK for some kinds, and the fields that only sagespec has, with the reason."""

    name: str
    title: str
    kinds: tuple[str, ...]
    owners: tuple[Owner, ...]
    ours: Mapping[str, str]


@cache
def inventories() -> tuple[Inventory, ...]:
    """Read all inventories, in the order of their files."""
    files = sorted((assets.data() / "sdk").glob("*.json"))
    return tuple(_inventory(path.stem, assets.document(path)) for path in files)


@cache
def of_fields(kind: str) -> Mapping[str, tuple[str, ...]]:
    """Return the SDK's names of a kind's fields by path, such as `compute.instance_count`: `Compute.instance_count`.

    The class of the kind's own name goes first. Arguments of a constructor go before methods, and these before
    arguments of methods: a field that has any of one sort has none of the next. What only sagespec has is not there.
    """
    names: dict[str, list[str]] = {}
    for inventory in inventories():
        for owner in inventory.owners if kind in inventory.kinds else ():
            for row in owner.rows:
                if row.field:
                    shown = kind if owner.base else owner.name
                    names.setdefault(row.field, []).extend(f"{shown}.{name}" for name in row.names)
    return {
        field: tuple(sorted(_best(found), key=lambda n: not n.startswith(f"{kind}.")))
        for field, found in names.items()
    }


def _best(names: list[str]) -> list[str]:
    arguments = [name for name in names if not name.endswith(")")]
    return arguments or [name for name in names if name.endswith("()")] or names


def _inventory(name: str, content: dict[str, Any]) -> Inventory:
    owners = tuple(
        Owner(o["name"], o["from"], o["names"], o.get("base", False), o.get("note", ""), _rows(o["rows"]))
        for o in content["owners"]
    )
    return Inventory(name, content["title"], tuple(content["kinds"]), owners, content["ours"])


def _rows(rows: Mapping[str, Mapping[str, str]]) -> tuple[Row, ...]:
    return tuple(row_of(written, row, rows) for written, row in rows.items())


def row_of(written: str, row: Mapping[str, str], rows: Mapping[str, Any]) -> Row:
    """Read a row; `rows` are all of its owner.

    Raises ValueError for one that has no form, or whose names cannot be read.
    """
    word = next((word for word, (least, most) in FORMS.items() if least <= row.keys() <= most), "")
    names = tuple(_names(written, rows))
    if not word or not names:
        raise ValueError(f"{written}: {dict(row)}")
    if word == "not":
        return Row(names, written, word, why=row["not"])
    return Row(names, written, word, row[word], row.get("why", ""))


def _names(written: str, rows: Mapping[str, Any]) -> list[str]:
    """Return the names that the key of a row is about, functions as `stop()`, parameters as `wait(poll)`."""
    names: list[str] = []
    if not re.fullmatch(r"(?:\w+(?:\.\w+)*(?:\([\w, ]*\))?(?:, |$))+", written):
        return names
    for name, called, parameters in re.findall(r"([\w.]+)(\(([^)]*)\))?(?:, |$)", written):
        if not called:
            names.append(name)
            continue
        if not parameters or f"{name}()" not in rows:
            names.append(f"{name}()")
        names.extend(f"{name}({parameter})" for parameter in parameters.split(", ") if parameter)
    return list(dict.fromkeys(names))
