"""Lines of a file as they may be shown: secrets are covered by as many stars, so that columns stay what they are.

In: a file's name and text, right or wrong. Out: its lines, as its reader counts them.
"""

from __future__ import annotations

import re

from compiler import secrets, source
from compiler.diagnostics import Span
from compiler.source import get

_HOLDER = re.compile(r"""(?P<indent>[ \t]*)(?:- )?["']?environment["']?\s*:""", re.IGNORECASE)
_VALUE = re.compile(r"""(?<=:)(\s*)("(?:[^"\\]|\\.)*"?|'[^']*'?|\[[^\]]*\]?|[^\s,}{][^,}]*)""")


def lines(name: str, text: str) -> list[str]:
    """Split a file's text into lines, its secrets covered."""
    found = source.lines(name, text)
    if not secrets.may_hold(text):
        return found
    documents, faults = source.load(name, text.encode("utf-8", "replace"))
    for document in documents:
        for path, span in document.values.items():
            value = get(document.data, path)
            if secrets.hidden(value, path) != value and not isinstance(value, dict | list):
                _cover(found, span)
    if faults:
        _cover_unread(found)
    return found


def _cover(lines: list[str], span: Span) -> None:
    for number in range(span.line, min(span.end_line, len(lines)) + 1):
        line = lines[number - 1]
        start = span.column - 1 if number == span.line else len(line) - len(line.lstrip())
        end = span.end_column - 1 if number == span.end_line else len(line)
        lines[number - 1] = line[:start] + "*" * (end - start) + line[end:]


def _cover_unread(lines: list[str]) -> None:
    """Cover what a reader has not come to, or has passed over: values on and below a line that holds variables."""
    indent: int | None = None
    for number, line in enumerate(lines):
        start = 0
        if indent is not None and line.strip() and len(line) - len(line.lstrip()) <= indent:
            indent = None
        if indent is None:
            holder = _HOLDER.search(line)
            if holder is None:
                continue
            indent, start = len(holder["indent"]), holder.end() - 1
        rest = line[start:]
        covered = _VALUE.sub(lambda found: found[1] + "*" * len(found[2]), rest)
        lines[number] = line[:start] + (covered if ":" in rest else re.sub(r"\S", "*", rest))
