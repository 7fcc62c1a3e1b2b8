"""Match paths against patterns of .gitignore.

In: patterns. Out: whether a path is ignored, in time proportional to the lengths of path and patterns, however many
stars they have. Refuses: patterns that git accepts in silence and that match nothing, and too many patterns.

A pattern matches a path itself, not what is below it: the caller does not enter ignored folders. Libraries that also
match what is below let `!src` bring back the src/build that `build` ignores.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from itertools import count
from typing import NamedTuple

from sagespec.diagnostics.escapes import cut

MAX_CHARACTERS = 10_000
"""The length of all patterns together: each file is matched against each of them."""
MAX_WORK = 10_000_000_000
"""Characters of all paths times characters of all patterns: seconds of work, a minute at worst."""
_STAR = "*"
_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \\t",
    "cntrl": "\\0-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t-\\r",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}
_LITERAL = re.compile(r"[^*?\[\\]*")
_TOKEN = re.compile(
    r"(?P<escaped>\\.)"
    r"|(?P<between>(?:(?<=/)|^)\*\*+/)"
    r"|(?P<rest>(?:(?<=/)|^)\*\*+$)"
    r"|(?P<star>\*+)"
    r"|(?P<any>\?)"
    r"|\[(?P<not>[!^]?)(?P<set>\]?(?:\[:\w*:\]|\\.|[^\]\\])*)\]"
    r"|(?P<plain>[^\\\[])",
    re.DOTALL,
)
_MEMBER = re.compile(r"\[:(?P<class>\w*):\]|\\?(?P<low>.)(?:-\\?(?P<high>.))?", re.DOTALL)


class _Rule(NamedTuple):
    ignores: bool
    only_folders: bool
    only_name: bool
    pattern: re.Pattern[str]

    def fits(self, path: str, name: str, is_folder: bool) -> bool:
        if self.only_folders and not is_folder:
            return False
        return self.pattern.fullmatch(name if self.only_name else path) is not None


class TooMuch(Exception):
    """Matching would take more than MAX_WORK."""


class Ignored:
    """A compiled list of patterns.

    Raises ValueError for a pattern that can match nothing, and for patterns of more than MAX_CHARACTERS.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        lines = [line for pattern in patterns for line in pattern.splitlines()]
        if sum(map(len, lines)) > MAX_CHARACTERS:
            raise ValueError(f"more than {MAX_CHARACTERS:,} characters of patterns together")
        self._size = sum(map(len, lines))
        self._left = MAX_WORK
        self._rules = [rule for rule in map(_rule, lines) if rule is not None]

    def has(self, path: str, is_folder: bool) -> bool:
        """Return whether a path whose folder is not ignored is ignored: the last pattern that matches it decides.

        Raises TooMuch.
        """
        units = _bytes(path)
        self._left -= len(units) * self._size
        if self._left < 0:
            raise TooMuch("too many files for patterns of this length: leave out whole folders by their names")
        name = units.rpartition("/")[2]
        for rule in reversed(self._rules):
            if rule.fits(units, name, is_folder):
                return rule.ignores
        return False


def _bytes(text: str) -> str:
    """Return one character for each byte of a text: git compares bytes, so `?` matches half of an `é`."""
    return os.fsencode(text).decode("latin-1")


def _rule(line: str) -> _Rule | None:
    text = _trimmed(line)
    if not text or text.startswith("#"):
        return None
    ignores = not text.startswith("!")
    body = text if ignores else text[1:]
    only_folders = body.endswith("/")
    body = body.removesuffix("/")
    try:
        pattern = _translated(_bytes(body.removeprefix("/")))
    except ValueError as error:
        raise ValueError(f"{_short(line)} is not a pattern of .gitignore: {error}") from None
    return _Rule(ignores, only_folders, "/" not in body, re.compile(pattern, re.DOTALL))


def _short(line: str) -> str:
    return repr(cut(line, 60))


def _trimmed(line: str) -> str:
    """Strip blanks at the end of a line, except one that a backslash escapes."""
    text = line.rstrip(" ")
    backslashes = len(text) - len(text.rstrip("\\"))
    return f"{text} " if backslashes % 2 and text != line else text


def _translated(body: str) -> str:
    """Translate a pattern into a regular expression that does not backtrack.

    `**` separates stretches of a pattern, `*` separates pieces of a name. The shortest match of a `*` leaves the most
    text for the rest of the name, so it is final as soon as the piece after it matches; the same holds for `**` and
    whole folders. Only the last star of a name and the last `**` need every choice: what follows them is anchored at
    the end.
    """
    if not body or body.startswith("/"):
        raise ValueError("it has no name")
    literal = _LITERAL.match(body)
    start = literal.end() if literal else 0
    rest = body[start:]  # git matches it separately: `a**/b` is `a` and `**/b`, unlike its manual says
    stretches, at, is_open = [[re.escape(body[:start])]], 0, False
    while at < len(rest):
        token = _TOKEN.match(rest, at)
        if token is None:
            raise ValueError("it ends within brackets or with a backslash")
        if token.lastgroup == "between":
            stretches.append([])
        elif token.lastgroup == "rest":
            is_open = True
        else:
            stretches[-1].append(_expression(token))
        at = token.end()
    groups = count()
    first, *others = (_atomic_stretch(stretch, groups) for stretch in stretches)
    regex = first
    for stretch in others if is_open else others[:-1]:
        regex += _atomic(f"(?:.*?/)??{stretch}", groups)
    if others and not is_open:
        regex += f"(?:.*/)?{others[-1]}"
    return regex + ".*" if is_open else regex


def _atomic_stretch(stretch: list[str], groups: Iterator[int]) -> str:
    """Return the regular expression of a stretch: in each name, every star but the last is atomic."""
    names = []
    for name in _split(stretch, "/"):
        first, *pieces = map("".join, _split(name, _STAR))
        middle = "".join(_atomic(f"[^/]*?{piece}", groups) for piece in pieces[:-1])
        names.append(first + middle + (f"[^/]*{pieces[-1]}" if pieces else ""))
    return "/".join(names)


def _split(items: list[str], separator: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for item in items:
        if item == separator:
            parts.append([])
        else:
            parts[-1].append(item)
    return parts


def _atomic(expression: str, groups: Iterator[int]) -> str:
    """Make an expression atomic, with syntax that Python 3.10 has: a lookahead and a back-reference."""
    group = f"g{next(groups)}"
    return f"(?=(?P<{group}>{expression}))(?P={group})"


def _expression(token: re.Match[str]) -> str:
    if token["set"] is not None:
        members = "".join(_member(member) for member in _MEMBER.finditer(token["set"]))
        if not members:
            raise ValueError(f"nothing is in {token[0]}")
        return f"(?!/)[{'^' if token['not'] else ''}{members}]"
    if token["escaped"] or token["plain"]:
        return re.escape(token[0][-1])
    return _STAR if token["star"] else "[^/]"


def _member(member: re.Match[str]) -> str:
    """Translate a member of a bracket expression: a class, a character or a range, which may be empty."""
    if member["low"] is None:
        return _CLASSES.get(member["class"], "")
    low, high = member["low"], member["high"] or member["low"]
    return f"\\U{ord(low):08x}-\\U{ord(high):08x}" if low <= high else ""
