"""Show the change of a compiled file as a unified diff with secrets masked.

In: a change. Out: lines.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator

from sagespec.compiling.outputs import Change
from sagespec.diagnostics import Span, secrets
from sagespec.reading import excerpts, json_reader
from sagespec.reading.document import Document
from sagespec.reading.source import get

_CHANGED = " (changed)"


def lines(change: Change, name: str) -> Iterator[str]:
    """Yield the unified diff of a file on disk and the file that compiling would write."""
    before, after = _read(change.before), _read(change.after)
    shown = (_lines(change.before, before, None), _lines(change.after, after, before))
    for line in difflib.unified_diff(*shown, f"a/{name}", f"b/{name}", lineterm=""):
        yield from line.split("\n")


def _read(content: bytes | None) -> Document | None:
    """Parse a file; None where it does not exist or has errors."""
    document = json_reader.read(_text(content)) if content else None
    return None if document is None or document.faults else document


def _text(content: bytes) -> str:
    return content.decode("utf-8", "backslashreplace")


def _lines(content: bytes | None, document: Document | None, old: Document | None) -> list[str]:
    """Return the lines of a file for a diff; other line endings and bytes that are not UTF-8 are visible."""
    if not content:
        return []
    if document is None:
        *whole, last = excerpts.lines(".json", _text(content))
    else:
        *whole, last = _masked(_text(content), document, old).split("\n")
    return [*whole, f"{last}\n\\ No newline at end of file"] if last else whole


def _masked(text: str, document: Document, old: Document | None) -> str:
    starts = [0, *(match.end() for match in json_reader.LINE_BREAK.finditer(text))]
    for path, span in sorted(document.values.items(), key=lambda item: item[1], reverse=True):
        value = get(document.data, path)
        if isinstance(value, dict | list):
            continue
        shown = secrets.hidden(value, path)
        if shown != value:
            before = get(old.data, path) if old else None
            if before not in (None, value) and secrets.hidden(before, path) == shown:
                shown = f"{shown}{_CHANGED}"
            start, end = _offsets(starts, span)
            text = text[:start] + json.dumps(shown, ensure_ascii=False) + text[end:]
    return text


def _offsets(starts: list[int], span: Span) -> tuple[int, int]:
    return starts[span.line - 1] + span.column - 1, starts[span.end_line - 1] + span.end_column - 1
