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
        return _divided(self.text, _LINE_END)

    @cached_property
    def _reader_lines(self) -> tuple[list[int], list[int]]:
        """Where the reader's lines begin and end: YAML also ends lines at NEL, LS and PS."""
        return _divided(self.text, source.line_break(self.name))

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

    def line(self, offset: int) -> int:
        """Return the number of the reader's line that an offset is in, counted from 1 as in spans."""
        return bisect_right(self._reader_lines[0], offset)

    def line_start(self, offset: int) -> int:
        """Return where the reader's line begins that an offset is in."""
        return self._reader_lines[0][self.line(offset) - 1]

    def line_end(self, offset: int) -> int:
        """Return where the reader's line ends that an offset is in, without its line break."""
        return self._reader_lines[1][self.line(offset) - 1]

    def indentation(self, offset: int) -> int:
        """Return how many spaces the editor's line begins with, up to an offset in it."""
        starts, _ = self._lines
        before = self.text[starts[bisect_right(starts, offset) - 1] : offset]
        return len(before) - len(before.lstrip(" "))

    def offset_of(self, line: int, column: int) -> int:
        """Return the offset of a line and a column that count from 1."""
        starts, _ = self._reader_lines
        return min(starts[line - 1] + column - 1, len(self.text)) if line <= len(starts) else len(self.text)

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


def _divided(text: str, line_break: re.Pattern[str]) -> tuple[list[int], list[int]]:
    """Return where the lines of a text begin and end."""
    breaks = [*line_break.finditer(text)]
    return [0, *(one.end() for one in breaks)], [*(one.start() for one in breaks), len(text)]
