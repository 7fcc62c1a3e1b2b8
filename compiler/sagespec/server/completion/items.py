"""Items of a completion: what a client shows of an offer, and the edit that it makes.

In: an offer, the range and the text of its edit, and what the client can do. Out: a `CompletionItem`. Clients differ
in what they make of an edit: Neovim, unless it is a snippet, inserts no more than its first word, and never removes
what is behind the cursor.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from lsprotocol import types

from sagespec.diagnostics.escapes import cut, printable
from sagespec.server import explanations
from sagespec.server.completion import insertion
from sagespec.server.completion.offer import Offer, Sort
from sagespec.server.place import Place

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
_SPECIAL = re.compile(r"[\\$}]")
_SPACE = re.compile(r"\s")
_LONGEST = 500
"""The most characters of a detail, which is one line."""


@dataclass(frozen=True)
class Client:
    """What a client understands: a format of documentation, if it names any; snippets, and lines in them."""

    format: types.MarkupKind | None = None
    takes_snippets: bool = False
    indents_snippets: bool = False

    @staticmethod
    def of(capabilities: types.ClientCapabilities) -> Client:
        completion = capabilities.text_document and capabilities.text_document.completion
        item = completion and completion.completion_item
        if not item:
            return Client()
        formats = item.documentation_format or ()
        modes = item.insert_text_mode_support.value_set if item.insert_text_mode_support else ()
        takes = bool(item.snippet_support)
        return Client(
            format=types.MarkupKind.Markdown if types.MarkupKind.Markdown in formats else next(iter(formats), None),
            takes_snippets=takes,
            indents_snippets=takes and types.InsertTextMode.AdjustIndentation in modes,
        )


class Edit(NamedTuple):
    """What replaces `text[start:end]`; a snippet, where it is one, has escapes and says where the cursor goes.

    Clients compare what stands before the cursor with `compared`, where it is given, else with the value.
    """

    start: int
    end: int
    new: str
    is_snippet: bool = False
    compared: str = ""


def item(place: Place, client: Client, offer: Offer, edit: Edit, *, label: str, number: int) -> types.CompletionItem:
    """Write an item; `number` is its place among those of its rank."""
    whole = place.text.text
    start, end, new, is_snippet, compared = edit
    is_broken = is_snippet and "\n" in new
    if not is_snippet:
        while end > place.offset and new and new[-1] == whole[end - 1]:
            end, new = end - 1, new[:-1]
        if client.takes_snippets and _SPACE.search(new):
            new, is_snippet = _SPECIAL.sub(r"\\\g<0>", new), True
    return types.CompletionItem(
        label=label,
        kind=_SORTS[offer.sort],
        detail=cut(printable(offer.detail), _LONGEST) or None,
        documentation=_documentation(offer, client),
        filter_text=compared or _compared(offer),
        sort_text=f"{offer.rank}{number:04d}",
        insert_text_format=types.InsertTextFormat.Snippet if is_snippet else types.InsertTextFormat.PlainText,
        insert_text_mode=types.InsertTextMode.AdjustIndentation if is_broken else None,
        text_edit=types.TextEdit(place.text.between(start, end), new),
    )


def label(offer: Offer) -> str:
    """Write the value of an offer as it is shown."""
    value = offer.value
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {inner}' for key, inner in value.items())}}}"
    return value if isinstance(value, str) else str(insertion.scalar(value, True))


def _compared(offer: Offer) -> str:
    """Return what the typed word is compared with: of a ref its address."""
    return str(next(iter(offer.value.values()))) if isinstance(offer.value, dict) else label(offer)


def _documentation(offer: Offer, client: Client) -> types.MarkupContent | str | None:
    if offer.about is None:
        return None
    text = explanations.text(offer.about, is_markdown=client.format is types.MarkupKind.Markdown)
    return text if client.format is None else types.MarkupContent(client.format, text)
