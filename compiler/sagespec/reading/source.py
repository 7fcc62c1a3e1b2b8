"""Read the bytes of a YAML or JSON file into data with a span for every key and value.

In: a file's name and bytes. Out: one `Source` for each document, and diagnostics. Refuses bytes that are not UTF-8,
and what `yaml_reader` and `json_reader` refuse. Refused documents are returned too, so that the later checks can
report everything about a file at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sagespec.diagnostics import START, Diagnostic, KeyPath, Problem, Problems, Span, locate
from sagespec.reading import json_reader, yaml_reader
from sagespec.reading.document import Document, Fault

SUFFIXES = (".yaml", ".yml", ".json")
OURS = "sagespec/"
"""The prefix of `apiVersion` in all files of this tool."""
_API_VERSION_LINE = re.compile(rb"^[ {]*[\"']?apiVersion[\"']?[ ]*:[ ]*[\"']?sagespec/", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """One document of a file, with the spans of its values and keys.

    `file` is the path for diagnostics, relative to the project. `written` is `data` with `Written` scalars, for
    fields that become text. A document with `faults` is checked further, but is not compiled; one that is not `whole`
    has only its first entries.
    """

    file: str
    data: Any
    values: dict[KeyPath, Span] = field(repr=False)
    keys: dict[KeyPath, Span] = field(repr=False)
    faults: tuple[Fault, ...] = ()
    whole: bool = True
    written: Any = field(default=None, repr=False)

    def span(self, path: KeyPath, on_key: bool = False) -> Span:
        """Return the span to point at: a scalar's, that of the key of a block, else the nearest parent's."""
        for length in range(len(path), -1, -1):
            here = path[:length]
            exact = length == len(path)
            if here in self.keys and (not exact or on_key or here not in self.values or self._is_block(here)):
                return self.keys[here]
            if here in self.values:
                return self._first_token(here) if self._is_block(here) else self.values[here]
        return START

    def _is_block(self, path: KeyPath) -> bool:
        span = self.values[path]
        return span.end_line > span.line and isinstance(get(self.data, path), dict | list)

    def _first_token(self, path: KeyPath) -> Span:
        """Return the first key of a block mapping, else the first character of the block."""
        data = get(self.data, path)
        first = (*path, next(iter(data))) if isinstance(data, dict) and data else None
        if first in self.keys:
            return self.keys[first]
        span = self.values[path]
        return Span(span.line, span.column, span.line, span.column + 1)

    def locate(self, problem: Problem, address: str = "") -> Diagnostic:
        return locate(problem, self.file, self.span(problem.path, problem.on_key), address)

    def diagnose(self, address: str = "") -> list[Diagnostic]:
        """Return the faults of the reader as diagnostics."""
        return [locate(fault.problem, self.file, fault.span, address) for fault in self.faults]

    def beyond(self, problems: Problems) -> Problems:
        """Leave out problems that only follow from the faults of the reader."""
        refused = {fault.problem.path for fault in self.faults}
        cut = not self.whole
        return Problems(
            p for p in problems if p.path not in refused and not (cut and not p.path and p.rule == "missing-field")
        )


def get(data: Any, path: KeyPath) -> Any:
    """Return the value at a path, or None where there is none."""
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data


ANY = "*"
"""The step of a key path that stands for any item of a list."""


def general(path: KeyPath) -> KeyPath:
    """Return a key path with `ANY` in place of the numbers of items."""
    return tuple(ANY if isinstance(step, int) else step for step in path)


def each(data: Any, path: KeyPath, at: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the values at a path, which may contain `ANY`, with their key paths; none where it does not exist."""
    if not path:
        yield at, data
    elif path[0] == ANY:
        for index, item in enumerate(data if isinstance(data, list) else ()):
            yield from each(item, path[1:], (*at, index))
    elif isinstance(data, dict) and path[0] in data:
        yield from each(data[path[0]], path[1:], (*at, path[0]))


def load(file: str, content: bytes) -> tuple[list[Source], list[Diagnostic]]:
    """Read the documents of one file.

    Returns its documents, and the diagnostics of all of them.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = lines(file, error.object[: error.start].decode())
        line, column = len(before), len(before[-1]) + 1
        at = Span(line, column, line, column + 1)
        return [], [locate(Problem("encoding", f"not UTF-8: {error.reason}"), file, at)]
    documents = [json_reader.read(text)] if is_json(file) else yaml_reader.read(text)
    sources = [_source(file, document) for document in documents]
    diagnostics = [diagnostic for source in sources for diagnostic in source.diagnose()]
    return [source for source in sources if source.data is not None], diagnostics


def is_json(file: str) -> bool:
    """Return whether a file is read as JSON."""
    return file.lower().endswith(".json")


def is_spec(file: str) -> bool:
    """Return whether a file name has a suffix of spec files."""
    return file.lower().endswith(SUFFIXES)


def is_ours(file: str, content: bytes) -> bool:
    """Return whether any document of a file has `apiVersion: sagespec/...`.

    In a file with syntax errors, a line of that form is enough.
    """
    if not is_spec(file) or OURS.encode() not in content:
        return False
    sources, faults = load(file, content)
    declared = any(str(get(document.data, ("apiVersion",))).startswith(OURS) for document in sources)
    return declared or (bool(faults) and _API_VERSION_LINE.search(content) is not None)


def _source(file: str, read: Document) -> Source:
    return Source(file, read.data, read.values, read.keys, tuple(read.faults), read.whole, read.tree)


def line_break(file: str) -> re.Pattern[str]:
    """Return what ends the lines of a file, as its reader counts them."""
    return json_reader.LINE_BREAK if is_json(file) else yaml_reader.LINE_BREAK


def lines(file: str, text: str) -> list[str]:
    """Split a file's text into lines as its reader counts them."""
    return line_break(file).split(text)


def scalar(text: str) -> Any:
    """Read one YAML value of the command line, its scalars as `Written`.

    Raises ValueError with the message of the fault where `load` would refuse the text.
    """
    try:
        documents = yaml_reader.read(text)
    except UnicodeEncodeError:
        raise ValueError("not UTF-8") from None
    for fault in (fault for document in documents for fault in document.faults):
        raise ValueError(fault.problem.message)
    if len(documents) > 1:
        raise ValueError("more than one document")
    return documents[0].tree if documents else None
