"""`sagespec schema`: print or write the JSON Schemas for editors."""

from __future__ import annotations

import os
from pathlib import Path

import click

from sagespec.checking import editor_schema
from sagespec.cli import exits, options, output
from sagespec.project import schema_files


@click.command("schema")
@click.argument("kind", type=options.Kind(editor_schema.names()), default=editor_schema.ANY)
@click.option(
    "--write",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write all schemas into a folder, such as .sagespec/schemas.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 where files in the folder are not up to date.")
@options.PROJECT
def command(kind: str, folder: Path | None, check: bool, project_file: Path | None) -> int:
    """Print the JSON Schema of KIND, or of a document of any kind, without references to other files.

    In specs it accepts ${value} wherever `compile` does.
    """
    if folder is None:
        if check:
            raise click.UsageError("--check needs --write DIR")
        output.document(schema_files.text(kind))
        return exits.DONE
    if options.boundary_of(project_file).is_left_by_link(folder):
        raise exits.Stop(f"{folder}: a link leads out of the project", exits.USAGE)
    wrong = schema_files.outdated(folder)
    shown = os.path.relpath(folder)
    if not wrong:
        output.tell(f"{shown} is up to date")
    elif check:
        message = f"{len(wrong)} of {len(editor_schema.names())} schemas in {shown} are missing or not up to date"
        raise exits.Stop(message, exits.INVALID, f"sagespec schema --write {shown}")
    else:
        schema_files.write(folder)
        output.tell(f"wrote {len(wrong)} schemas to {shown}")
    return exits.DONE
