"""How what is accepted is written where it is typed: quotes, spaces, colons, new lines.

In: a file's text, the cursor in it, and an offer. Out: the text that replaces the word, and whether it is a snippet;
None where it cannot be written there. YAML in blocks, in brackets and in quotes, and JSON.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from sagespec.diagnostics import START
from sagespec.reading import source
from sagespec.reading.document import as_data
from sagespec.server.completion.offer import Offer
from sagespec.server.cursor import Cursor
from sagespec.server.positions import Text

_BRACKETS = re.compile(r"[\[\]{},]")
_WORD = re.compile(r"[A-Za-z][A-Za-z_]*(?:[./-][A-Za-z_][\w./-]*)*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_REST = re.compile(r"(?::(?=[^\s,\[\]{}\"'])[^\s,\[\]{}\"':]*)*")
_COLON = re.compile(r"[ ]*:")
_INDENT = 2


@dataclass(frozen=True)
class Spot:
    """Where an offer is put: the word `text[start:end]` with the quote that ends it, and what is around it."""

    text: Text = field(repr=False)
    start: int
    end: int
    in_brackets: bool = False
    is_json: bool = False
    quote: str = ""
    is_entry: bool = False
    """Whether what is put here begins an entry of a list."""


def spot(text: Text, cursor: Cursor) -> Spot:
    """Find out how a value or key has to be written at a cursor."""
    whole, start, end = text.text, cursor.start, cursor.end
    if cursor.part == "value" and (rest := _REST.match(whole, end)) is not None:
        end = rest.end()
    around = cursor.path[:-1] if cursor.part == "value" else cursor.path
    span = cursor.document.values.get(around, START)
    first = whole[(offset := text.offset_of(span.line, span.column)) : offset + 1]
    if cursor.quote and whole.startswith(cursor.quote, end):
        end += 1
    return Spot(
        text=text,
        start=start,
        end=end,
        in_brackets=cursor.part != "either" and around in cursor.document.values and first in ("{", "["),
        is_json=source.is_json(text.name),
        quote=cursor.quote,
    )


def write(spot: Spot, offer: Offer, *, is_key: bool, may_break: bool) -> tuple[str, bool] | None:
    """Write an offer; with `may_break` a key with something below it goes on in a new line, as a snippet."""
    written = _quoted(spot, offer.value)
    if written is None:
        return None
    before = spot.text.text[spot.start - 1 : spot.start]
    start = "- " if spot.is_entry else " " if before == ":" and not spot.quote else ""
    if not is_key:
        return start + written, False
    if _COLON.match(spot.text.text, spot.end):
        return start + written, False
    if spot.is_json or spot.in_brackets:
        inner = {"": "", "mapping": "{$0}", "list": "[$0]"}[offer.block]
        can = may_break and inner
        return f"{start}{written}: {inner if can else ''}", bool(can)
    if not offer.block:
        return f"{start}{written}: ", False
    if not may_break:
        return f"{start}{written}:", False
    column = spot.start - spot.text.line_start(spot.start) + len(start)
    # the editor adds the indentation of its line
    deeper = " " * (column - spot.text.indentation(spot.start) + _INDENT)
    return f"{start}{written}:\n{deeper}{'- ' if offer.block == 'list' else ''}$0", True


def _quoted(spot: Spot, value: Any) -> str | None:
    """Write a value; None where it has no form there."""
    if isinstance(value, dict):
        if spot.quote:
            return None
        written = json.dumps(value, ensure_ascii=False) if spot.is_json else None
        return written or f"{{{', '.join(f'{key}: {scalar(item, True)}' for key, item in value.items())}}}"
    if not spot.quote:
        return json.dumps(value, ensure_ascii=False) if spot.is_json else scalar(value, spot.in_brackets)
    if not isinstance(value, str):
        return None
    inner = json.dumps(value, ensure_ascii=False)[1:-1] if spot.quote == '"' else value.replace("'", "''")
    return inner + spot.quote


def scalar(value: Any, in_brackets: bool) -> str | None:
    """Write a scalar as YAML reads it, a text without quotes where it needs none; None for what YAML cannot write."""
    written = value if isinstance(value, str) else json.dumps(value)
    if isinstance(value, str):
        if _WORD.fullmatch(value) and value.lower() not in _WORDS:
            return value
        if (in_brackets and _BRACKETS.search(value)) or not _is_read_as(value, value):
            return json.dumps(value, ensure_ascii=False)
        return value
    return written if _is_read_as(written, value) else None


def _is_read_as(written: str, value: Any) -> bool:
    try:
        read = as_data(source.scalar(written))
    except ValueError:
        return False
    return type(read) is type(value) and bool(read == value)
