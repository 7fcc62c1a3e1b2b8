"""The patterns of .gitignore: which files and folders of a tree they leave out.

In: patterns. Out: an answer for one path at a time. Refuses: patterns that git takes without a word and that never
match anything.

A pattern speaks of a path itself, never of what is below it: that is left out because nobody enters a folder that
is. Libraries that match what is below as well let `!src` bring back the src/build that `build` leaves out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

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
_TRIMMED = re.compile(r"((?:\\.|[^\\])*?) *")
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
    pattern: re.Pattern[str]


class Ignored:
    """What a list of patterns leaves out.

    Raises ValueError for a pattern that can match nothing.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        lines = (line for pattern in patterns for line in pattern.splitlines())
        self._rules = [rule for rule in map(_rule, lines) if rule is not None]

    def has(self, path: str, is_folder: bool) -> bool:
        """Whether a path is left out, in a folder that is not: the last pattern that matches it decides."""
        units = _bytes(path)
        for rule in reversed(self._rules):
            if (is_folder or not rule.only_folders) and rule.pattern.fullmatch(units):
                return rule.leaves_out
        return False


def _bytes(text: str) -> str:
    """A text with one character for each of its bytes, which are what git compares: `?` is half of an `é`."""
    return os.fsencode(text).decode("latin-1")


def _rule(line: str) -> _Rule | None:
    trimmed = _TRIMMED.fullmatch(line)
    text = trimmed[1] if trimmed else line
    if not text or text.startswith("#"):
        return None
    leaves_out = not text.startswith("!")
    body = text if leaves_out else text[1:]
    only_folders = body.endswith("/")
    body = body.removesuffix("/")
    anywhere = "" if "/" in body else "(?:.*/)?"
    try:
        pattern = anywhere + _translated(_bytes(body.removeprefix("/")))
    except ValueError as error:
        raise ValueError(f"{line!r} is not a pattern of .gitignore: {error}") from None
    return _Rule(leaves_out, only_folders, re.compile(pattern, re.DOTALL))


def _translated(body: str) -> str:
    """A pattern as a regular expression."""
    if not body or body.startswith("/"):
        raise ValueError("it has no name")
    literal = _LITERAL.match(body)
    start = literal.end() if literal else 0
    rest = body[start:]  # git looks at it by itself: `a**/b` is `a` and `**/b`, whatever its manual says
    found, at = [re.escape(body[:start])], 0
    while at < len(rest):
        token = _TOKEN.match(rest, at)
        if token is None:
            raise ValueError("it ends within brackets or with a backslash")
        found.append(_expression(token))
        at = token.end()
    return "".join(found)


def _expression(token: re.Match[str]) -> str:
    if token["set"] is not None:
        members = "".join(_member(member) for member in _MEMBER.finditer(token["set"]))
        if not members:
            raise ValueError(f"nothing is in {token[0]}")
        return f"(?!/)[{'^' if token['not'] else ''}{members}]"
    if token["escaped"] or token["plain"]:
        return re.escape(token[0][-1])
    return {"between": "(?:.*/)?", "rest": ".*", "star": "[^/]*", "any": "[^/]"}[str(token.lastgroup)]


def _member(member: re.Match[str]) -> str:
    """Something within brackets: a class, a character, or a range of them, which may be empty."""
    if member["low"] is None:
        return _CLASSES.get(member["class"], "")
    low, high = member["low"], member["high"] or member["low"]
    return f"\\U{ord(low):08x}-\\U{ord(high):08x}" if low <= high else ""
