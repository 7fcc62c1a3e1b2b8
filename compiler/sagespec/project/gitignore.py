"""The patterns of .gitignore: which files and folders of a tree they leave out.

In: patterns. Out: an answer for one path at a time, in a time that grows with path and pattern, whatever stars are in
them. Refuses: patterns that git takes without a word and that never match anything, and too many of them.

A pattern speaks of a path itself, never of what is below it: that is left out because nobody enters a folder that
is. Libraries that match what is below as well let `!src` bring back the src/build that `build` leaves out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count

MAX_CHARACTERS = 10_000
"""How long all patterns together may be: each file is held against each of them."""
MAX_WORK = 10_000_000_000
"""Characters of paths, times characters of the patterns that they are held against: seconds, at worst a minute."""
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


@dataclass(frozen=True)
class _Rule:
    leaves_out: bool
    only_folders: bool
    only_name: bool
    pattern: re.Pattern[str]

    def fits(self, path: str, name: str, is_folder: bool) -> bool:
        if self.only_folders and not is_folder:
            return False
        return self.pattern.fullmatch(name if self.only_name else path) is not None


class TooMuch(Exception):
    """More paths, and longer ones, than patterns of this length are held against."""


class Ignored:
    """What a list of patterns leaves out.

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
        """Whether a path is left out, in a folder that is not: the last pattern that matches it decides.

        Raises TooMuch.
        """
        units = _bytes(path)
        self._left -= len(units) * self._size
        if self._left < 0:
            raise TooMuch("too many files for patterns of this length: leave out whole folders by their names")
        name = units.rpartition("/")[2]
        for rule in reversed(self._rules):
            if rule.fits(units, name, is_folder):
                return rule.leaves_out
        return False


def _bytes(text: str) -> str:
    """A text with one character for each of its bytes, which are what git compares: `?` is half of an `é`."""
    return os.fsencode(text).decode("latin-1")


def _rule(line: str) -> _Rule | None:
    text = _trimmed(line)
    if not text or text.startswith("#"):
        return None
    leaves_out = not text.startswith("!")
    body = text if leaves_out else text[1:]
    only_folders = body.endswith("/")
    body = body.removesuffix("/")
    try:
        pattern = _translated(_bytes(body.removeprefix("/")))
    except ValueError as error:
        raise ValueError(f"{_short(line)} is not a pattern of .gitignore: {error}") from None
    return _Rule(leaves_out, only_folders, "/" not in body, re.compile(pattern, re.DOTALL))


def _short(line: str) -> str:
    return repr(line if len(line) <= 60 else f"{line[:57]}...")


def _trimmed(line: str) -> str:
    """A line without the blanks at its end, but for one that a backslash keeps."""
    text = line.rstrip(" ")
    backslashes = len(text) - len(text.rstrip("\\"))
    return f"{text} " if backslashes % 2 and text != line else text


def _translated(body: str) -> str:
    """A pattern as a regular expression that never goes back over what it has settled.

    `**` ends a stretch of the pattern, `*` a piece of a name. The shortest text that a `*` can stand for leaves most
    for the rest of the name, so it is settled once the piece behind it fits; the same holds of `**`, which stands for
    whole folders. Only the last star of a name and the last `**` need all their choices: an end holds what is behind.
    """
    if not body or body.startswith("/"):
        raise ValueError("it has no name")
    literal = _LITERAL.match(body)
    start = literal.end() if literal else 0
    rest = body[start:]  # git looks at it by itself: `a**/b` is `a` and `**/b`, whatever its manual says
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
    first, *others = (_settled(stretch, groups) for stretch in stretches)
    regex = first
    for stretch in others if is_open else others[:-1]:
        regex += _once(f"(?:.*?/)??{stretch}", groups)
    if others and not is_open:
        regex += f"(?:.*/)?{others[-1]}"
    return regex + ".*" if is_open else regex


def _settled(stretch: list[str], groups: Iterator[int]) -> str:
    """A stretch of a pattern: names between slashes, whose stars but the last are settled one after the other."""
    names = []
    for name in _split(stretch, "/"):
        first, *pieces = map("".join, _split(name, _STAR))
        middle = "".join(_once(f"[^/]*?{piece}", groups) for piece in pieces[:-1])
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


def _once(expression: str, groups: Iterator[int]) -> str:
    """An expression whose first match is the only one: an atomic group, in words that Python 3.10 has."""
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
    """Something within brackets: a class, a character, or a range of them, which may be empty."""
    if member["low"] is None:
        return _CLASSES.get(member["class"], "")
    low, high = member["low"], member["high"] or member["low"]
    return f"\\U{ord(low):08x}-\\U{ord(high):08x}" if low <= high else ""
