"""Where each field of a kind goes: the member of a request in which its value ends, and whether it starts a run.

In: `data/destinations.json`, which `tools/write_destinations.py` writes from the full example of each kind,
`schemas/v1/examples/KIND.yaml`: the examples are compiled, and compiled again with each field changed. Out: a `Use`
for each field. Read backwards, `sources` gives the fields that a member may come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sagespec import assets
from sagespec.review.fields import Steps, dotted

FILE = "destinations.json"


@dataclass(frozen=True)
class Destination:
    """A member of a request.

    `member` has ENTRY for each entry of a list and ANY_KEY for a key that the author chose; below `$json` it is in a
    document that is sent as text. With `is_exact` the member holds the value of the field as it is written, else a
    value that is made from it.
    """

    operation: str
    member: Steps
    is_exact: bool = True

    def __str__(self) -> str:
        return ".".join((self.operation, *filter(None, [dotted(step for step in self.member if step != "$json")])))


@dataclass(frozen=True)
class Use:
    """What is made of a field: where its value goes, what it does instead, and whether a change starts a new run."""

    to: tuple[Destination, ...] = ()
    instead: str = ""
    starts_run: bool = False


NO_USE = Use()


@cache
def of(kind: str) -> Mapping[Steps, Use]:
    """Return the uses of a kind's fields by path from the top of the document; empty for a kind without examples."""
    return {parsed(path): _use(use) for path, use in _document().get(kind, {}).items()}


@cache
def sources(kind: str) -> Mapping[tuple[str, Steps], tuple[Steps, ...]]:
    """Return the fields whose value stands unchanged in a member, by operation and member."""
    found: dict[tuple[str, Steps], tuple[Steps, ...]] = {}
    for path, use in of(kind).items():
        for one in use.to:
            if one.is_exact:
                found[one.operation, one.member] = (*found.get((one.operation, one.member), ()), path)
    return found


def parsed(text: str) -> Steps:
    """Read steps from their text, as `dotted` writes them."""
    return tuple(step for step in text.replace("[]", ".[]").split(".") if step)


def _use(written: Mapping[str, Any]) -> Use:
    to = [_destination(text, True) for text in written.get("to", ())]
    made = [_destination(text, False) for text in written.get("made", ())]
    return Use((*to, *made), written.get("instead", ""), written.get("starts", False))


def _destination(text: str, is_exact: bool) -> Destination:
    operation, *member = parsed(text)
    return Destination(operation, tuple(member), is_exact)


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = assets.document(assets.data() / FILE)
    return document
