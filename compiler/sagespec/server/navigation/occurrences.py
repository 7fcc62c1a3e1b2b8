"""Where the names of a project occur: the addresses of specs, and the values of environments.

In: the texts of the project file and of specs, valid or not. Out: an `Occurrence` for each definition and use. A name
that values are part of has one for each address that it means in some environment. `$${` and files that specs only
name, such as those of hyperparameters, have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from sagespec.checking import schema
from sagespec.diagnostics import START, KeyPath
from sagespec.project import values
from sagespec.project.spec import ref_kinds
from sagespec.reading import source
from sagespec.reading.source import Source, general
from sagespec.server.navigation import spelling
from sagespec.server.navigation.meanings import Meanings
from sagespec.server.positions import Text

_ADDRESS = re.compile(r"([A-Za-z]+)/(.+)", re.DOTALL)
_REF = "ref"


class Name(NamedTuple):
    """An address `Kind/name`, or the name of a value."""

    sort: Literal["address", "value"]
    text: str


@dataclass(frozen=True)
class Occurrence:
    """A name in a file.

    `whole` is the range of what stands for it, such as `Kind/name` or `${name}`, `named` that of the name alone; both
    are of the file's text without a byte order mark. They are exact where `spelling` is "exact"; else they are those
    of the scalar: of an alias, of one with values in it ("computed"), or of one with escapes.
    """

    name: Name
    file: str
    document: int
    path: KeyPath
    whole: spelling.Range
    named: spelling.Range
    is_definition: bool = False
    spelling: Literal["exact", "alias", "computed", "escaped"] = "exact"
    environment: str | None = None
    """The environment that a value is defined for, or used in; None for a use in any of them."""

    def is_at(self, file: str, offset: int) -> bool:
        return self.file == file and self.whole[0] <= offset <= self.whole[1]


def meanings(project: Text | None) -> Meanings:
    """Return the environments of a project file."""
    return Meanings(project.documents[0].written if project and project.documents else None)


def of(text: Text, environments: Meanings) -> list[Occurrence]:
    """Return the occurrences of one file."""
    found: list[Occurrence] = []
    for number, document in enumerate(text.documents):
        finder = _Finder(text, document, number, environments)
        found += finder.project() if text.is_project_file else finder.spec()
    return found


@lru_cache(maxsize=1_000)
def ref_paths(kind: str | None) -> frozenset[KeyPath]:
    """Return the key paths, below `spec`, of the fields of a kind that take refs; of all kinds where it is none."""
    if kind is None or kind not in schema.kinds():
        return frozenset().union(*map(ref_paths, schema.kinds()))
    return frozenset(ref_kinds(kind))


class _Finder:
    """Finds the names in one document."""

    def __init__(self, text: Text, document: Source, number: int, environments: Meanings) -> None:
        self.text, self.document, self.number, self.environments = text, document, number, environments

    def spec(self) -> Iterator[Occurrence]:
        data = self.document.data
        if not isinstance(data, dict):
            return
        kind, name, metadata = data.get("kind"), source.get(data, ("metadata", "name")), data.get("metadata")
        if isinstance(kind, str) and isinstance(name, str) and name:
            meant = self.environments.of(name, {**data["metadata"], "name": ""})
            yield from self._addresses(
                ("metadata", "name"), name, {f"{kind}/{one}" for one in meant}, is_definition=True
            )
        refs = ref_paths(kind if isinstance(kind, str) else None)
        for path, value in _texts(data, ()):
            yield from self._uses(path, value, None)
            if path[0] == "spec" and path[-1] == _REF and general(path[1:-1]) in refs:
                yield from self._addresses(path, value, self.environments.of(value, metadata))

    def project(self) -> Iterator[Occurrence]:
        data = self.document.data
        for path, value in _texts(data, ()) if isinstance(data, dict) else ():
            if path[0] == "exceptions" and path[2:] == ("address",):
                yield from self._addresses(path, value, {value})
            environment = str(path[1]) if path[0] == "environments" and len(path) > 1 else None
            below = path[2:] if environment else path
            if below[:1] == ("defaults",) or (environment and below[:1] == ("values",)):
                yield from self._uses(path, value, environment)
                if path[-1] == _REF and self._is_ref(below, value):
                    yield from self._addresses(path, value, self.environments.of(value, None, environment))
        environments = source.get(data, ("environments",))
        for name, environment_data in environments.items() if isinstance(environments, dict) else ():
            declared = source.get(environment_data, ("values",))
            for value_name in declared if isinstance(declared, dict) else ():
                yield self._value(name, value_name)

    def _is_ref(self, below: KeyPath, value: str) -> bool:
        if below[0] == "defaults":
            return general(below[1:-1]) in ref_paths(None)
        address = _ADDRESS.fullmatch(value)
        return address is not None and address[1] in schema.kinds()

    def _value(self, environment: str, name: str) -> Occurrence:
        path = ("environments", environment, "values", name)
        found = Name("value", name)
        span = self.document.keys.get(path)
        if span is None:
            at = self._around(path)
            return Occurrence(found, self.text.name, self.number, path, at, at, True, "alias", environment)
        start, end = self.text.offsets(span)
        exact = spelling.whole(self.text.text, start, end, name)
        at = exact or spelling.content(self.text.text, start, end)
        how: Literal["exact", "escaped"] = "exact" if exact else "escaped"
        return Occurrence(found, self.text.name, self.number, path, at, at, True, how, environment)

    def _uses(self, path: KeyPath, value: str, environment: str | None) -> Iterator[Occurrence]:
        if "${" not in value:
            return
        written = self._written(path)
        exact = spelling.uses(self.text.text, *written, value) if written else None
        if exact is not None:
            for use in exact:
                name = Name("value", use.name)
                yield Occurrence(
                    name, self.text.name, self.number, path, use.whole, use.named, environment=environment
                )
            return
        at = spelling.content(self.text.text, *written) if written else self._around(path)
        how: Literal["alias", "escaped"] = "escaped" if written else "alias"
        for one in spelling.names(value):
            name = Name("value", one)
            yield Occurrence(name, self.text.name, self.number, path, at, at, False, how, environment)

    def _addresses(
        self, path: KeyPath, value: str, meant: frozenset[str] | set[str], is_definition: bool = False
    ) -> Iterator[Occurrence]:
        written = self._written(path)
        exact = spelling.whole(self.text.text, *written, value) if written else None
        at = exact or (spelling.content(self.text.text, *written) if written else self._around(path))
        how: Literal["exact", "alias", "computed", "escaped"] = (
            "exact" if exact else "escaped" if written else "alias"
        )
        how = "computed" if "${" in value else how
        is_whole = how != "exact" or is_definition
        named = at if is_whole else (at[0] + value.find("/") + 1, at[1])
        for address in sorted(meant):
            if _ADDRESS.fullmatch(address):
                name = Name("address", address)
                yield Occurrence(name, self.text.name, self.number, path, at, named, is_definition, how)

    def _written(self, path: KeyPath) -> spelling.Range | None:
        """Return the range of a scalar; None where an alias stands for it, or for what it is part of."""
        span = self.document.values.get(path)
        if span is None:
            return None
        start, end = self.text.offsets(span)
        return None if spelling.is_alias(self.text.text, start) else (start, end)

    def _around(self, path: KeyPath) -> spelling.Range:
        """Return the range of the alias that a path leads through."""
        while path and path not in self.document.values:
            path = path[:-1]
        span = self.document.values.get(path, START)
        return self.text.offsets(span)


def _texts(data: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Yield the texts of a tree that are no keys."""
    if isinstance(data, str):
        yield path, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _texts(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _texts(value, (*path, index))


def is_built_in(name: Name) -> bool:
    return name.sort == "value" and name.text in values.BUILT_IN
