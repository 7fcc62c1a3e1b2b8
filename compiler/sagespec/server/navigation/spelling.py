"""Where the characters of a scalar's value stand in its file.

In: a text, the range of a scalar in it, as its reader says, and the scalar's value. Out: ranges of the text. None
where the file spells the value otherwise than it reads: with escapes, or over several lines.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sagespec.project import values
from sagespec.reading import yaml_reader

Range = tuple[int, int]

_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
_BLOCK_HEADER = re.compile(rf"[|>].*?(?:{yaml_reader.LINE_BREAK.pattern})", re.DOTALL)


class Use(NamedTuple):
    """A `${name}`: the range of the name, and of the whole."""

    name: str
    named: Range
    whole: Range


def content(text: str, start: int, end: int) -> Range:
    """Return the range of a scalar without its anchor, tag and quotes."""
    properties = _PROPERTIES.match(text, start, end)
    start = properties.end() if properties else start
    if text[start : start + 1] in ("'", '"') and end - start > 1:
        return start + 1, end - 1
    header = _BLOCK_HEADER.match(text, start, end)
    return (header.end() if header else start), end


def is_alias(text: str, start: int) -> bool:
    return text.startswith("*", start)


def is_plain(text: str, start: int) -> bool:
    """Return whether the content that begins at an offset is not in quotes."""
    return text[start - 1 : start] not in ("'", '"')


def whole(text: str, start: int, end: int, value: str) -> Range | None:
    """Return the range of a value, if its characters stand there as they are."""
    first, last = content(text, start, end)
    return (first, last) if text[first:last] == value else None


def uses(text: str, start: int, end: int, value: str) -> list[Use] | None:
    """Return the `${name}` in a scalar, in their order."""
    first, last = content(text, start, end)
    written = [*values.REFERENCE.finditer(text, first, last)]
    if [match[0] for match in written] != [match[0] for match in values.REFERENCE.finditer(value)]:
        return None
    return [Use(name_of(match), _named(match), match.span()) for match in written if match[1] is not None]


def names(value: str) -> list[str]:
    """Return the names of the `${name}` in a value, in their order."""
    return [name_of(match) for match in values.REFERENCE.finditer(value) if match[1] is not None]


def renamed(value: str, old: str, new: str) -> str:
    """Return a value that uses another name wherever it uses `old`."""

    def one(match: re.Match[str]) -> str:
        if match[1] is None or name_of(match) != old:
            return match[0]
        return match[0].replace(old, new)

    return values.REFERENCE.sub(one, value)


def name_of(match: re.Match[str]) -> str:
    return match[1].strip()


def _named(match: re.Match[str]) -> Range:
    start = match.start(1) + len(match[1]) - len(match[1].lstrip())
    return start, start + len(name_of(match))
