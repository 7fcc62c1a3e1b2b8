"""`sagespec schema`: print the JSON Schema of a kind, for editors."""

from __future__ import annotations

import click

from sagespec.checking import schema
from sagespec.cli import exits, options, output
from sagespec.diagnostics.escapes import json_text


@click.command("schema")
@click.argument("kind", type=options.Kind(schema.names()))
def command(kind: str) -> int:
    """Print the JSON Schema of KIND, without references to other files."""
    output.document(json_text(schema.load(kind)))
    return exits.DONE
