"""The server itself: which documents are open, and what the editor is told of them.

Checks run in a thread, one at a time: changes that come meanwhile are checked together after it, so that typing never
waits. Comparing with git comes after them, where the editor shows lenses. An exception in a handler or in a check
becomes a log message of the editor.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls import uris
from pygls.exceptions import JsonRpcException, JsonRpcMethodNotFound
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol
from pygls.workspace import TextDocument

from sagespec import __version__
from sagespec.diagnostics import secrets
from sagespec.diagnostics.escapes import printable
from sagespec.memory import Memory
from sagespec.project import boundary
from sagespec.server import configuration, examination, lens, published
from sagespec.server.background import Latest
from sagespec.server.buffers import Buffers
from sagespec.server.examination import Examination
from sagespec.server.navigation.renaming import Refused
from sagespec.server.navigation.sheets import Document, Sheets
from sagespec.server.open_document import OpenDocument
from sagespec.server.place import Place
from sagespec.server.positions import Text


class Protocol(LanguageServerProtocol):
    """The conversation with the editor, in which a malformed request has an answer, too."""

    def structure_message(self, data: dict[str, Any]) -> Any:
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "id" in data and "method" in data:
                self._send_response(data["id"], error=error.to_response_error())
            raise


class Server(LanguageServer):
    """A language server for the projects of one editor."""

    def __init__(self) -> None:
        super().__init__(published.SOURCE, __version__, protocol_cls=Protocol)
        self.environment: str | None = None
        self.initial: str | None = None
        """The environment of the initialization options, which the settings of the editor replace."""
        self.examined: dict[Path, Examination] = {}
        self.known: dict[Path, Examination] = {}
        """For each project, its last examination in which the project file was valid."""
        self.is_shut_down = False
        self.exit_code = 0
        """1 after an `exit` without `shutdown`, as the protocol wants it; pygls only ends."""
        self._configurations = 0
        self._checks: defaultdict[Path, Memory] = defaultdict(Memory)
        self._comparisons: defaultdict[Path, Memory] = defaultdict(Memory)
        self._names: defaultdict[Path, Memory] = defaultdict(Memory)
        self._published: dict[str, list[types.Diagnostic]] = {}
        self._titles: dict[Path, Mapping[str, str]] = {}
        self._shows_lenses = False
        self._check = Latest(self._checked, partial(self._failed, "check"))
        self._review = Latest(self._reviewed, partial(self._failed, "comparison with git"))

    def report_server_error(self, error: Exception, source: Any) -> None:  # noqa: ARG002  pygls's signature
        """Log an exception in the editor; nobody is interrupted by a message box."""
        if isinstance(error, Refused | JsonRpcMethodNotFound):  # the answer says so
            return
        self.log(f"{type(error).__name__}: {error}")

    def log(self, message: str) -> None:
        shown = secrets.masked(printable(message))
        self.window_log_message(types.LogMessageParams(types.MessageType.Error, shown))

    @property
    def units(self) -> types.PositionEncodingKind | str:
        """The units in which the editor counts characters."""
        return self.workspace.position_encoding or "utf-16"

    def keep(self, item: types.TextDocumentItem) -> None:
        """Put an `OpenDocument` in place of the document that pygls has made of an opened one."""
        documents = self.workspace.text_documents
        for key in (key for key, document in documents.items() if document.uri == item.uri):
            documents[key] = OpenDocument(item, self.units)

    def open_documents(self) -> dict[Path, TextDocument]:
        """Return the open documents by their real paths."""
        documents = self.workspace.text_documents.values()
        files = [one for one in documents if one.uri.startswith("file:") and one.path]
        return {boundary.real(Path(one.path)): one for one in files}

    def buffers(self) -> Buffers:
        """Return the open documents as they are now."""
        opened = self.open_documents().items()
        return Buffers({path: one.source.encode("utf-8", "surrogatepass") for path, one in opened})

    def text(self, name: str, text: str) -> Text:
        return Text(name, text, self.units)

    def changed(self) -> None:
        """Check again, at once or after the check that runs."""
        self._check.changed()

    async def configure(self, sent: object) -> None:
        """Check in the environment that the settings of the editor name."""
        self._configurations += 1
        number = self._configurations
        chosen = configuration.environment(await configuration.current(self, sent)) or self.initial
        if number == self._configurations and chosen != self.environment:  # else there are newer settings
            self.environment = chosen
            self.changed()

    async def settled(self) -> None:
        """Wait until what is open now has been checked."""
        await self._check.settled()

    async def place(self, uri: str, position: types.Position, *, current: bool) -> Place | None:
        """Find a position of a document in its project; None where it is in none.

        With `current` off, what is known of the project may be older than its documents.
        """
        if current or not self.examined:
            await self.settled()
        if (found := self._project_of(uri)) is None:
            return None
        now, text = found
        return Place(now, self.known.get(now.root, now), text.name, text, text.offset(position))

    def _project_of(self, uri: str) -> tuple[Examination, Text] | None:
        """Find the project of an open document, and its text; None where it is in none."""
        path = boundary.real(Path(_path(uri)))
        document = self.open_documents().get(path)
        root = next((root for root in sorted(self.examined, reverse=True) if path.is_relative_to(root)), None)
        if root is None or document is None:
            return None
        return self.examined[root], self.text(path.relative_to(root).as_posix(), document.source)

    async def lenses(self, uri: str) -> list[types.CodeLens]:
        """Return what becomes of the specs of a document; from the first time on, changes are compared with git."""
        await self.settled()
        if not self._shows_lenses:
            self._shows_lenses = True
            self._review.changed()
        await self._review.settled()
        found = self._project_of(uri)
        if found is None:
            return []
        return await asyncio.to_thread(lens.lenses, *found, self._titles.get(found[0].root, {}))

    async def project(self, uri: str, position: types.Position) -> tuple[Place, Sheets] | None:
        """Find a position of a document, with the files of its project as they are now; None where it is in none."""
        place = await self.place(uri, position, current=True)
        return (place, self.sheets(place.now, place.known)) if place else None

    def sheets(self, now: Examination, known: Examination) -> Sheets:
        """Return the files of a project as they are now."""
        return Sheets(now, known, self.documents(), self.units, self._names[now.root])

    def documents(self) -> dict[Path, Document]:
        return {path: Document(one.uri, one.version, one.source) for path, one in self.open_documents().items()}

    def check_unchanged(self, before: Mapping[Path, Document], paths: Iterable[Path]) -> None:
        """Raise Refused where files are not open as before: a position would be of other text, and an edit hit it."""
        now = self.documents()
        if any(before.get(path) != now.get(path) for path in paths):
            raise Refused("the text was changed meanwhile: try again", types.LSPErrorCodes.ContentModified.value)

    async def _checked(self) -> None:
        buffers, opened = self.buffers(), {path: one.uri for path, one in self.open_documents().items()}
        opened_folders = [one.uri for one in self.workspace.folders.values()] or [self.workspace.root_uri or ""]
        folders = [Path(path) for uri in opened_folders if (path := _path(uri))]
        roots = {examination.root_of(folder, buffers) for folder in [*folders, *(path.parent for path in opened)]}
        examined: dict[Path, Examination] = {}
        for root in sorted(root for root in roots if root):
            memory = self._checks[root]
            examined[root] = await asyncio.to_thread(examination.examine, root, buffers, self.environment, memory)
        self._checks = defaultdict(Memory, {root: self._checks[root] for root in examined})
        self._names = defaultdict(Memory, {root: self._names[root] for root in examined})
        self.examined = examined
        self.known = {root: one if one.checked else self.known.get(root, one) for root, one in examined.items()}
        self._publish(opened)
        if self._shows_lenses:
            self._review.changed()

    async def _reviewed(self) -> None:
        """Compare the projects of open documents with git; the editor asks again for lenses that are others now."""
        opened = self.open_documents()
        examined = [one for root, one in self.examined.items() if any(path.is_relative_to(root) for path in opened)]
        kept = {one.root: self._comparisons[one.root] for one in examined}
        self._comparisons = defaultdict(Memory, kept)
        titles = {one.root: await asyncio.to_thread(lens.titles, one, kept[one.root]) for one in examined}
        workspace = self.client_capabilities.workspace
        if titles != self._titles and workspace and workspace.code_lens and workspace.code_lens.refresh_support:
            self.workspace_code_lens_refresh(None)
        self._titles = titles

    def _failed(self, what: str, error: BaseException) -> None:
        self.log(f"a {what} failed: {type(error).__name__}: {error}")

    def _publish(self, opened: dict[Path, str]) -> None:
        """Send the diagnostics of files whose diagnostics are others than before."""
        found = published.diagnostics(self.examined.values(), opened, self.text)
        for uri in sorted({*found, *self._published}):
            if found.get(uri, []) != self._published.get(uri, []):
                params = types.PublishDiagnosticsParams(uri, found.get(uri, []))
                self.text_document_publish_diagnostics(params)
        self._published = found


def _path(uri: str) -> str:
    """Return the path of a URI; '' where it has none, or is no URI."""
    try:
        return uris.to_fs_path(uri) or ""
    except ValueError:
        return ""
