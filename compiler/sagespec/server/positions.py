"""The text of a file: its documents, and places in it as spans of diagnostics and as positions of an editor.

In: a file's text and the units in which the editor counts. Spans count lines as the file's reader does, and
characters from 1; positions count lines as the protocol does, and UTF-8, UTF-16 or UTF-32 units from 0.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate

from lsprotocol.types import Position, PositionEncodingKind, Range

from sagespec.diagnostics import Diagnostic, Span
from sagespec.project import settings
from sagespec.reading import source
from sagespec.reading.source import Source

_LINE_END = re.compile(r"\r\n|\n|\r")
_WIDE = {
    PositionEncodingKind.Utf8.value: re.compile(r"[^\x00-\x7f]"),
    PositionEncodingKind.Utf16.value: re.compile(r"[\U00010000-\U0010ffff]"),
}
"""Characters of more than one unit."""

BYTE_ORDER_MARK = "\ufeff"


class Text:
    """A file's text; all offsets are in characters from 0.

    A byte order mark, which some editors send, is no part of the text, as for the readers; positions count it.
    """

    def __init__(self, name: str, text: str, units: PositionEncodingKind | str) -> None:
        self.name, self._units = name, str(getattr(units, "value", units))
        self.text = text.removeprefix(BYTE_ORDER_MARK)
        self._before = self._width(BYTE_ORDER_MARK) if text.startswith(BYTE_ORDER_MARK) else 0

    @property
    def is_project_file(self) -> bool:
        return self.name == settings.FILE

    @property
    def documents(self) -> Sequence[Source]:
        """The documents, as far as they can be read; whoever asks leaves them as they are."""
        return self._read[0]

    @property
    def faults(self) -> Sequence[Diagnostic]:
        """Mistakes of the reader: what stands behind them may be missing from the documents."""
        return self._read[1]

    @cached_property
    def _read(self) -> tuple[list[Source], list[Diagnostic]]:
        return source.load(self.name, self.text.encode("utf-8", "replace"))

    @cached_property
    def _lines(self) -> tuple[list[int], list[int]]:
        """Where the protocol's lines begin and end."""
        ends = [*_LINE_END.finditer(self.text)]
        return [0, *(end.end() for end in ends)], [*(end.start() for end in ends), len(self.text)]

    @cached_property
    def _wide(self) -> tuple[list[int], list[int]]:
        """The offsets of characters of more than one unit, and the units beyond one of those up to each.

        Lines may have megabytes, with many positions in them.
        """
        form = _WIDE.get(self._units)
        found = [one.start() for one in form.finditer(self.text)] if form and not self.text.isascii() else []
        return found, [0, *accumulate(self._width(self.text[at]) - 1 for at in found)]

    def _units_before(self, offset: int) -> int:
        found, beyond = self._wide
        return offset + beyond[bisect_left(found, offset)]

    @cached_property
    def _reader_starts(self) -> list[int]:
        """Where the reader's lines begin: YAML also ends lines at NEL, LS and PS."""
        starts = [0]
        for line in source.lines(self.name, self.text):
            end = starts[-1] + len(line)
            starts.append(end + (2 if self.text[end : end + 2] == "\r\n" else 1))
        return starts

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Return the line and the column of an offset, counted from 1 as in spans."""
        line = bisect_right(self._reader_starts, offset)
        return line, offset - self._reader_starts[line - 1] + 1

    def offset_of(self, line: int, column: int) -> int:
        """Return the offset of a line and a column that count from 1."""
        starts = self._reader_starts
        return min(starts[min(line, len(starts)) - 1] + column - 1, len(self.text))

    def offsets(self, span: Span) -> tuple[int, int]:
        """Return where a span begins and ends."""
        return self.offset_of(*span[:2]), self.offset_of(*span[2:])

    def position(self, offset: int) -> Position:
        starts, _ = self._lines
        line = bisect_right(starts, offset) - 1
        before = 0 if line else self._before
        return Position(line, before + self._units_before(offset) - self._units_before(starts[line]))

    def offset(self, position: Position) -> int:
        """Return the offset of a position; beyond the end of a line, that end."""
        starts, ends = self._lines
        if position.line >= len(starts):
            return len(self.text)
        start, end = starts[position.line], ends[position.line]
        wanted = self._units_before(start) + position.character - (0 if position.line else self._before)
        return start + bisect_left(range(start, end), wanted, key=self._units_before)

    def range(self, span: Span) -> Range:
        start, end = self.offsets(span)
        return self.between(start, max(start, end))

    def between(self, start: int, end: int) -> Range:
        return Range(self.position(start), self.position(end))

    def _width(self, character: str) -> int:
        code = ord(character)
        if self._units == PositionEncodingKind.Utf8.value:
            return 1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF)
        return 1 + (code > 0xFFFF and self._units == PositionEncodingKind.Utf16.value)
