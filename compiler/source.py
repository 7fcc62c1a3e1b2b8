"""Bytes to data with a place for every key and value.

In: the bytes of a YAML or JSON file. Out: one `Source` a document, and diagnostics.
Refuses: what is not UTF-8, syntax errors, duplicate and non-text keys, cyclic or exploding aliases, unknown
tags, numbers that JSON has not (infinity, not-a-number). Scalars are YAML 1.2's: `on` and `1:30` are text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
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

from compiler.diagnostics import START, Diagnostic, Path, Problem, Problems, Span, locate
from compiler.json_source import JsonError, read_json

MAX_NODES = 200_000
"""Values in one file, aliases counted as often as they are used."""
MAX_DEPTH = 100


@dataclass(frozen=True)
class Source:
    """One document of a file; `values` and `keys` say where each stands.

    `file` is the path to show to people, relative to the project.
    """

    file: str
    data: Any
    values: dict[Path, Span] = field(repr=False)
    keys: dict[Path, Span] = field(repr=False)

    def span(self, path: Path, on_key: bool = False) -> Span:
        """Find the tokens to point at: a scalar's own, a mapping's or list's key, else the nearest above."""
        for length in range(len(path), -1, -1):
            here = path[:length]
            exact = length == len(path)
            if here in self.keys and (not exact or on_key or here not in self.values or self._is_block(here)):
                return self.keys[here]
            if here in self.values:
                return self._first_token(here) if self._is_block(here) else self.values[here]
        return START

    def _is_block(self, path: Path) -> bool:
        span = self.values[path]
        return span.end_line > span.line and isinstance(get(self.data, path), dict | list)

    def _first_token(self, path: Path) -> Span:
        """The first key of a block mapping; the first line of anything else."""
        data = get(self.data, path)
        first = (*path, next(iter(data))) if isinstance(data, dict) and data else None
        if first in self.keys:
            return self.keys[first]
        span = self.values[path]
        return Span(span.line, span.column, span.line, span.column + 1)

    def locate(self, problem: Problem, address: str = "") -> Diagnostic:
        return locate(problem, self.file, self.span(problem.path, problem.on_key), address)


def get(data: Any, path: Path) -> Any:
    """Read the value at a path; None where there is nothing."""
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def load(file: str, content: bytes) -> tuple[list[Source], list[Diagnostic]]:
    """Read the documents of one file; a file with a syntax error gives none."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        at = Span(line, column, line, column + 1)
        return [], [locate(Problem("encoding", f"not UTF-8: {error.reason}"), file, at)]
    return _load_json(file, text) if file.endswith(".json") else _load_yaml(file, text)


def _load_json(file: str, text: str) -> tuple[list[Source], list[Diagnostic]]:
    problems = Problems()
    try:
        data, values, keys = read_json(text, MAX_DEPTH, MAX_NODES, problems)
    except JsonError as error:
        return [], [locate(Problem("syntax", error.message), file, error.span)]
    source = Source(file, data, values, keys)
    return [source], [source.locate(p) for p in problems]


def _load_yaml(file: str, text: str) -> tuple[list[Source], list[Diagnostic]]:
    sources: list[Source] = []
    diagnostics: list[Diagnostic] = []
    try:
        parser: Any = CParser(text)
        while not isinstance(event := parser.get_event(), StreamEndEvent):
            if isinstance(event, DocumentStartEvent):
                document = _Document(parser.get_event)
                data = document.read(parser.get_event(), (), 0)
                source = Source(file, data, document.values, document.keys)
                if data is not None:  # a document of comments only
                    sources.append(source)
                diagnostics += [source.locate(p) for p in document.problems]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = ", ".join(part for part in (error.context, error.problem) if part)
        at = Span(mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2) if mark else START
        return [], [locate(Problem("syntax", message), file, at)]
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        message = f"character U+{ord(text[error.position]):04X} is not allowed here"
        at = Span(line, column, line, column + 1)
        return [], [locate(Problem("syntax", message), file, at)]
    except _Refused as refused:
        return [], [locate(refused.problem, file, refused.span)]
    return sources, diagnostics


class _Refused(Exception):
    """Input that cannot be read any further."""

    def __init__(self, problem: Problem, span: Span) -> None:
        self.problem, self.span = problem, span


@dataclass
class _Anchor:
    value: Any = None
    size: int = 0
    done: bool = False


@dataclass
class _Document:
    """Composes one document from parser events."""

    next_event: Callable[[], Any]
    values: dict[Path, Span] = field(default_factory=dict)
    keys: dict[Path, Span] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)
    anchors: dict[str, _Anchor] = field(default_factory=dict)
    size: int = 0

    def read(self, event: Event, path: Path, depth: int) -> Any:
        span = _span(event)
        if depth > MAX_DEPTH:
            raise _Refused(Problem("too-deep", f"more than {MAX_DEPTH} levels deep", path), span)
        if isinstance(event, AliasEvent):
            return self._alias(event, path, span)
        assert isinstance(event, ScalarEvent | CollectionStartEvent)  # all that a parser gives here
        before = self.size
        self._grow(1, path, span)
        anchor = _Anchor()
        if event.anchor:
            self.anchors[event.anchor] = anchor
        value: Any
        if isinstance(event, ScalarEvent):
            self.values[path] = span
            value = self._scalar(event, path)
        elif isinstance(event, MappingStartEvent):
            self._check_tag(event, "map", path)
            value, self.values[path] = self._mapping(event, path, depth)
        else:
            self._check_tag(event, "seq", path)
            value, self.values[path] = self._sequence(event, path, depth)
        anchor.value, anchor.size, anchor.done = value, self.size - before, True
        return value

    def _mapping(self, start: Event, path: Path, depth: int) -> tuple[dict[str, Any], Span]:
        result: dict[str, Any] = {}
        while not isinstance(event := self.next_event(), MappingEndEvent):
            key = self._key(event, path)
            here = (*path, key)
            if key in result:
                self.problems.append(Problem("duplicate-key", f"{key!r} is given twice", here, on_key=True))
            self.keys[here] = _span(event)
            value = self.read(self.next_event(), here, depth + 1)
            result[key] = value
        return result, _joined(start, event)

    def _key(self, event: Event, path: Path) -> str:
        span = _span(event)
        if not isinstance(event, ScalarEvent):
            raise _Refused(Problem("non-text-key", "a key must be plain text", path), span)
        key = self._scalar(event, path)
        if isinstance(key, str):
            if key == "<<" and event.implicit[0]:
                hint = "merge keys left YAML with version 1.2; use `defaults` in sagespec.yaml"
                raise _Refused(Problem("merge-key", "'<<' is not supported", (*path, key), hint), span)
            return key
        hint = f"write {json.dumps(event.value)}"
        raise _Refused(Problem("non-text-key", f"key {event.value} is not text", path, hint), span)

    def _sequence(self, start: Event, path: Path, depth: int) -> tuple[list[Any], Span]:
        result: list[Any] = []
        while not isinstance(event := self.next_event(), SequenceEndEvent):
            result.append(self.read(event, (*path, len(result)), depth + 1))
        return result, _joined(start, event)

    def _alias(self, event: AliasEvent, path: Path, span: Span) -> Any:
        self.values[path] = span
        anchor = self.anchors.get(str(event.anchor))
        if anchor is None:
            raise _Refused(Problem("unknown-alias", f"no anchor &{event.anchor} before this", path), span)
        if not anchor.done:
            raise _Refused(Problem("cyclic-alias", f"*{event.anchor} contains itself", path), span)
        self._grow(anchor.size, path, span)
        return anchor.value

    def _grow(self, size: int, path: Path, span: Span) -> None:
        self.size += size
        if self.size > MAX_NODES:
            hint = "aliases count as often as they are used"
            raise _Refused(Problem("too-large", f"more than {MAX_NODES:,} values", path, hint), span)

    def _scalar(self, event: ScalarEvent, path: Path) -> Any:
        try:
            return _resolve(event)
        except _BadScalar as error:
            self.problems.append(Problem(error.rule, error.message, path))
            return event.value

    def _check_tag(self, event: CollectionStartEvent, expected: str, path: Path) -> None:
        if event.tag not in (None, "!", f"tag:yaml.org,2002:{expected}"):
            self.problems.append(Problem("unknown-tag", f"tag {_tag(event.tag)} is not supported", path))


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
    """Give a scalar its type by the core schema of YAML 1.2."""
    text, tag = event.value, event.tag
    if tag is None or tag == "!":
        return plain_scalar(text) if event.implicit[0] and tag is None else text
    short = tag.removeprefix("tag:yaml.org,2002:")
    if short == "str":
        return text
    value: Any = plain_scalar(text)
    if short not in _TAGGED:
        raise _BadScalar("unknown-tag", f"tag {_tag(tag)} is not supported")
    fits = isinstance(value, _TAGGED[short]) and not (isinstance(value, bool) and short in ("int", "float"))
    if not fits:
        raise _BadScalar("bad-scalar", f"{text!r} is not {_tag(tag)}")
    return float(value) if short == "float" else value


def plain_scalar(text: str) -> Any:
    """Read unquoted text by the core schema of YAML 1.2.

    Raises an error that `load` reports for numbers that JSON cannot hold.
    """
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
            raise _BadScalar("bad-scalar", f"{text} is too large for a number")
        return number
    if _NOT_JSON.fullmatch(text):
        raise _BadScalar("bad-scalar", f"{text} is a number that JSON does not have; quote it if it is text")
    return text


def _tag(tag: str | None) -> str:
    return "!!" + tag.removeprefix("tag:yaml.org,2002:") if tag and tag.startswith("tag:") else str(tag)


def _span(event: Any) -> Span:  # the stubs let an event be without marks; a parsed one never is
    start, end = event.start_mark, event.end_mark
    return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _joined(start: Event, end: Event) -> Span:
    return Span(*_span(start)[:2], *_span(end)[2:])


def scalar(text: str) -> Any:
    """Read one YAML value given on the command line.

    Raises ValueError, with what is wrong, for anything that `load` would refuse.
    """
    sources, diagnostics = _load_yaml("value", text)
    if diagnostics:
        raise ValueError(diagnostics[0].message)
    return sources[0].data if sources else None
