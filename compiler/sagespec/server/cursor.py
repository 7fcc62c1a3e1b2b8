"""What stands at a position of a file, also while it is being typed.

In: a file's text, and an offset. Out: a `Cursor`: the document, a key path in it, and the range of the word there.
`standing` reads the text as it is. `typed` reads it with a placeholder in place of the word, because what is being
typed is seldom valid YAML, and without lines elsewhere that cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from sagespec.diagnostics import KeyPath, Span
from sagespec.reading import source
from sagespec.reading.source import Source
from sagespec.server import unclosed
from sagespec.server.positions import Text
from sagespec.server.unclosed import Unclosed

Part = Literal["key", "value", "either"]

_MARK = "\ue000"
"""Stands for the word: a character for private use, which YAML allows and no file has."""
_NO_WORD = frozenset(",[]{}\"'")
_AFTER = re.compile(r"[^\s,\[\]{}\"':]*")
_LINE_START = re.compile(r"[ \t]*(?:-[ \t]+)*\Z")
_KEY_START = re.compile(r"(?:.*[{,])?[ \t]*(?:-[ \t]+)*")
_MOST_UNREADABLE = 20
"""The most lines that are left out to read the rest."""


@dataclass(frozen=True)
class Cursor:
    """A word in a document.

    `path` is the path of the value or of the key; of a key that is being typed, that of the mapping which it joins.
    `part` is "either" for a word on a line of its own, where the first key of a mapping may begin, or a value. The
    word is `text[start:end]`; `typed` is what of it is before the cursor. `quote` is that which a word that is being
    typed is within.
    """

    document: Source = field(repr=False)
    path: KeyPath
    part: Part
    start: int
    end: int
    typed: str = ""
    quote: str = ""

    @property
    def kind(self) -> str | None:
        """The kind of the document, where it says one that is a text."""
        kind = source.get(self.document.data, ("kind",))
        return kind if isinstance(kind, str) else None


def standing(text: Text, offset: int) -> Cursor | None:
    """Find the key or the scalar that an offset is in or next to."""
    here = (text.line(offset), offset - text.line_start(offset) + 1)
    for document in text.documents:
        parts: list[tuple[Part, dict[KeyPath, Span]]] = [("value", document.values), ("key", document.keys)]
        for part, spans in parts:
            for path, span in spans.items():
                if not span[:2] <= here <= span[2:] or span[:2] == span[2:]:
                    continue
                if part == "key" or not isinstance(source.get(document.data, path), dict | list):
                    start, end = text.offsets(span)
                    return Cursor(document, path, part, start, end, text.text[start:offset])
    return None


def typed(text: Text, offset: int) -> Cursor | None:
    """Find what is being typed at an offset; None within comments, and where the text around cannot be read."""
    whole = text.text
    if _MARK in whole:
        return None
    line_start = text.line_start(offset)
    around = unclosed.before(whole[line_start:offset])
    if around.is_comment:
        return None
    start, end = _word(whole, line_start, offset)
    starts_line = _LINE_START.fullmatch(whole, line_start, start) is not None
    forms = [*_marked(text, start, end, around, starts_line)]
    ways = ((marked, is_whole) for is_whole in (True, False) for marked in forms)
    for marked, is_whole in ways:
        found = _readable(text.name, marked, start, is_whole)
        if found is not None:
            document, path, part = found
            alone = part == "key" and starts_line and not source.get(document.data, path)
            part = "either" if alone else part
            return Cursor(document, path, part, start, end, whole[start:offset], around.quote)
    return None


def _word(whole: str, line_start: int, offset: int) -> tuple[int, int]:
    """Return the range of the word at an offset; after the `:` of a key it is empty."""
    start = word_start(whole, line_start, offset)
    word, head = whole[start:offset], whole[line_start:start]
    if word.endswith(":") and (word == ":" or _KEY_START.fullmatch(head)):  # else it is one of an ARN
        start = offset
    after = _AFTER.match(whole, offset)
    return start, after.end() if after else offset


def word_start(whole: str, line_start: int, offset: int) -> int:
    """Return where the word on a line begins that an offset is in or behind."""
    while offset > line_start and whole[offset - 1] not in _NO_WORD and not whole[offset - 1].isspace():
        offset -= 1
    return offset


def _marked(text: Text, start: int, end: int, around: Unclosed, starts_line: bool) -> Iterator[str]:
    """Yield texts with the placeholder in place of the word: as a key, as a value, and with what is open closed."""
    head, tail, line_end = text.text[:start], text.text[end:], text.line_end(end)
    mark = f" {_MARK}" if head.endswith(":") else _MARK
    is_closed = around.quote in text.text[end:line_end]  # then the text is tried as it is first
    for quote in sorted({"", around.quote}, reverse=not is_closed):
        forms = [mark + quote, f"{mark}{quote}:"]
        for form in reversed(forms) if starts_line else forms:
            yield head + form + tail
        if around.brackets:
            yield head + mark + quote + around.brackets + tail
            yield head + mark + quote + around.brackets + text.text[line_end:]


def _readable(name: str, marked: str, start: int, is_whole: bool) -> tuple[Source, KeyPath, Part] | None:
    """Read a text with the placeholder, and find it; lines that stop the reader are left out.

    Where it stops later than at the placeholder, and not `is_whole`, what is beside the placeholder may be missing.
    """
    for _ in range(_MOST_UNREADABLE):
        text = Text(name, marked, "utf-32")
        for document in text.documents:
            if (found := _find(document, is_whole)) is not None:
                return document, *found
        here = text.line(start)
        stopped = next((fault.span.line for one in text.documents for fault in one.faults if not one.whole), here)
        line_start = text.offset_of(stopped, 1)
        line_end = text.line_end(line_start)
        if stopped == here or not marked[line_start:line_end].strip():
            return None
        marked = marked[:line_start] + " " * (line_end - line_start) + marked[line_end:]
    return None


def _find(document: Source, is_whole: bool) -> tuple[KeyPath, Part] | None:
    """Find the placeholder in a document, and take it out."""
    for path in document.keys:
        beside = source.get(document.data, path[:-1])
        if path[-1] == _MARK and (isinstance(beside, dict) or not is_whole):
            if isinstance(beside, dict):
                beside.pop(_MARK, None)  # absent where its value cannot be read
            return path[:-1], "key"
    for path in document.values:
        value, beside = source.get(document.data, path), source.get(document.data, path[:-1])
        if path and isinstance(value, str) and _MARK in value:
            beside[path[-1]] = value.replace(_MARK, "")
            return path, "value"
    return None
