"""Escape text from outside, so that it can control neither a terminal nor a CI system, and stays on one line.

In: any text. Out: the same text with such characters written as backslash escapes. Escaping is idempotent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

COMMAND = re.compile(r"^ *::|##[A-Za-z]{0,20}\[|section_(?:start|end):", re.IGNORECASE)
"""Commands of CI systems in a line of a log.

GitHub `::` after blanks, and `##[` anywhere; Azure `##[` and `##vso[`; TeamCity `##teamcity[`; GitLab the markers of
sections. Escaping the last character disables each.
"""
_STRING = json.JSONEncoder(ensure_ascii=False).encode
LONGEST = 40
"""The most characters of a command, without the blanks before it."""


_HIDDEN = re.compile(
    "[\x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\uf8ff\ufeff\ufff0-\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff]"
)
"""Control characters, uncommon blanks, bidirectional controls and invisible characters.

A fixed list, because `isprintable` depends on the Unicode version of Python, and written files must not.
"""


def printable(text: str) -> str:
    """Escape control characters, line breaks, invisible characters and bidirectional controls."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def inert(parts: Sequence[str]) -> list[str]:
    """Escape the parts of one line, and the CI commands that the parts form together.

    Returns as many parts.
    """
    shown = [printable(part) for part in parts]
    ends = [match.end() - 1 for match in COMMAND.finditer("".join(shown))]
    for end in reversed(ends):
        start = 0
        for number, part in enumerate(shown):
            if start <= end < start + len(part):
                at = end - start
                shown[number] = f"{part[:at]}\\x{ord(part[at]):02x}{part[at + 1 :]}"
                break
            start += len(part)
    return shown


def json_text(value: Any, indent: int | None = 2) -> str:
    """Write JSON for display: control characters and CI commands in it are escaped in JSON's syntax.

    Raises ValueError for NaN and infinities.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    if not text.replace("\n", "").isprintable():
        text = "".join(c if c.isprintable() or c == "\n" else _in_json(c) for c in text)
    return COMMAND.sub(lambda match: match[0][:-1] + _in_json(match[0][-1]), text)


def json_string(text: str) -> str:
    """Write a text as a JSON string for a file that people review.

    Nothing in it is invisible or acts when printed.
    """
    written = _STRING(text)
    if not written.isascii() or "\x7f" in written:
        written = _HIDDEN.sub(lambda match: _in_json(match[0]), written)
    return COMMAND.sub(lambda match: match[0][:-1] + _in_json(match[0][-1]), written)


def _in_json(char: str) -> str:
    """Escape one character in JSON's syntax; above U+FFFF as a surrogate pair."""
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\u{0xD800 + ((code - 0x10000) >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def cut(text: str, most: int) -> str:
    """Cut a text to at most `most` characters, of which the last are dots where it is longer."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def width(text: str) -> int:
    """Return the width of a text in terminal columns: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    import unicodedata  # rarely needed, and start-up counts

    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
