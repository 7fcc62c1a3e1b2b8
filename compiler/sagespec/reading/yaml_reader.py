"""Parse YAML text into documents with a span for every key and value.

Refuses: syntax errors, duplicate and non-text keys, merge keys, cyclic or exploding aliases, unknown tags, and
numbers that JSON cannot express (infinity, NaN). Scalars follow YAML 1.2: `on` and `1:30` are text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs do not export it
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from sagespec.diagnostics import START, Hint, KeyPath, Span
from sagespec.reading.document import MAX_DEPTH, MAX_NODES, Document, Unreadable

LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""Line breaks, as the parser counts them."""


def read(text: str) -> list[Document]:
    """Read the documents of a text; the last one is cut at the first syntax error."""
    documents: list[Document] = []
    open_document: Document | None = None
    try:
        parser: Any = CParser(text)
        while not isinstance(event := parser.get_event(), StreamEndEvent):
            if isinstance(event, DocumentStartEvent):
                documents.append(open_document := Document())
                open_document.tree = _Reader(parser.get_event, open_document).read(parser.get_event(), (), 0)
                open_document = None
        return documents
    except yaml.MarkedYAMLError as error:
        unreadable = _syntax_error(error, text)
    except yaml.reader.ReaderError as error:
        unreadable = _character_error(error, text)
    except Unreadable as error:
        unreadable = error
    if open_document is None:
        documents.append(open_document := Document())
    open_document.cut(unreadable.fault)
    return documents


_OPEN = re.compile("flow (sequence|mapping)|quoted scalar|simple key")


def _syntax_error(error: yaml.MarkedYAMLError, text: str) -> Unreadable:
    lines = LINE_BREAK.split(text)
    mark = _mark(error, lines)
    line, column = (mark.line + 1, mark.column + 1) if mark else START[:2]
    if line > len(lines):  # the parser reports the end of a text on a line after the last
        line, column = len(lines), len(lines[-1]) + 1
    message = ", ".join(part for part in (error.context, error.problem) if part)
    in_braces = "flow" in (error.context or "") and "${" in lines[line - 1][:column]
    hint = Hint("within { } and [ ], a value such as ${name} needs quotes", "quote around") if in_braces else ""
    return Unreadable(Span(line, column, line, column + 1), "syntax", message, hint=hint)


def _mark(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> Any:
    """Return the mark of the opening bracket, quote or key if it is unclosed, else the one where the parser stopped.

    It counts as unclosed where the next entry of the same or an outer mapping follows, or the end of the text.
    """
    stopped, begun = error.problem_mark, error.context_mark
    if stopped is None or begun is None or not _OPEN.search(error.context or ""):
        return stopped or begun
    ends = stopped.line >= len(lines) or not lines[stopped.line].strip()
    outside = not ends and _indent(lines[stopped.line]) <= _indent(lines[begun.line])
    return begun if stopped.line > begun.line and (ends or outside) else stopped


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _character_error(error: yaml.reader.ReaderError, text: str) -> Unreadable:
    content = text.encode()  # the parser counts bytes
    before = LINE_BREAK.split(content[: error.position].decode())
    line, column = len(before), len(before[-1]) + 1
    message = f"character U+{ord(content[error.position :].decode()[0]):04X} is not allowed here"
    return Unreadable(Span(line, column, line, column + 1), "syntax", message)


@dataclass
class _Anchor:
    value: Any = None
    size: int = 0
    height: int = 0
    done: bool = False


@dataclass
class _Reader:
    """Composes one document from the events of the parser."""

    next_event: Callable[[], Any]
    document: Document
    anchors: dict[str, _Anchor] = field(default_factory=dict)
    size: int = 0
    deepest: int = 0

    def read(self, event: Event, path: KeyPath, depth: int) -> Any:
        span = _span(event)
        if isinstance(event, AliasEvent):
            return self._alias(event, path, depth, span)
        assert isinstance(event, ScalarEvent | CollectionStartEvent)  # the parser gives no other events here
        before, deepest = self.size, self.deepest
        self._grow(1, path, span)
        self._descend(depth, path, span)
        anchor = _Anchor()
        if event.anchor:
            self.anchors[event.anchor] = anchor
        value: Any
        spans = self.document.values
        if isinstance(event, ScalarEvent):
            spans[path] = span
            value = self._scalar(event, path, span)
            if value.__class__ is not str:  # most scalars are texts; this skips a call for them
                value = self.document.scalar(value, event.value)
        elif isinstance(event, MappingStartEvent):
            self._check_tag(event, "map", path, span)
            value, spans[path] = self._mapping(event, path, depth)
        else:
            self._check_tag(event, "seq", path, span)
            value, spans[path] = self._sequence(event, path, depth)
        anchor.value, anchor.size, anchor.height, anchor.done = value, self.size - before, self.deepest - depth, True
        self.deepest = max(deepest, self.deepest)
        return value

    def _mapping(self, start: Event, path: KeyPath, depth: int) -> tuple[dict[str, Any], Span]:
        result: dict[str, Any] = {}
        if not path:
            self.document.tree = result  # the entries so far, if a later one cannot be read
        while not isinstance(event := self.next_event(), MappingEndEvent):
            key = self._key(event, path, depth)
            if key is None:
                self.read(self.next_event(), (*path, "?"), depth + 1)  # to report the faults in the value, too
                continue
            here, span = (*path, key), _span(event)
            if key in result:
                self.document.fault(span, "duplicate-key", f"{key!r} is given twice", here)
            self.document.keys[here] = span
            result[key] = self.read(self.next_event(), here, depth + 1)
        return result, _joined(start, event)

    def _key(self, event: Event, path: KeyPath, depth: int) -> str | None:
        """Read a key; None if it is refused."""
        span = _span(event)
        if not isinstance(event, ScalarEvent):
            self.document.fault(span, "non-text-key", "a key must be plain text", (*path, "?"))
            self.read(event, (*path, "?"), depth + 1)
            return None
        key = self._scalar(event, path, span)
        if key == "<<" and event.implicit[0]:
            hint = "YAML 1.2 has no merge keys; use `defaults` in sagespec.yaml"
            self.document.fault(span, "merge-key", "'<<' is not supported", path, hint)
            return None
        if not isinstance(key, str):
            hint = Hint(f"write {json.dumps(event.value)}", "quote")
            self.document.fault(span, "non-text-key", f"key {event.value} is not text", (*path, event.value), hint)
            return None
        return key

    def _sequence(self, start: Event, path: KeyPath, depth: int) -> tuple[list[Any], Span]:
        result: list[Any] = []
        while not isinstance(event := self.next_event(), SequenceEndEvent):
            result.append(self.read(event, (*path, len(result)), depth + 1))
        return result, _joined(start, event)

    def _alias(self, event: AliasEvent, path: KeyPath, depth: int, span: Span) -> Any:
        self.document.values[path] = span
        anchor = self.anchors.get(str(event.anchor))
        if anchor is None:
            self.document.fault(span, "unknown-alias", "no anchor of this name before this", path)
            return None
        if not anchor.done:
            self.document.fault(span, "cyclic-alias", "the alias is part of its own value", path)
            return None
        self._grow(anchor.size, path, span)
        self._descend(depth + anchor.height, path, span)
        return anchor.value

    def _grow(self, size: int, path: KeyPath, span: Span) -> None:
        self.size += size
        if self.size > MAX_NODES:
            hint = "aliases count as often as they are used"
            raise Unreadable(span, "too-large", f"more than {MAX_NODES:,} values", path, hint)

    def _descend(self, depth: int, path: KeyPath, span: Span) -> None:
        if depth > MAX_DEPTH:
            raise Unreadable(span, "too-deep", f"more than {MAX_DEPTH} levels deep", path)
        self.deepest = max(self.deepest, depth)

    def _scalar(self, event: ScalarEvent, path: KeyPath, span: Span) -> Any:
        try:
            return _resolve(event)
        except _BadScalar as error:
            self.document.fault(span, error.rule, error.message, path)
            return event.value

    def _check_tag(self, event: CollectionStartEvent, expected: str, path: KeyPath, span: Span) -> None:
        if event.tag not in (None, "!", f"tag:yaml.org,2002:{expected}"):
            self.document.fault(span, "unknown-tag", "this tag is not supported", path)


class _BadScalar(Exception):
    def __init__(self, rule: str, message: str) -> None:
        self.rule, self.message = rule, message


_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_JSON = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAYBE_NUMBER = frozenset("+-.0123456789")
_MAX_DIGITS = 400
_TAGGED: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "null": (type(None),),
}


def _resolve(event: ScalarEvent) -> Any:
    """Convert a scalar to its type by its tag, or by the core schema of YAML 1.2."""
    text, tag = event.value, event.tag
    if tag is None or tag == "!":
        return _plain(text) if event.implicit[0] and tag is None else text
    short = tag.removeprefix("tag:yaml.org,2002:")
    if short == "str":
        return text
    value: Any = _plain(text)
    if short not in _TAGGED:
        raise _BadScalar("unknown-tag", "this tag is not supported")
    fits = isinstance(value, _TAGGED[short]) and not (isinstance(value, bool) and short in ("int", "float"))
    if not fits:
        raise _BadScalar("bad-scalar", f"{text!r} is not !!{short}")
    try:
        return float(value) if short == "float" else value
    except OverflowError:
        raise _BadScalar("bad-scalar", "the number is too large") from None


def _plain(text: str) -> Any:
    """Convert an unquoted scalar to its type by the core schema of YAML 1.2."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in _MAYBE_NUMBER:
        return text
    if len(text) > _MAX_DIGITS and (_INT.fullmatch(text) or _FLOAT.fullmatch(text)):
        raise _BadScalar("bad-scalar", "a number of more than 400 digits")
    if _INT.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise _BadScalar("bad-scalar", f"{text} is too large for a number; quote it if it is text")
        return number
    if _NOT_JSON.fullmatch(text):
        raise _BadScalar("bad-scalar", f"{text} is a number that JSON does not have; quote it if it is text")
    return text


def _span(event: Any) -> Span:  # the stubs let marks be None; those of parsed events never are
    start, end = event.start_mark, event.end_mark
    return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _joined(start: Event, end: Event) -> Span:
    return Span(*_span(start)[:2], *_span(end)[2:])
