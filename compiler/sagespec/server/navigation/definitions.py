"""Where a name leads: its definition, its uses, and the files that fields name.

In: a `Place`, and the `Sheets` of its project. Out: what the protocol answers. Positions without a name lead nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from lsprotocol import types

from sagespec.checking import schema
from sagespec.diagnostics import KeyPath
from sagespec.project import addresses
from sagespec.project.spec import ref_kinds
from sagespec.project.values import OF_SPEC
from sagespec.reading import source
from sagespec.reading.source import Source
from sagespec.review import explain, fields
from sagespec.server.cursor import Cursor
from sagespec.server.navigation import occurrences, spelling
from sagespec.server.navigation.occurrences import Name, Occurrence
from sagespec.server.navigation.sheets import Sheets
from sagespec.server.navigation.spelling import Range
from sagespec.server.place import Place

_START = types.Range(types.Position(0, 0), types.Position(0, 0))


def standing(place: Place, sheets: Sheets) -> list[Occurrence]:
    """Return the names at a place: several where values in a name make it mean several."""
    found = [one for one in sheets.occurrences if one.is_at(place.file, place.offset)]
    inner = min((one.whole[1] - one.whole[0] for one in found), default=0)
    return [one for one in found if one.whole[1] - one.whole[0] == inner] or _of_key(place, sheets)


def _of_key(place: Place, sheets: Sheets) -> list[Occurrence]:
    """Return the names that the value of a key `ref` has."""
    here = place.standing
    if here is None or here.part != "key" or here.path[-1:] != ("ref",):
        return []
    same = [one for one in sheets.occurrences if one.file == place.file and one.path == here.path]
    later = [one for one in same if one.whole[0] >= here.end]
    return [one for one in later if one.whole == min(later, key=lambda one: one.whole).whole]


def definition(place: Place, sheets: Sheets) -> list[types.LocationLink]:
    """Return where the names at a place are defined, or the file that is named there."""
    found = standing(place, sheets)
    here = place.standing
    if not found and here is not None and here.part == "value":
        targets = [*_files(here, place, sheets), *_short(here, place, sheets)]
        origin: types.Range | None = place.text.between(here.start, here.end)
    else:
        targets = [target for one in found for target in _definitions(one, sheets)]
        origin = (
            sheets.range(place.file, found[0].whole) if found and found[0].is_at(place.file, place.offset) else None
        )
    unique = {(target.uri, str(target.range)): target for target in targets}
    return [types.LocationLink(one.uri, one.range, one.range, origin) for one in unique.values()]


def references(place: Place, sheets: Sheets, *, declared: bool) -> list[types.Location]:
    """Return the uses of the names at a place; with `declared`, their definitions as well."""
    found = [one for one in _same(standing(place, sheets), sheets) if declared or not one.is_definition]
    return [sheets.location(file, named) for file, named in sorted({(one.file, one.named) for one in found})]


def highlights(place: Place, sheets: Sheets) -> list[types.DocumentHighlight]:
    """Return the occurrences of the names at a place in its file."""
    found = {one.named: one for one in _same(standing(place, sheets), sheets) if one.file == place.file}
    return [
        types.DocumentHighlight(
            sheets.range(place.file, named),
            types.DocumentHighlightKind.Write if one.is_definition else types.DocumentHighlightKind.Read,
        )
        for named, one in sorted(found.items(), key=lambda item: item[0])
    ]


def links(file: str, sheets: Sheets) -> list[types.DocumentLink]:
    """Return the files that the fields of a file name, as links."""
    page = sheets.pages.get(file)
    if page is None:
        return []
    found = []
    for document in page.documents:
        for path, span in document.values.items():
            if target := _file(document, path, file, sheets):
                where = page.between(*spelling.content(page.text, *page.offsets(span)))
                found.append(types.DocumentLink(where, sheets.uri(target)))
    return found


def _definitions(one: Occurrence, sheets: Sheets) -> Iterator[types.Location]:
    if occurrences.is_built_in(one.name):
        yield from (sheets.location(one.file, named) for named in _built_in(one, sheets))
        return
    found = [other for other in sheets.occurrences if other.is_definition and one.name == other.name]
    own = [other for other in found if one.environment and other.environment == one.environment]
    for other in own or found:
        yield sheets.location(other.file, other.named)


def _built_in(one: Occurrence, sheets: Sheets) -> Iterator[Range]:
    """Yield the range of what gives `spec.name` or `spec.run` its value in a document."""
    page = sheets.pages[one.file]
    if one.name.text in OF_SPEC and not page.is_project_file:
        span = page.documents[one.document].values.get(("metadata", one.name.text.removeprefix("spec.")))
        if span is not None:
            yield spelling.content(page.text, *page.offsets(span))


def _same(found: Iterable[Occurrence], sheets: Sheets) -> Iterator[Occurrence]:
    """Yield the occurrences of names: of built-in ones of a spec, those in its document."""
    names: set[Name] = set()
    for one in found:
        if occurrences.is_built_in(one.name) and one.name.text in OF_SPEC:
            here = (one.file, one.document, one.name)
            yield from (other for other in sheets.occurrences if (other.file, other.document, other.name) == here)
        else:
            names.add(one.name)
    yield from (other for other in sheets.occurrences if other.name in names)


def _short(here: Cursor, place: Place, sheets: Sheets) -> Iterator[types.Location]:
    """Yield the specs that a ref without a kind can mean."""
    value = source.get(here.document.data, here.path)
    field = source.general(here.path[1:-1])
    if place.is_project_file or here.path[-1:] != ("ref",) or field not in occurrences.ref_paths(here.kind):
        return
    takes = ref_kinds(here.kind).get(field, ()) if here.kind in schema.kinds() else ()
    for one in sheets.occurrences:
        is_meant = one.name.sort == "address" and addresses.fits(one.name.text, str(value))
        if one.is_definition and is_meant and (not takes or one.name.text.partition("/")[0] in takes):
            yield sheets.location(one.file, one.named)


def _files(here: Cursor, place: Place, sheets: Sheets) -> Iterator[types.Location]:
    target = _file(here.document, here.path, place.file, sheets) if place.file in sheets.pages else None
    if target is not None:
        yield types.Location(sheets.uri(target), _START)


def _file(document: Source, path: KeyPath, file: str, sheets: Sheets) -> Path | None:
    """Return the file that a field names, within the project."""
    value = source.get(document.data, path)
    if not isinstance(value, str) or not value or "${" in value or "\n" in value:
        return None
    kind = explain.PROJECT if sheets.pages[file].is_project_file else source.get(document.data, ("kind",))
    field = fields.find(kind, path) if kind in explain.documents() else None
    if field is None or field.files is None:
        return None
    within = field.files.within
    beside = source.get(document.data, (*path[:-1], within)) if within else ""
    return sheets.existing(sheets.path(file).parent / beside, value) if isinstance(beside, str) else None
