"""Rename a spec or a value everywhere in its project.

In: a `Place`, the `Sheets` of its project, and a new name. Out: a `Renaming`: the edits of each file, made from the
text that the editor has. Refuses whatever would leave the project different from before but for the name: names that
are invalid or taken, names that values are part of, files that cannot be read, and text whose characters do not tell
where a name stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from sagespec.checking import schema
from sagespec.diagnostics import KeyPath
from sagespec.diagnostics.escapes import printable
from sagespec.project import references, settings, values
from sagespec.reading import source
from sagespec.server import edits
from sagespec.server.completion import insertion
from sagespec.server.edits import Edited
from sagespec.server.navigation import definitions, occurrences, spelling
from sagespec.server.navigation.occurrences import Name, Occurrence
from sagespec.server.navigation.sheets import Sheets, several
from sagespec.server.place import Place
from sagespec.server.positions import Text


class Refused(JsonRpcException):
    """Something that cannot be renamed; the message, which the editor shows, says why."""

    CODE = types.LSPErrorCodes.RequestFailed.value

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(printable(message), code)


class Edit(NamedTuple):
    """A replacement of `text[start:end]`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Renaming:
    """The edits of each file, and what follows from them; '' where nothing does."""

    edits: Mapping[str, list[Edit]]
    consequence: str = ""


def prepare(place: Place, sheets: Sheets) -> types.PrepareRenamePlaceholder | None:
    """Return the name at a place and its range; None where there is none.

    Raises Refused.
    """
    if not (found := definitions.standing(place, sheets)):
        return None
    name = _renamed(found, sheets)
    where = next((one for one in found if one.spelling == "exact"), found[0])
    return types.PrepareRenamePlaceholder(sheets.range(place.file, where.named), _short(name))


def plan(place: Place, sheets: Sheets, new: str) -> Renaming:
    """Return the edits that rename what is at a place.

    Raises Refused.
    """
    if not (found := definitions.standing(place, sheets)):
        raise Refused("there is no name of a spec or a value here")
    name = _renamed(found, sheets)
    if new == _short(name):
        return Renaming({})
    _check_name(name, new, sheets)
    _check_files(name, sheets)
    renamed = [one for one in sheets.occurrences if one.name == name]
    by_file: dict[str, list[Occurrence]] = {}
    for one in renamed:
        by_file.setdefault(one.file, []).append(one)
    made = {file: _edits(sheets.pages[file], found, new) for file, found in by_file.items()}
    started = _started(name, new, sheets) if name.sort == "address" else []
    return Renaming(made, f"the next apply starts anew: {several(started)}" if started else "")


def workspace_edit(made: Renaming, sheets: Sheets, client: types.ClientCapabilities) -> types.WorkspaceEdit:
    """Return the edits for an editor, to be confirmed where something follows from them and it can ask."""
    edited = [
        Edited(
            sheets.uri(sheets.path(file)),
            sheets.version(file),
            [types.TextEdit(sheets.range(file, (one.start, one.end)), one.text) for one in found],
        )
        for file, found in made.edits.items()
    ]
    note = types.ChangeAnnotation("Starts new runs", needs_confirmation=True, description=made.consequence)
    return edits.workspace_edit(edited, client, note if made.consequence and confirms(client) else None)


def confirms(client: types.ClientCapabilities) -> bool:
    """Return whether an editor asks before it renames what is to be confirmed."""
    able = client.workspace and client.workspace.workspace_edit
    renaming = client.text_document and client.text_document.rename
    return bool(
        edits.knows_versions(client)
        and able
        and able.change_annotation_support
        and renaming
        and renaming.honors_change_annotations
    )


def _short(name: Name) -> str:
    return name.text.partition("/")[2] if name.sort == "address" else name.text


def _renamed(found: list[Occurrence], sheets: Sheets) -> Name:
    """Return the name that is to be renamed.

    Raises Refused where no single spec or value has it.
    """
    one, name = found[0], found[0].name
    if occurrences.is_built_in(name):
        raise Refused(f"{name.text} is built in")
    if one.spelling == "computed":
        raise Refused("values are part of this name: rename it by hand, or rename the values")
    definitions = [other for other in sheets.occurrences if other.is_definition and other.name == name]
    if not definitions and name.sort == "value":
        raise Refused(f"no environment has a value {name.text}: what is given with -D is not renamed here")
    if not definitions:
        raise Refused(f"no spec has the address {name.text}")
    if name.sort == "address" and len(definitions) > 1:
        raise Refused(f"{len(definitions)} specs have the address {name.text}")
    for other in sheets.occurrences:
        if other.name == name and other.spelling == "computed":
            what = "defines" if other.is_definition else "refers to"
            raise Refused(f"{_where(other, sheets)} {what} {name.text} with values in the name")
    return name


def _started(name: Name, new: str, sheets: Sheets) -> list[str]:
    """Return the addresses of what runs anew: the spec, since a renamed one is another, and what depends on it."""
    checked = sheets.now.checked
    affected = {name.text, *(references.users([name.text], checked.edges) if checked else ())}
    kinds = {kind for kind in schema.kinds() if schema.runs(kind)}
    runs = [address for address in affected if address.partition("/")[0] in kinds]
    return sorted(f"{address.partition('/')[0]}/{new}" if address == name.text else address for address in runs)


def _check_name(name: Name, new: str, sheets: Sheets) -> None:
    """Check that a new name is valid and free."""
    if name.sort == "address":
        kind = name.text.partition("/")[0]
        if kind not in schema.kinds():
            raise Refused(f"there is no kind {kind!r}")
        metadata = schema.load(kind)["properties"]["metadata"]
        problems = schema.validate_against(metadata["properties"]["name"], new)
        wanted = Name("address", f"{kind}/{new}")
        taken = [one for one in sheets.occurrences if one.name.text.lower() == wanted.text.lower()]
    else:
        environments = schema.load("Project")["properties"]["environments"]["additionalProperties"]
        problems = schema.validate_against(environments["properties"]["values"]["propertyNames"], new)
        wanted = Name("value", new)
        taken = [one for one in sheets.occurrences if one.name == wanted]
    if wanted.text in values.BUILT_IN:
        raise Refused(f"{new} is built in")
    if problems:
        raise Refused(f"{new!r} cannot be the name: {problems[0].message}")
    for one in sorted(taken, key=lambda one: not one.is_definition):
        if one.name.sort == name.sort and one.name != name:
            raise Refused(f"{wanted.text} is taken: {one.name.text} is in {_where(one, sheets)}")


def _check_files(name: Name, sheets: Sheets) -> None:
    """Check that every file that may have the name can be read as a whole."""
    if sheets.now.checked is None:
        raise Refused(f"{settings.FILE} has errors: mend them first")
    if sheets.unreadable:
        raise Refused(f"files that may have the name cannot be read: {several(sheets.unreadable)}")
    word = re.compile(rf"(?<![A-Za-z0-9_]){re.escape(_short(name))}(?![A-Za-z0-9_])")
    if outside := [file for file, text in sheets.outside.items() if word.search(text)]:
        raise Refused(f"files outside of the project may have the name: {several(outside)}")
    if broken := [file for file, page in sheets.pages.items() if page.faults and word.search(page.text)]:
        raise Refused(f"files that may have the name have errors: {several(broken)}: mend them first")


def _edits(page: Text, found: Iterable[Occurrence], new: str) -> list[Edit]:
    """Return the edits of one file, after reading what it becomes by them."""
    found = list(found)
    made = sorted({_edit(page, one, new) for one in found if one.spelling == "exact"})
    text = page.text
    for edit in reversed(made):
        text = text[: edit.start] + edit.text + text[edit.end :]
    become = Text(page.name, text, "utf-32")
    expected = [_expected(document, number, found, new) for number, document in enumerate(page.documents)]
    if become.faults or [document.written for document in become.documents] != expected:
        one = next((one for one in found if one.spelling != "exact"), found[0])
        why = "the name has escapes or is folded" if one.spelling == "escaped" else "more than the name would change"
        raise Refused(f"{page.name}:{page.line(one.whole[0])}: {why} there: rename it by hand")
    return made


def _edit(page: Text, one: Occurrence, new: str) -> Edit:
    """Return the edit of one name; a name that would be read as a number or the like comes into quotes."""
    start, end = one.named
    replaces_scalar = one.is_definition and spelling.is_plain(page.text, start)
    written = insertion.scalar(new, in_brackets=True) if replaces_scalar else None
    return Edit(start, end, written or new)


def _expected(document: source.Source, number: int, found: Iterable[Occurrence], new: str) -> Any:
    """Return what a document says once it is renamed."""
    own = [one for one in found if one.document == number]
    keys = {one.path: new for one in own if one.is_definition and one.name.sort == "value"}
    texts: dict[KeyPath, str] = {}
    for one in own:
        if one.path not in keys:
            before = texts.get(one.path) or source.get(document.data, one.path)
            texts[one.path] = _become(before, one, new)
    return _rebuilt(document.written, (), texts, keys)


def _become(before: str, one: Occurrence, new: str) -> str:
    if one.name.sort == "value":
        return spelling.renamed(before, one.name.text, new)
    return new if one.is_definition else f"{one.name.text.partition('/')[0]}/{new}"


def _rebuilt(tree: Any, path: KeyPath, texts: Mapping[KeyPath, str], keys: Mapping[KeyPath, str]) -> Any:
    if path in texts:
        return texts[path]
    if isinstance(tree, dict):
        return {keys.get((*path, key), key): _rebuilt(item, (*path, key), texts, keys) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_rebuilt(item, (*path, index), texts, keys) for index, item in enumerate(tree)]
    return tree


def _where(one: Occurrence, sheets: Sheets) -> str:
    return f"{one.file}:{sheets.pages[one.file].line(one.whole[0])}"
