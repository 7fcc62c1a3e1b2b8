"""`sagespec schema`: the JSON Schema of a kind, for editors."""

from __future__ import annotations

import json

import click

from compiler import schema
from compiler.cli import exits, options


@click.command("schema")
@click.argument("kind", type=options.Kind(schema.names()))
def command(kind: str) -> int:
    """Print the JSON Schema of KIND, whole in itself."""
    options.put(f"{json.dumps(schema.load(kind), indent=2, ensure_ascii=False)}\n".encode())
    return exits.DONE
