"""`sagespec schema`: the JSON Schema of a kind, for editors."""

from __future__ import annotations

import click

from compiler import schema
from compiler.cli import exits, options, output


@click.command("schema")
@click.argument("kind", type=options.Kind(schema.names()))
def command(kind: str) -> int:
    """Print the JSON Schema of KIND, whole in itself."""
    output.as_json(schema.load(kind))
    return exits.DONE
