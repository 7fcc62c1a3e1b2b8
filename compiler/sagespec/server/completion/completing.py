"""Completion: what can be typed at a place, as an editor shows and inserts it.

In: a `Place`, and what the client can do. Out: a list of items, each an edit that replaces the word; empty in
comments, in files of other tools, and where nothing is known. The modules `keys`, `offers` and `value_offers` say
what there is, `insertion` how it is written, `items` how clients show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from lsprotocol import types

from sagespec.checking import schema
from sagespec.project.settings import Project
from sagespec.reading import source
from sagespec.review import fields
from sagespec.server import cursor, unclosed
from sagespec.server.completion import insertion, items, keys, offers, value_offers
from sagespec.server.completion.insertion import Spot
from sagespec.server.completion.items import Client, Edit
from sagespec.server.completion.offer import Offer, is_like
from sagespec.server.completion.subject import Subject
from sagespec.server.cursor import Cursor
from sagespec.server.place import Place
from sagespec.server.positions import Text

TRIGGERS = (":", " ", "{", "[", "$", "/", '"', "'")
MOST = 200
"""The most items of one answer; where there are more, those that do not match what is typed are left out."""
_TOP = {"apiVersion", "kind", "metadata", "spec"}
_NO_LINE_BREAKS_OF_JSON = dict.fromkeys(map(ord, "\x85\u2028\u2029"), " ")
"""What ends lines of YAML, and is a character like any other in texts of JSON."""
_NOTHING: tuple[Any, ...] = (None, "", {})
"""What is left of a value without the word that is typed."""


def answer(place: Place, client: Client) -> types.CompletionList:
    """Return what can be typed at a place."""
    named = value_offers.value_name(place.text, place.offset)
    found = [*(_values(place, client, named) if named is not None else _words(place, client))]
    is_cut = len(found) > MOST
    if is_cut:
        found = sorted((item for item in found if _matches(item, place)), key=lambda item: str(item.sort_text))
    return types.CompletionList(is_cut, found[:MOST])


def _matches(item: types.CompletionItem, place: Place) -> bool:
    """Return whether the characters that are typed of an item occur in it, in their order."""
    assert isinstance(item.text_edit, types.TextEdit)
    word = place.text.text[place.text.offset(item.text_edit.range.start) : place.offset]
    return is_like(word, item.filter_text or item.label)


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
        yield from _items(place, spot, keys.of_mapping(subject, here.path), client, is_key=True)
        if here.part == "either":
            yield from _entries(place, spot, subject, here, client)
    if here.part in ("value", "either") and source.get(here.document.data, here.path) in _NOTHING:
        typed = place.text.text[spot.start : place.offset]
        yield from _items(place, spot, offers.of_field(subject, here.path, typed), client, is_key=False)


def _entries(
    place: Place, spot: Spot, subject: Subject, here: Cursor, client: Client
) -> Iterator[types.CompletionItem]:
    """Yield what can begin the first entry of a list."""
    first, entry = (*here.path, 0), replace(spot, is_entry=True)
    if fields.find(subject.document, first) is None:
        return
    below = replace(subject, source=replace(subject.source, data=_with_list(here.document.data, here.path)))
    yield from _items(place, entry, keys.of_mapping(below, first), client, is_key=True)
    yield from _items(place, entry, offers.of_field(below, first, here.typed), client, is_key=False)


def _with_list(data: Any, path: tuple[str | int, ...]) -> Any:
    """Return data in which a list with an empty entry stands at a path."""
    if not path:
        return [None]
    if isinstance(data, dict) and isinstance(path[0], str):
        return {**data, path[0]: _with_list(data.get(path[0]), path[1:])}
    if isinstance(data, list):
        return [_with_list(item, path[1:]) if index == path[0] else item for index, item in enumerate(data)]
    return data


def _typed(text: Text, offset: int) -> Cursor | None:
    """Find what is typed; JSON is read as YAML, which can be read with a placeholder in it."""
    if source.is_json(text.name):
        text = Text(f"{text.name}.yaml", text.text.translate(_NO_LINE_BREAKS_OF_JSON), "utf-16")
    return cursor.typed(text, offset)


def _subject(place: Place, here: Cursor) -> Subject | None:
    """Return the document that is typed; None in files of other tools. Without a kind it has no fields."""
    document = place.document(here)
    if document is None and (here.path[:1] == ("spec",) or not _is_ours(place, here)):
        return None
    return Subject(place.known, place.file, document or schema.kinds()[0], here.document)


def _is_ours(place: Place, here: Cursor) -> bool:
    """Return whether a document without a kind is to be a spec: it says so, or is among specs without other keys."""
    data, checked = here.document.data, place.known.checked
    if str(source.get(data, ("apiVersion",))).startswith(source.OURS):
        return True
    names = checked.settings.project.specs if checked else Project.specs
    among = any(PurePosixPath(place.file).is_relative_to(PurePosixPath(name)) for name in names)
    return among and (not isinstance(data, dict) or set(data) <= _TOP)


def _items(
    place: Place, spot: Spot, offered: Iterable[Offer], client: Client, *, is_key: bool
) -> Iterator[types.CompletionItem]:
    seen: set[str] = set()
    for offer in offered:
        written = insertion.write(spot, offer, is_key=is_key, may_break=client.indents_snippets)
        label = items.label(offer)
        if written is not None and label not in seen and label.isprintable():
            seen.add(label)
            edit = Edit(spot.start, spot.end, *written)
            shown = f"- {label}" if spot.is_entry else label
            yield items.item(place, client, offer, edit, label=shown, number=len(seen))


def _values(place: Place, client: Client, named: tuple[int, int]) -> Iterator[types.CompletionItem]:
    """Yield the values that can be filled in after `${`."""
    start, end = named
    head = cursor.word_start(place.text.text, place.text.line_start(start - 2), start - 2)
    without = Text(place.text.name, place.text.text[:head] + place.text.text[end:], "utf-16")
    here = _typed(without, head)
    if here is None or here.part == "key" or (subject := _subject(place, here)) is None:
        return
    spot = insertion.spot(without, here)
    before = place.text.text[head : start - 2]
    if spot.in_brackets and not spot.quote:
        end = _own_end(place.text, head, start, end)
    rest = place.text.text[end : here.end + end - head]
    is_whole = not before and not rest and source.get(here.document.data, here.path) in _NOTHING
    is_open = spot.in_brackets and not spot.quote
    if is_open and not _begins_value(place.text.text, head):
        return
    for number, offer in enumerate(value_offers.of_field(subject, here.path, is_whole=is_whole)):
        edit = Edit(start, end, f"{offer.value}}}")
        if is_open:  # braces in brackets need quotes
            quoted = insertion.scalar(f"{before}${{{offer.value}}}{rest}", True)
            compared = place.text.text[head:start] + offer.value
            edit = Edit(head, end + len(rest), str(quoted), compared=compared)
        yield items.item(place, client, offer, edit, label=offer.value, number=number)


def _begins_value(whole: str, offset: int) -> bool:
    """Return whether a value in brackets begins at an offset, and not one of its later words."""
    return whole[:offset].rstrip(" ")[-1:] in (*",:[{",)


def _own_end(text: Text, head: int, start: int, end: int) -> int:
    """Return the end of a reference in brackets without quotes, whose `}` may be that of the mapping around it."""
    if not text.text[start:end].endswith("}"):
        return end
    rest = text.text[end : text.line_end(end)]
    opened = unclosed.before(text.text[text.line_start(head) : head]).brackets.count("}")
    return end if rest.count("}") - rest.count("{") >= opened else end - 1
