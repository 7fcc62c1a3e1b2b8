"""Parse JSON text into a document with a span for every key and value.

YAML's parser cannot read all of JSON (tabs, escaped surrogate pairs), and `json` keeps no positions. So this module
parses the few productions itself and leaves strings to the standard library's scanner.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from json.decoder import scanstring  # type: ignore[attr-defined]  # public, but not in the stubs
from typing import Any

from sagespec.diagnostics import KeyPath, Span
from sagespec.reading.document import MAX_DEPTH, MAX_NODES, Document, Unreadable

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORD = {"true": True, "false": False, "null": None}


LINE_BREAK = re.compile("\r\n|[\r\n]")
"""Line breaks, as editors count them."""


def read(text: str) -> Document:
    """Read a JSON text; the document is cut at the first syntax error."""
    reader = _Reader(text)
    document = reader.document
    try:
        document.tree, end = reader.value(reader.skip(0), (), 0)
        if (rest := reader.skip(end)) != len(text):
            raise reader.error("more text after the end of the document", rest)
    except Unreadable as error:
        document.cut(error.fault)
    return document


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.document = text, Document()
        self.starts = [0, *(m.end() for m in LINE_BREAK.finditer(text))]

    def span(self, start: int, end: int) -> Span:
        line, end_line = bisect_right(self.starts, start), bisect_right(self.starts, end)
        return Span(line, start - self.starts[line - 1] + 1, end_line, end - self.starts[end_line - 1] + 1)

    def error(self, message: str, at: int, rule: str = "syntax", path: KeyPath = ()) -> Unreadable:
        return Unreadable(self.span(at, min(at + 1, len(self.text))), rule, message, path)

    def skip(self, at: int) -> int:
        space = _SPACE.match(self.text, at)
        return space.end() if space else at

    def value(self, at: int, path: KeyPath, depth: int) -> tuple[Any, int]:
        spans = self.document.values
        if depth > MAX_DEPTH:
            raise self.error(f"more than {MAX_DEPTH} levels deep", at, "too-deep", path)
        if len(spans) > MAX_NODES:
            raise self.error(f"more than {MAX_NODES:,} values", at, "too-large", path)
        spans[path] = self.span(at, at)
        first = self.text[at : at + 1]
        value: Any
        if first == "{":
            value, end = self.mapping(at, path, depth)
        elif first == "[":
            value, end = self.sequence(at, path, depth)
        elif first == '"':
            value, end = self.string(at)
        else:
            value, end = self.literal(at)
            value = self.document.scalar(value, self.text[at:end])
        spans[path] = self.span(at, end)
        return value, end

    def mapping(self, at: int, path: KeyPath, depth: int) -> tuple[dict[str, Any], int]:
        result: dict[str, Any] = {}
        if not path:
            self.document.tree = result  # the entries so far, if a later one cannot be read
        at = self.skip(at + 1)
        while self.text[at : at + 1] != "}":
            if result:
                at = self.expect(",", at)
            if self.text[at : at + 1] != '"':
                raise self.error("expected a key in double quotes", at)
            key, end = self.string(at)
            here = (*path, key)
            self.document.keys[here] = span = self.span(at, end)
            if key in result:
                self.document.fault(span, "duplicate-key", f"{key!r} is given twice", here)
            result[key], at = self.value(self.expect(":", self.skip(end)), here, depth + 1)
            at = self.skip(at)
        return result, at + 1

    def sequence(self, at: int, path: KeyPath, depth: int) -> tuple[list[Any], int]:
        result: list[Any] = []
        at = self.skip(at + 1)
        while self.text[at : at + 1] != "]":
            if result:
                at = self.expect(",", at)
            item, at = self.value(at, (*path, len(result)), depth + 1)
            result.append(item)
            at = self.skip(at)
        return result, at + 1

    def expect(self, char: str, at: int) -> int:
        if self.text[at : at + 1] != char:
            raise self.error(f"expected {char!r}", at)
        return self.skip(at + 1)

    def string(self, at: int) -> tuple[str, int]:
        try:
            value, end = scanstring(self.text, at + 1, True)
        except json.JSONDecodeError as error:
            raise self.error(error.msg[:1].lower() + error.msg[1:], error.pos) from None
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise self.error("half of a surrogate pair: not a character", at)
        return value, end

    def literal(self, at: int) -> tuple[Any, int]:
        for word, value in _WORD.items():
            if self.text.startswith(word, at):
                return value, at + len(word)
        number = _NUMBER.match(self.text, at)
        if not number:
            raise self.error("expected a value" if at < len(self.text) else "the text ends too early", at)
        digits = number.group()
        if len(digits) > 400 or (number[2] and abs(float(digits)) == float("inf")):
            raise self.error("the number is too large", at)
        return (float(digits) if number[1] or number[2] else int(digits)), number.end()
