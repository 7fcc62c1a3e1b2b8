"""The part of a review that somebody asks for.

In: a review, and addresses, names or globs. Out: the review with their entries and exceptions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from sagespec.review.entry import GROUPS, Review


def fits(address: str, pattern: str) -> bool:
    """Whether a pattern means an address: as a whole, by its name, or as a glob."""
    return fnmatchcase(address, pattern) or address.partition("/")[2] == pattern


def unknown(patterns: Iterable[str], addresses: Collection[str]) -> list[str]:
    """The patterns that mean none of some addresses."""
    return [pattern for pattern in patterns if not any(fits(address, pattern) for address in addresses)]


def select(review: Review, patterns: Sequence[str], groups: Collection[str]) -> Review:
    """Keep the entries that patterns mean, if there are any, and that are of one of the groups, if there are any."""
    sorts = {sort for group in groups for sort in GROUPS[group]}
    kept = [
        entry
        for entry in review.entries
        if (not groups or entry.sort in sorts) and (not patterns or any(fits(entry.address, p) for p in patterns))
    ]
    excepted = [one for one in review.exceptions if not patterns or any(fits(one.address, p) for p in patterns)]
    return review._replace(entries=kept, exceptions=excepted)
