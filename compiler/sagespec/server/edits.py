"""Edits of documents, in the form that an editor understands.

In: the edits of each document, and what the client can do. Out: a `WorkspaceEdit`: with the versions of documents
where the client knows these.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lsprotocol import types

_CONFIRMED = "confirmed"


class Edited(NamedTuple):
    """The edits of one document; `version` is None for a file that is not open."""

    uri: str
    version: int | None
    edits: list[types.TextEdit]


def workspace_edit(
    edited: Iterable[Edited], client: types.ClientCapabilities, confirmed: types.ChangeAnnotation | None = None
) -> types.WorkspaceEdit:
    """Return edits for an editor; `confirmed`, for editors that know versions, says what is to be confirmed."""
    if not knows_versions(client):
        return types.WorkspaceEdit(changes={one.uri: one.edits for one in edited})
    changes = []
    for one in edited:
        document = types.OptionalVersionedTextDocumentIdentifier(one.uri, one.version)
        annotated = [types.AnnotatedTextEdit(_CONFIRMED, edit.range, edit.new_text) for edit in one.edits]
        changes.append(types.TextDocumentEdit(document, annotated if confirmed else one.edits))
    return types.WorkspaceEdit(
        document_changes=changes, change_annotations={_CONFIRMED: confirmed} if confirmed else None
    )


def knows_versions(client: types.ClientCapabilities) -> bool:
    able = client.workspace and client.workspace.workspace_edit
    return bool(able and able.document_changes)
