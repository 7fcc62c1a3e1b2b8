"""What can be put at a place of a document: a key, a value, a ref, a file."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from sagespec.review.explain import Explanation

Sort = Literal["key", "value", "kind", "ref", "locked", "file", "folder", "variable"]
Block = Literal["", "mapping", "list"]


class Offer(NamedTuple):
    """One thing that can be accepted.

    `value` is a key, or a value as data; a ref is `{"ref": ADDRESS}`. `detail` is one line, `about` is what `explain`
    says. Offers with a lower `rank` come first. `block` says what stands below a key.
    """

    value: Any
    sort: Sort
    detail: str = ""
    about: Explanation | None = None
    rank: int = 5
    block: Block = ""


def is_like(typed: str, text: str) -> bool:
    """Return whether the characters that are typed occur in a text, in their order and in any case."""
    rest = iter(text.lower())
    return all(character in rest for character in typed.lower())
