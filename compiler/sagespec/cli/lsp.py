"""`sagespec lsp`: the language server, for editors."""

from __future__ import annotations

from importlib.util import find_spec

import click

from sagespec.cli import exits, interrupts


@click.command("lsp")
def command() -> int:
    """Start the language server for an editor, on standard input and output.

    Needs the extra `lsp`: pip install 'sagespec[lsp]'
    """
    if find_spec("pygls") is None:
        raise exits.Stop("the language server is not installed", exits.USAGE, "pip install 'sagespec[lsp]'")
    from sagespec.server import features

    server = features.create()
    with interrupts.ending_at_once():  # the thread that reads standard input would be waited for
        server.start_io()
    return server.exit_code
