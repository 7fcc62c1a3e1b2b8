"""`sagespec schema`: the JSON Schema of a kind, for editors."""

from __future__ import annotations

import json

import click

from compiler import schema
from compiler.cli import exits
from compiler.diagnostics import did_you_mean


@click.command("schema")
@click.argument("kind")
def command(kind: str) -> int:
    """Print the JSON Schema of KIND, whole in itself."""
    if kind not in schema.names():
        raise click.BadParameter(f"there is no kind {kind!r}: {did_you_mean(kind, schema.kinds())}")
    click.echo(json.dumps(schema.load(kind), indent=2, ensure_ascii=False))
    return exits.DONE
