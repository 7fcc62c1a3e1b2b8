"""The part of a review that somebody asks for.

In: a review, and addresses. Out: the review with their entries and exceptions.
"""

from __future__ import annotations

from collections.abc import Collection

from sagespec.review.entry import GROUPS, Review


def select(review: Review, wanted: Collection[str], groups: Collection[str]) -> Review:
    """Keep the entries of the wanted addresses, or all without one, and of the wanted groups, or all."""
    sorts = {sort for group in groups for sort in GROUPS[group]}
    kept = [
        entry
        for entry in review.entries
        if (not groups or entry.sort in sorts) and (not wanted or entry.address in wanted)
    ]
    excepted = [one for one in review.exceptions if not wanted or one.address in wanted]
    return review._replace(entries=kept, exceptions=excepted)
