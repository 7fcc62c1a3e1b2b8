"""What the server itself decides, apart from any request."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types
from pygls.workspace import Workspace
from sagespec.server import features
from sagespec.server.navigation.renaming import Refused


def test_an_edit_of_text_that_was_changed_meanwhile_is_refused(tmp_path: Path) -> None:
    file, other = (tmp_path / name for name in ("a.yaml", "b.yaml"))
    server = features.create()
    server.protocol._workspace = Workspace(tmp_path.as_uri())
    for path in (file, other):
        item = types.TextDocumentItem(path.as_uri(), "yaml", 1, "a: 1\n")
        server.workspace.put_text_document(item)
        server.keep(item)
    before = server.documents()
    version = types.VersionedTextDocumentIdentifier(2, file.as_uri())
    server.workspace.update_text_document(version, types.TextDocumentContentChangeWholeDocument("b: 1\n"))
    server.check_unchanged(before, [other])
    with pytest.raises(Refused) as refused:
        server.check_unchanged(before, [other, file])
    assert refused.value.code == types.LSPErrorCodes.ContentModified
