"""Which specs a word of the command line means.

In: a word, and the addresses that there are. Out: the addresses that it means. Refuses words that mean none, and
names that several specs have.

    word := glob | KIND "/" NAME | NAME        a glob has * or ?

`[` and `]` stand for themselves: what is written in them may select a part of a spec one day.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from sagespec.checking import schema
from sagespec.diagnostics import did_you_mean, nearest

MOST_SHOWN = 8


class WrongName(Exception):
    """A word that means no spec, or more than one where one is meant."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Unknown(WrongName):
    """No spec is called so."""


class Ambiguous(WrongName):
    """Several specs of different kinds have this name."""


def fits(address: str, word: str) -> bool:
    """Return whether a word means an address: as a whole, by its name, or as a glob of either."""
    name = address.partition("/")[2]
    if not is_glob(word):
        return word in (address, name)
    pattern = _pattern(word)
    return pattern.fullmatch(address) is not None or pattern.fullmatch(name) is not None


def is_glob(word: str) -> bool:
    return "*" in word or "?" in word


def is_address(word: str) -> bool:
    """Return whether a word is a kind and a name, or a glob of them, so that it is meant as no path."""
    kind, slash, name = word.partition("/")
    return bool(slash and name) and "/" not in name and (kind in schema.kinds() or is_glob(kind))


def meant(word: str, known: Collection[str]) -> list[str]:
    """Return the addresses that a word means; of a name or an address that is one.

    Raises Unknown, Ambiguous.
    """
    found = [address for address in known if fits(address, word)]
    if not found:
        raise Unknown(f"no spec is called {word!r}", near(word, known))
    if len(found) > 1 and not is_glob(word):
        shown = ", ".join(sorted(found)[:MOST_SHOWN]) + (", ..." if len(found) > MOST_SHOWN else "")
        raise Ambiguous(f"{len(found)} specs are called {word!r}", f"write one of {shown}")
    return sorted(found)


def near(word: str, known: Collection[str]) -> str:
    """Return a hint with the address that is most like a word, by the whole or by the name."""
    addresses = sorted(known)
    names = () if "/" in word else dict.fromkeys(address.partition("/")[2] for address in addresses)
    return nearest(word, addresses) or nearest(word, names) or did_you_mean(word, addresses)


@lru_cache(maxsize=1_000)
def _pattern(glob: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(c) or re.escape(c) for c in glob), re.DOTALL)
