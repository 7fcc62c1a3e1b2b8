"""The parts of comments on pull requests.

In: texts of others, and how much there is room for. Out: Markdown in which nothing of these texts is active: they
cannot mention anybody, break a table or close a tag. Every character of them that Markdown, HTML or a forge gives a
meaning is written as a number, after secrets are masked, and long ones are cut.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from sagespec.diagnostics.escapes import cut, printable
from sagespec.diagnostics.secrets import masked
from sagespec.review import drawing

NAMED = 10
"""Addresses that a line names; it counts the rest."""
LONGEST = 300
"""The most characters of a text of others, before any is written as a number."""
_NODES = 40
_MOST_READ = 10 * LONGEST
_ACTIVE = re.compile(r"[^A-Za-z0-9 .,/=+\-]|(?<=www)\.", re.IGNORECASE)
_FIRST = 2
"""Lines that are never left out: the marker and the verdict."""


@lru_cache(maxsize=20_000)  # a comment is written several times, until it has the right length
def code(text: str) -> str:
    """Show a text of others as code in which nothing is active; a long one is cut."""
    shown = printable(masked(text[:_MOST_READ]))
    return f"<code>{_ACTIVE.sub(lambda match: _as_number(match[0]), cut(shown, LONGEST))}</code>"


def _as_number(character: str) -> str:
    """Write as a number what could be active: not letters of other alphabets."""
    return character if character.isalpha() else f"&#{ord(character)};"


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


_LEFT_OUT = "Left out for length: "


def bounded(text: str, most: int) -> str:
    """Leave out the last lines of a text that has no blocks of several, never its title, and count them."""
    if len(text) <= most:
        return text
    lines = text.rstrip("\n").split("\n")
    told = lines.pop() if lines[-1].startswith(_LEFT_OUT) else _LEFT_OUT
    kept = lines[:_FIRST]
    size = sum(len(line) + 1 for line in kept) + len(_left_out(told, len(lines)))
    for line in lines[_FIRST:]:
        size += len(line) + 1
        if size > most:
            break
        kept.append(line)
    return "\n".join(kept) + "\n" + _left_out(told, len([line for line in lines[len(kept) :] if line]))


def _left_out(told: str, count: int) -> str:
    """Return the line that counts what is left out, after what it has told already."""
    return f"\n{told.rstrip('.')}{', ' if told != _LEFT_OUT else ''}{count} lines.\n"


def graph(edges: Sequence[tuple[str, str]], signs: Mapping[str, str]) -> str:
    """Draw which addresses start after which, by kinds where they are many; '' where there are no edges.

    `signs` stand before the addresses that have one.
    """
    nodes = list(dict.fromkeys(address for edge in edges for address in edge))
    if len(nodes) <= _NODES:
        labels = {address: f"{signs[address]} {address}" if address in signs else address for address in nodes}
        return drawing.mermaid(labels, dict.fromkeys(edges, "")) if edges else ""
    counts = Counter(address.partition("/")[0] for address in nodes)
    links = Counter((one.partition("/")[0], other.partition("/")[0]) for one, other in edges)
    kinds = [kind for kind, _ in counts.most_common(_NODES)]
    return drawing.mermaid(
        {kind: f"{kind}: {counts[kind]}" for kind in kinds},
        {link: str(count) for link, count in links.items() if {*link} <= {*kinds}},
    )
