"""Completion: what can be typed at a place, as an editor shows and inserts it.

In: a `Place`, and what the client can do. Out: a list of items, each an edit that replaces the word; empty in
comments, in files of other tools, and where nothing is known. The modules `keys`, `offers` and `value_offers` say
what there is, `insertion` how it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import PurePosixPath
from typing import Any

from lsprotocol import types

from sagespec.checking import schema
from sagespec.reading import source
from sagespec.review import explain, explained, fields, reference
from sagespec.server import cursor, insertion, keys, offers, value_offers
from sagespec.server.cursor import Cursor
from sagespec.server.insertion import Spot
from sagespec.server.offer import Offer, Sort
from sagespec.server.place import Place
from sagespec.server.positions import Text
from sagespec.server.subject import Subject

TRIGGERS = (":", " ", "{", "[", "$", "/", '"', "'")
MOST = 200
"""The most items of one answer; of more those that fit what is typed."""
_NOTHING: tuple[Any, ...] = (None, "", {})
"""What is left of a value without the word that is typed."""
_SORTS: dict[Sort, types.CompletionItemKind] = {
    "key": types.CompletionItemKind.Property,
    "value": types.CompletionItemKind.EnumMember,
    "kind": types.CompletionItemKind.Class,
    "ref": types.CompletionItemKind.Reference,
    "locked": types.CompletionItemKind.Constant,
    "file": types.CompletionItemKind.File,
    "folder": types.CompletionItemKind.Folder,
    "variable": types.CompletionItemKind.Variable,
}


@dataclass(frozen=True)
class Client:
    """What a client understands: a format of documentation, if it names any; snippets of lines that it indents."""

    format: types.MarkupKind | None = None
    indents_snippets: bool = False

    @staticmethod
    def of(capabilities: types.ClientCapabilities) -> Client:
        completion = capabilities.text_document and capabilities.text_document.completion
        item = completion and completion.completion_item
        if not item:
            return Client()
        modes = item.insert_text_mode_support.value_set if item.insert_text_mode_support else ()
        indents = bool(item.snippet_support) and types.InsertTextMode.AdjustIndentation in modes
        known = item.documentation_format or ()
        return Client(
            types.MarkupKind.Markdown if types.MarkupKind.Markdown in known else next(iter(known), None), indents
        )


def answer(place: Place, client: Client) -> types.CompletionList:
    """Return what can be typed at a place."""
    named = value_offers.value_name(place.text, place.offset)
    items = [*(_values(place, named) if named is not None else _words(place, client))]
    is_cut = len(items) > MOST
    if is_cut:
        typed = place.text.text[: place.offset]
        items = [item for item in items if _matches(item, typed)]
    return types.CompletionList(is_cut, items[:MOST])


def _matches(item: types.CompletionItem, typed: str) -> bool:
    """Return whether the characters that are typed of an item occur in it, in their order."""
    edit = item.text_edit
    line = typed[max(typed.rfind("\n"), typed.rfind("\r")) + 1 :]
    word = line[edit.range.start.character :] if isinstance(edit, types.TextEdit) else ""
    rest = iter((item.filter_text or item.label).lower())
    return all(character in rest for character in word.lower())


def _words(place: Place, client: Client) -> Iterator[types.CompletionItem]:
    """Yield the keys and values that can stand in place of the word."""
    here = _typed(place.text, place.offset)
    if here is None:
        return
    subject = _subject(place, here)
    if subject is None:
        return
    spot = insertion.spot(place.text, here)
    if here.part in ("key", "either"):
        yield from _items(spot, keys.of_mapping(subject, here.path), client, is_key=True)
        if here.part == "either":
            yield from _entries(spot, subject, here, client)
    if here.part in ("value", "either") and source.get(here.document.data, here.path) in _NOTHING:
        typed = place.text.text[spot.start : place.offset]
        yield from _items(spot, offers.of_field(subject, here.path, typed), client, is_key=False)


def _entries(spot: Spot, subject: Subject, here: Cursor, client: Client) -> Iterator[types.CompletionItem]:
    """Yield what can begin the first entry of a list."""
    first, entry = (*here.path, 0), replace(spot, is_entry=True)
    if fields.find(subject.document, first) is None:
        return
    below = replace(subject, source=replace(subject.source, data=_with_list(here.document.data, here.path)))
    yield from _items(entry, keys.of_mapping(below, first), client, is_key=True)
    yield from _items(entry, offers.of_field(below, first, here.typed), client, is_key=False)


def _with_list(data: Any, path: tuple[str | int, ...]) -> Any:
    """Return data in which a list with an empty entry stands at a path."""
    if not path:
        return [None]
    if isinstance(data, dict):
        return {**data, path[0]: _with_list(data.get(path[0]), path[1:])}
    if isinstance(data, list):
        return [_with_list(item, path[1:]) if index == path[0] else item for index, item in enumerate(data)]
    return {path[0]: _with_list(None, path[1:])}


def _typed(text: Text, offset: int) -> Cursor | None:
    """Find what is typed, also within a quote that is not closed yet.

    JSON is read as YAML, which can be read with a placeholder in it.
    """
    name = f"{text.name}.yaml" if insertion.is_json(text) else text.name
    found = cursor.typed(Text(name, text.text, "utf-16"), offset)
    if found is None and (quote := insertion.open_quote(text.text, offset)):
        end = insertion.word_end(text.text, offset)
        found = cursor.typed(Text(name, text.text[:end] + quote + text.text[end:], "utf-16"), offset)
    return found


def _subject(place: Place, here: Cursor) -> Subject | None:
    """Return the document that is typed; None in files of other tools. Without a kind it has no fields."""
    document = place.document(here)
    if document is None and (here.path[:1] == ("spec",) or not _is_ours(place, here)):
        return None
    return Subject(place.known, place.file, document or schema.kinds()[0], here.document)


def _is_ours(place: Place, here: Cursor) -> bool:
    """Return whether a document without a kind is to become a spec: it is among specs, or says so itself."""
    version = str(source.get(here.document.data, ("apiVersion",)) or "")
    checked = place.known.checked
    names = checked.settings.project.specs if checked else ("specs",)
    among = any(PurePosixPath(place.file).is_relative_to(PurePosixPath(name)) for name in names)
    return version.startswith(source.OURS) or among or place.file in place.now.texts


def _items(spot: Spot, offered: Iterable[Offer], client: Client, *, is_key: bool) -> Iterator[types.CompletionItem]:
    seen: set[str] = set()
    for offer in offered:
        written = insertion.write(spot, offer, is_key=is_key, may_break=client.indents_snippets)
        label = _label(offer)
        if written is None or label in seen:
            continue
        seen.add(label)
        text, is_snippet = written
        yield types.CompletionItem(
            label=f"- {label}" if spot.is_entry else label,
            kind=_SORTS[offer.sort],
            detail=offer.detail or None,
            documentation=_documentation(offer, client),
            filter_text=_filter(offer, label),
            sort_text=f"{offer.rank}{len(seen):04d}",
            insert_text_format=types.InsertTextFormat.Snippet if is_snippet else types.InsertTextFormat.PlainText,
            insert_text_mode=types.InsertTextMode.AdjustIndentation if is_snippet else None,
            text_edit=types.TextEdit(spot.text.between(spot.start, spot.end), text),
        )


def _label(offer: Offer) -> str:
    value = offer.value
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {item}' for key, item in value.items())}}}"
    return value if isinstance(value, str) else str(insertion.scalar(value, True))


def _filter(offer: Offer, label: str) -> str:
    """Return what the typed word is compared with: of a ref its address."""
    return str(next(iter(offer.value.values()))) if isinstance(offer.value, dict) else label


def _documentation(offer: Offer, client: Client) -> types.MarkupContent | str | None:
    if offer.about is None:
        return None
    field, is_markdown = offer.about.field, client.format is types.MarkupKind.Markdown
    text = _explained(field.document, field.path, is_markdown)
    return text if client.format is None else types.MarkupContent(client.format, text)


@cache
def _explained(document: str, path: fields.Steps, is_markdown: bool) -> str:
    explanation = explain.at(document, path)
    if explanation is None:
        return ""
    if is_markdown:
        return "\n".join(reference.field(explanation, "###"))
    lines = explained.text(explanation, 0)
    return "\n".join(line if isinstance(line, str) else "".join(line) for line in lines)


def _values(place: Place, named: tuple[int, int]) -> Iterator[types.CompletionItem]:
    """Yield the values that can be filled in after `${`."""
    start, end = named
    head = _scalar_start(place.text.text, start - 2)
    without = Text(place.text.name, place.text.text[:head] + place.text.text[end:], "utf-16")
    here = _typed(without, head)
    if here is None or here.part == "key" or (subject := _subject(place, here)) is None:
        return
    spot = insertion.spot(without, here)
    before = place.text.text[head : start - 2]
    if spot.in_brackets and not spot.quote:
        end = _own_end(place.text.text, head, start, end)
    rest = place.text.text[end : here.end + end - head]
    is_whole = not before and not rest and source.get(here.document.data, here.path) in _NOTHING
    for number, offer in enumerate(value_offers.of_field(subject, here.path, is_whole=is_whole)):
        new, first, last = f"{offer.value}}}", start, end
        if spot.in_brackets and not spot.quote:
            quoted = insertion.scalar(f"{before}${{{new}{rest}", True)
            new, first, last = str(quoted), head, end + len(rest)
        yield types.CompletionItem(
            label=offer.value,
            kind=_SORTS[offer.sort],
            detail=offer.detail or None,
            filter_text=place.text.text[first:start] + offer.value,
            sort_text=f"{offer.rank}{number:04d}",
            insert_text_format=types.InsertTextFormat.PlainText,
            text_edit=types.TextEdit(place.text.between(first, last), new),
        )


def _scalar_start(whole: str, offset: int) -> int:
    """Return where the scalar begins that an offset is in, as far as a line and its brackets tell."""
    found = insertion.BEFORE.search(whole, whole.rfind("\n", 0, offset) + 1, offset)
    return found.start() if found else offset


def _own_end(whole: str, head: int, start: int, end: int) -> int:
    """Return the end of a reference in brackets without quotes, whose `}` may be that of the mapping around it."""
    if not whole[start:end].endswith("}"):
        return end
    line = max(whole.rfind("\n", 0, head), 0)
    rest = whole[end:].partition("\n")[0]
    opened = whole.count("{", line, head) - whole.count("}", line, head)
    return end if rest.count("}") - rest.count("{") >= opened else end - 1
