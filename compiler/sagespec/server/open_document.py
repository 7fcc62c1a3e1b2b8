"""An open document, changed as the protocol says.

In: ranges in the units that the editor counts, and their texts. Out: the text as the editor has it. The document of
pygls ends lines where Python does, also at form feeds and at separators of Unicode: after an edit below one of these
its text would be another than the editor's, for good.
"""

from __future__ import annotations

from lsprotocol import types
from pygls.workspace import TextDocument

from sagespec.server.positions import Text


class OpenDocument(TextDocument):
    """A document that an editor has opened; `units` are those of its positions."""

    def __init__(self, item: types.TextDocumentItem, units: types.PositionEncodingKind | str) -> None:
        super().__init__(item.uri, item.text, item.version, item.language_id)
        self._text, self._units = item.text, units

    @property
    def source(self) -> str:
        return self._text

    def apply_change(self, change: types.TextDocumentContentChangeEvent) -> None:
        if isinstance(change, types.TextDocumentContentChangeWholeDocument):
            self._text = change.text
            return
        text = Text(self.uri, self._text, self._units)
        start, end = text.offset(change.range.start), text.offset(change.range.end)
        self._text = self._text[:start] + change.text + self._text[max(start, end) :]
