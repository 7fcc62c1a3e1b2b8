"""The requests and notifications of the protocol, each led to the module that answers it.

In: what an editor sends. Out: a server that answers.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from lsprotocol import types
from pygls.protocol import json_rpc

from sagespec.server import actions, configuration, hover
from sagespec.server.completion import completing
from sagespec.server.completion.items import Client
from sagespec.server.language_server import Server
from sagespec.server.navigation import definitions, renaming, symbols
from sagespec.server.navigation.renaming import Refused
from sagespec.server.published import SOURCE

_FIXES = types.CodeActionOptions([types.CodeActionKind.QuickFix, actions.FIX_ALL])
_WATCHED = ("**/*.{yaml,yml,json}", "**/.git/logs/HEAD")
"""Files of projects; and what git appends to whenever another commit is checked out, or one is made."""
_START = types.Position(0, 0)


def create() -> Server:
    """Return a server with all its features."""
    server = Server()
    for logger in (json_rpc.__name__, "concurrent.futures", "asyncio"):
        logging.getLogger(logger).addFilter(_is_logged)

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        server.environment = server.initial = configuration.environment(params.initialization_options)

    @server.feature(types.INITIALIZED)
    async def initialized(_: types.InitializedParams) -> None:
        server.changed()
        await _watch(server)
        await server.configure(None)

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def configured(params: types.DidChangeConfigurationParams) -> None:
        await server.configure(params.settings)

    @server.feature(types.EXIT)
    def ended(_: Any) -> None:
        server.exit_code = 0 if server.is_shut_down else 1

    @server.feature(types.SHUTDOWN)
    def shut_down(_: Any) -> None:
        server.is_shut_down = True

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.keep(params.text_document)
        server.changed()

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def changed(_: Any) -> None:
        server.changed()

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hovered(params: types.HoverParams) -> types.Hover | None:
        place = await server.place(params.text_document.uri, params.position, current=True)
        if place is None:
            return None
        is_markdown = hover.reads_markdown(server.client_capabilities)
        return await asyncio.to_thread(hover.answer, place, is_markdown=is_markdown)

    @server.feature(types.TEXT_DOCUMENT_CODE_LENS)
    async def code_lens(params: types.CodeLensParams) -> list[types.CodeLens]:
        return await server.lenses(params.text_document.uri)

    _navigate(server)
    _rename(server)
    _list(server)
    _fix(server)
    _complete(server)
    return server


def _complete(server: Server) -> None:
    """Offer what can be typed at the cursor."""

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(completing.TRIGGERS))
    async def complete(params: types.CompletionParams) -> types.CompletionList | None:
        place = await server.place(params.text_document.uri, params.position, current=False)
        client = Client.of(server.client_capabilities)
        return await asyncio.to_thread(completing.answer, place, client) if place else None


def _navigate(server: Server) -> None:
    """Register where names lead, and what uses them."""

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    async def definition(params: types.DefinitionParams) -> list[types.LocationLink] | list[types.Location]:
        here = await server.project(params.text_document.uri, params.position)
        found = await asyncio.to_thread(definitions.definition, *here) if here else []
        knows = server.client_capabilities.text_document
        if knows and knows.definition and knows.definition.link_support:
            return found
        return [types.Location(one.target_uri, one.target_selection_range) for one in found]

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    async def references(params: types.ReferenceParams) -> list[types.Location]:
        here = await server.project(params.text_document.uri, params.position)
        declared = params.context.include_declaration
        return await asyncio.to_thread(definitions.references, *here, declared=declared) if here else []

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT)
    async def highlights(params: types.DocumentHighlightParams) -> list[types.DocumentHighlight]:
        here = await server.project(params.text_document.uri, params.position)
        return await asyncio.to_thread(definitions.highlights, here[0], here[1].alone(here[0].file)) if here else []

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_LINK)
    async def links(params: types.DocumentLinkParams) -> list[types.DocumentLink]:
        here = await server.project(params.text_document.uri, _START)
        alone = here[1].alone(here[0].file) if here else None
        return await asyncio.to_thread(definitions.links, here[0].file, alone) if here and alone else []


def _rename(server: Server) -> None:
    """Register renaming; what is refused is answered with the reason."""

    @server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    async def prepare(params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder | None:
        here = await server.project(params.text_document.uri, params.position)
        return await asyncio.to_thread(renaming.prepare, *here) if here else None

    @server.feature(types.TEXT_DOCUMENT_RENAME)
    async def rename(params: types.RenameParams) -> types.WorkspaceEdit | None:
        server.changed()  # not every editor has told of new files
        before = server.documents()
        here = await server.project(params.text_document.uri, params.position)
        if here is None:
            return None
        server.check_unchanged(before, [here[1].path(here[0].file)])
        made, client = await asyncio.to_thread(renaming.plan, *here, params.new_name), server.client_capabilities
        edit = await asyncio.to_thread(renaming.workspace_edit, made, here[1], client)
        server.check_unchanged(here[1].opened, map(here[1].path, made.edits))
        if made.consequence and not renaming.confirms(client):
            server.window_show_message(types.ShowMessageParams(types.MessageType.Info, made.consequence))
        return edit


def _list(server: Server) -> None:
    """Register the symbols of a file and of all projects."""

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    async def outline(
        params: types.DocumentSymbolParams,
    ) -> list[types.DocumentSymbol] | list[types.SymbolInformation]:
        place = await server.place(params.text_document.uri, _START, current=False)
        found = await asyncio.to_thread(symbols.outline, place.text) if place else []
        knows = server.client_capabilities.text_document
        if knows and knows.document_symbol and knows.document_symbol.hierarchical_document_symbol_support:
            return found
        return symbols.flat(found, params.text_document.uri)

    @server.feature(types.WORKSPACE_SYMBOL)
    async def search(params: types.WorkspaceSymbolParams) -> list[types.WorkspaceSymbol]:
        await server.settled()
        projects = [server.sheets(now, server.known.get(root, now)) for root, now in server.examined.items()]
        found = [await asyncio.to_thread(symbols.search, params.query, project) for project in projects]
        return [one for of_project in found for one in of_project]


def _fix(server: Server) -> None:
    """Register what mends mistakes."""

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, _FIXES)
    async def acted(params: types.CodeActionParams) -> list[types.CodeAction]:
        place = await server.place(params.text_document.uri, params.range.start, current=True)
        if place is None:
            return []
        document = server.workspace.get_text_document(params.text_document.uri)
        version = document.version
        found, client = [d for d in place.now.diagnostics if d.file == place.file], server.client_capabilities
        answer = await asyncio.to_thread(actions.answer, found, place.text, params, version, client)
        return answer if server.workspace.get_text_document(document.uri).version == version else []


async def _watch(server: Server) -> None:
    """Ask the editor to tell of its settings, and of files that others change: what git checks out, `lock` writes."""
    workspace = server.client_capabilities.workspace
    watching = workspace and workspace.did_change_watched_files
    wanted: list[types.Registration] = []
    if watching and watching.dynamic_registration:
        options = types.DidChangeWatchedFilesRegistrationOptions(
            [types.FileSystemWatcher(pattern) for pattern in _WATCHED]
        )
        method = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
        wanted.append(types.Registration(f"{SOURCE}-files", method, options))
    settings = workspace and workspace.did_change_configuration
    if settings and settings.dynamic_registration:
        section = types.DidChangeConfigurationRegistrationOptions(configuration.SECTION)
        wanted.append(types.Registration(f"{SOURCE}-settings", types.WORKSPACE_DID_CHANGE_CONFIGURATION, section))
    if wanted:
        await server.client_register_capability_async(types.RegistrationParams(wanted))


def _is_logged(record: logging.LogRecord) -> bool:
    """Return whether a record is logged: refusals are answers already, and without an editor the server just ends."""
    return not (record.exc_info and isinstance(record.exc_info[1], Refused | BrokenPipeError))
