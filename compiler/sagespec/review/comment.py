"""The parts of comments on pull requests.

In: texts of others, and how much there is room for. Out: Markdown in which nothing of these texts is active: they
cannot mention anybody, break a table or close a tag. Every character of them that Markdown, HTML or a forge gives a
meaning is written as a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from sagespec.diagnostics.escapes import printable

NAMED = 10
"""Addresses that a line names; it counts the rest."""
LONGEST = 300
"""The most characters of a text of others."""
_ACTIVE = re.compile(r"[^A-Za-z0-9 .,/=+\-]")


def code(text: str) -> str:
    """Show a text of others as code in which nothing is active."""
    return f"<code>{_inert(text)}</code>"


def _inert(text: str) -> str:
    """Write as numbers what could be active, and letters beyond ASCII too where they could be taken for such."""
    return _ACTIVE.sub(lambda match: match[0] if match[0].isalpha() else f"&#{ord(match[0])};", printable(text))


def table_row(cells: Iterable[str]) -> str:
    """Write a row of a table, its cells as code."""
    return f"| {' | '.join(code(cell) if cell else '' for cell in cells)} |"


def named(addresses: Sequence[str]) -> str:
    """Name addresses, and count those for which there is no room."""
    more = f" and {len(addresses) - NAMED} more" if len(addresses) > NAMED else ""
    return ", ".join(map(code, addresses[:NAMED])) + more


def fitting(count: int, most: int, write: Callable[[int], str]) -> str:
    """Write with the largest number up to `count` that gives at most `most` characters, or with none."""
    low, high = 0, count
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(write(middle)) <= most else (low, middle - 1)
    return write(low)
