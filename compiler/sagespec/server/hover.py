"""What an editor shows of the word under the pointer: the text of `explain`, and what becomes of it in this project.

In: a `Place`. Out: a `Hover` as Markdown or plain text, whose range is the word. Words of which nothing is known have
none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lsprotocol import types

from sagespec.checking import schema
from sagespec.diagnostics import KeyPath, secrets
from sagespec.diagnostics.escapes import printable
from sagespec.project import values
from sagespec.reading import source
from sagespec.review import explain, fields
from sagespec.review.explain import Explanation
from sagespec.server import explanations
from sagespec.server.cursor import Cursor
from sagespec.server.outcome import Code, Line, Outcome
from sagespec.server.place import Place

_MARKUP = re.compile(r"([\\*_\[\]<>`#|!&~]|:(?=//)|(?<=www)\.|(?<=\w)@)", re.IGNORECASE)
"""What is markup, and what makes a link of an address."""
_TICKS = re.compile(r"`+")


@dataclass(frozen=True)
class Shown:
    """What is shown of a range of the text: an explanation, and lines below it."""

    start: int
    end: int
    title: str = ""
    explanation: Explanation | None = None
    lines: tuple[Line, ...] = ()


def answer(place: Place, *, is_markdown: bool) -> types.Hover | None:
    """Return what is known of the word at a place; None for words that mean nothing to us."""
    found = at(place)
    if found is None:
        return None
    kind = types.MarkupKind.Markdown if is_markdown else types.MarkupKind.PlainText
    written = "\n".join(_markdown(found) if is_markdown else _plain(found))
    return types.Hover(types.MarkupContent(kind, written), place.text.between(found.start, found.end))


def reads_markdown(client: types.ClientCapabilities) -> bool:
    """Return whether a client prefers Markdown to plain text; one that says nothing reads plain text."""
    hover = client.text_document and client.text_document.hover
    formats = (hover and hover.content_format) or ()
    return types.MarkupKind.Markdown in formats[:1]


def at(place: Place) -> Shown | None:
    """Find what the word at a place means: a value, a ref, a kind, the name of a spec, or a field."""
    here = place.standing
    if here is None:
        return None
    outcome = _outcome(place, here)
    if here.part == "value" and outcome is not None and (found := _value(place, here, outcome)) is not None:
        return found
    document = place.document(here)
    if document is None:
        return None
    if here.part == "value" and outcome is not None and _is_ref(document, here.path):
        return _ref(here, outcome)
    if here.part == "value" and here.path == ("kind",):
        return Shown(here.start, here.end, "", explain.at(document, ()))
    explanation = explain.at(document, here.path)
    if explanation is None:
        return None
    lines = tuple(_lines(place, here, outcome)) if outcome is not None else ()
    title = _key(here.path) if explanation.field.name == fields.ANY_KEY else ""
    return Shown(here.start, here.end, title, explanation, lines)


def _key(path: KeyPath) -> str:
    """Write a free key; one that is a variable with its value, `NAME=value`, without the value."""
    one = secrets.assigned(path)
    return f"{one[0]}={secrets.MASK}" if one else secrets.masked(str(path[-1]))


def _lines(place: Place, here: Cursor, outcome: Outcome) -> Iterator[Line]:
    """Yield what becomes of a field, of a spec or of the project file."""
    if not place.is_project_file:
        yield from outcome.of_field(here.path)
        if here.path == ("metadata", "name"):
            yield from outcome.of_name()
    elif here.path[::2] == ("environments", "values") and len(here.path) == 4:
        yield from outcome.of_value(str(here.path[3]))
    elif "defaults" in here.path:
        yield from outcome.of_default(here.path)


def _outcome(place: Place, here: Cursor) -> Outcome | None:
    """Return what becomes of a document; None where the project file has never been valid."""
    known = place.known
    return None if known.checked is None else Outcome(known, known.checked, here.document)


def _value(place: Place, here: Cursor, outcome: Outcome) -> Shown | None:
    """Find the `${name}` that the place is in."""
    for match in values.REFERENCE.finditer(place.text.text, here.start, here.end):
        if match[1] is not None and match.start() <= place.offset <= match.end():
            name = match[1].strip()
            about = f": {values.BUILT_IN[name]}" if name in values.BUILT_IN and name not in values.OF_SPEC else ""
            title = f"a value that is built in{about}" if name in values.BUILT_IN else "a value of the project"
            return Shown(match.start(), match.end(), f"{match[0]}: {title}", None, tuple(outcome.of_value(name)))
    return None


def _is_ref(document: str, path: KeyPath) -> bool:
    above = fields.find(document, path[:-1])
    return path[-1:] == ("ref",) and above is not None and bool(above.refs)


def _ref(here: Cursor, outcome: Outcome) -> Shown | None:
    target = source.get(here.document.data, here.path)
    if not isinstance(target, str):
        return None
    kind = target.partition("/")[0]
    about = explain.at(kind, ()) if kind in schema.kinds() else None
    title = f"{target}: {about.field.description}" if about else target
    return Shown(here.start, here.end, title, None, tuple(outcome.of_ref(target)))


def _markdown(found: Shown) -> Iterator[str]:
    if found.title:
        yield _escaped(printable(found.title))
        yield ""
    if found.explanation is not None:
        yield explanations.text(found.explanation, is_markdown=True)
    for line in found.lines:
        parts = [(printable(part), isinstance(part, Code)) for part in line]
        yield "- " + "".join(_code(part) if is_code else _escaped(part) for part, is_code in parts)


def _plain(found: Shown) -> Iterator[str]:
    if found.title:
        yield printable(found.title)
    if found.explanation is not None:
        yield explanations.text(found.explanation, is_markdown=False)
    for one in found.lines:
        yield f"  {printable(''.join(one))}"


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)


def _code(text: str) -> str:
    """Write a text as code, between more backticks than it has itself."""
    fence = "`" * (1 + max(map(len, _TICKS.findall(text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{fence}{space}{text}{space}{fence}"
