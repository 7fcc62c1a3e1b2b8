"""Quotes and brackets that are open at a place of a line, as far as the line up to there tells.

In: the beginning of a line of YAML or JSON. Out: an `Unclosed`. A quote or a bracket opens something only where a key
or a value begins: the quote in `it's` is a letter, and so is the bracket in `a[1]` outside of brackets.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ENTRIES = re.compile(r"[ \t]*(?:[-?][ \t]+)*")
_PROPERTIES = re.compile(r"[ \t]*(?:[&!][^\s,\[\]{}:'\"]*[ \t]+)*")
"""Anchors and tags, which precede a value."""
_SIGN = re.compile(r"['\"\[\]{},:#]")
_QUOTED = {"'": re.compile(r"'(?:[^']|'')*('?)"), '"': re.compile(r'"(?:[^"\\]|\\.)*("?)', re.DOTALL)}
_CLOSING = {"{": "}", "[": "]"}


class Unclosed(NamedTuple):
    """The quote that a place is within, and what closes the brackets around it, the inner ones first."""

    quote: str = ""
    brackets: str = ""
    is_comment: bool = False


def before(line: str) -> Unclosed:
    """Return what is open at the end of the beginning of a line."""
    brackets, here = list[str](), 0
    begins = _end(_PROPERTIES, line, _end(_ENTRIES, line, 0))
    while sign := _SIGN.search(line, here):
        character, at, here = sign[0], sign.start(), sign.end()
        if character == "#":
            if not line[max(at - 1, 0) : at].strip():
                return Unclosed(is_comment=True)
        elif character in _QUOTED:
            quoted = _QUOTED[character].match(line, at) if at == begins else None
            if quoted and not quoted[1]:
                return Unclosed(character, "".join(reversed(brackets)))
            here = quoted.end() if quoted else here
        elif character in _CLOSING:
            if at == begins or brackets:
                brackets.append(_CLOSING[character])
                begins = _end(_PROPERTIES, line, here)
        elif brackets and character == brackets[-1]:
            brackets.pop()
        elif character == ":" or (character == "," and brackets):
            begins = _end(_PROPERTIES, line, here)
    return Unclosed("", "".join(reversed(brackets)))


def _end(form: re.Pattern[str], line: str, start: int) -> int:
    found = form.match(line, start)
    return found.end() if found else start
