"""The outline of a file, and the specs of a project by name.

In: a file's text, or the `Sheets` of a project. Out: symbols. A spec is a symbol `Kind/name` with its fields, the
project file has its environments with their values. Documents that are not ours have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lsprotocol import types

from sagespec.checking import schema
from sagespec.diagnostics import KeyPath
from sagespec.diagnostics.escapes import printable
from sagespec.project import addresses
from sagespec.reading import source
from sagespec.reading.source import Source
from sagespec.server.completion import offer
from sagespec.server.navigation.sheets import Sheets
from sagespec.server.positions import Text


def outline(text: Text) -> list[types.DocumentSymbol]:
    """Return the symbols of a file with what is in them; of a broken file, of what can be read."""
    if text.is_project_file:
        return [one for document in text.documents[:1] for one in _Outline(text, document).environments()]
    return [one for document in text.documents for one in _Outline(text, document).spec()]


def flat(
    symbols: list[types.DocumentSymbol], uri: str, container: str | None = None
) -> list[types.SymbolInformation]:
    """Return symbols as editors take them that know no hierarchy."""
    found = []
    for one in symbols:
        where = types.Location(uri, one.range)
        found.append(types.SymbolInformation(where, one.name, one.kind, container_name=container))
        found += flat(list(one.children or ()), uri, one.name)
    return found


def search(query: str, sheets: Sheets) -> list[types.WorkspaceSymbol]:
    """Return the specs whose address has the characters of a query in their order, or that a glob means."""
    found = []
    for one in sheets.occurrences:
        address = one.name.text
        if (
            one.is_definition
            and one.name.sort == "address"
            and (offer.is_like(query, address) or addresses.fits(address, query))
        ):
            where = sheets.location(one.file, one.named)
            found.append(
                types.WorkspaceSymbol(where, printable(address), types.SymbolKind.Class, container_name=one.file)
            )
    return sorted(found, key=lambda one: one.name)


class _Outline:
    """The symbols of one document."""

    def __init__(self, text: Text, document: Source) -> None:
        self.text, self.document = text, document

    def spec(self) -> Iterator[types.DocumentSymbol]:
        kind, name = (source.get(self.document.data, path) for path in (("kind",), ("metadata", "name")))
        if not isinstance(kind, str) or kind not in schema.kinds():
            return
        named = ("metadata", "name") if isinstance(name, str) and name else ("kind",)
        selected = self._range(named)
        parts = [place for path in self.document.keys for place in (self._key(path), self._range(path))]
        whole = self._around([selected, *parts])
        title = f"{kind}/{name}" if named[0] == "metadata" else kind
        children = [*self._fields(("spec",))]
        yield types.DocumentSymbol(
            printable(title), types.SymbolKind.Class, whole, self.text.between(*selected), children=children
        )

    def environments(self) -> Iterator[types.DocumentSymbol]:
        environments = source.get(self.document.data, ("environments",))
        for name in environments if isinstance(environments, dict) else ():
            path = ("environments", name)
            if path in self.document.keys:
                children = [*self._fields((*path, "values"), types.SymbolKind.Constant, deep=False)]
                yield self._symbol(path, types.SymbolKind.Namespace, children)

    def _fields(
        self, path: KeyPath, kind: types.SymbolKind = types.SymbolKind.Field, *, deep: bool = True
    ) -> Iterator[types.DocumentSymbol]:
        fields = source.get(self.document.data, path)
        for name in fields if isinstance(fields, dict) else ():
            if (*path, name) in self.document.keys:
                children = [*self._fields((*path, name), kind)] if deep else []
                yield self._symbol((*path, name), kind, children)

    def _symbol(
        self, path: KeyPath, kind: types.SymbolKind, children: list[types.DocumentSymbol]
    ) -> types.DocumentSymbol:
        selected = self._key(path)
        whole = self._around([selected, self._range(path)])
        return types.DocumentSymbol(
            printable(str(path[-1])) or "''",
            kind,
            whole,
            self.text.between(*selected),
            _detail(source.get(self.document.data, path)),
            children=children,
        )

    def _key(self, path: KeyPath) -> tuple[int, int]:
        span = self.document.keys[path]
        return self.text.offsets(span)

    def _range(self, path: KeyPath) -> tuple[int, int]:
        """Return the range of a value without the empty lines after it, of a key where it has none."""
        span = self.document.values.get(path) or self.document.keys[path]
        start, end = self.text.offsets(span)
        return start, start + len(self.text.text[start:end].rstrip())

    def _around(self, ranges: list[tuple[int, int]]) -> types.Range:
        return self.text.between(min(start for start, _ in ranges), max(end for _, end in ranges))


def _detail(value: Any) -> str | None:
    if isinstance(value, dict) and set(value) == {"ref"}:
        return printable(str(value["ref"]))
    return None
