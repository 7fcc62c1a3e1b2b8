"""The part of a review that somebody asks for.

In: a review, addresses, and groups of classes. Out: the review of these addresses. Entries of other groups are hidden
only: a choice of what to show does not change what starts.
"""

from __future__ import annotations

from collections.abc import Collection

from sagespec.review.entry import GROUPS, Review


def select(review: Review, wanted: Collection[str], groups: Collection[str]) -> Review:
    """Keep the entries of the wanted addresses, or all without one, and hide those of other groups, or none."""
    sorts = {sort for group in groups for sort in GROUPS[group]}
    kept = [entry for entry in review.entries if not wanted or entry.address in wanted]
    shown = [entry for entry in kept if not groups or entry.sort in sorts]
    hidden = [entry for entry in kept if groups and entry.sort not in sorts]
    excepted = [one for one in review.exceptions if not wanted or one.address in wanted]
    return review._replace(entries=shown, hidden=hidden, exceptions=excepted)
