"""`sagespec init`: a first spec of a kind."""

from __future__ import annotations

import re
from pathlib import Path

import click

from compiler import schema, starter
from compiler.cli import exits, options

_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")


@click.command("init")
@click.argument("kind", type=click.Choice(schema.kinds(), case_sensitive=False))
@click.argument("name")
@click.option("--stdout", is_flag=True, help="Print it; write nothing.")
@click.option("--project", "project_file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
def command(kind: str, name: str, stdout: bool, project_file: Path | None) -> int:
    """Write a commented starter spec of KIND into the project's folder of specs; never over a file."""
    if len(name) > 40 or not _NAME.fullmatch(name):
        raise click.BadParameter(f"{name!r} is not a name of letters, digits and inner dashes, 40 at most")
    text = starter.write(kind, name)
    if stdout:
        click.echo(text, nl=False)
        return exits.DONE
    project = options.settings(None, (), project_file, "text", None).project
    file = project.root / project.specs[0] / f"{kind}-{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8", newline="\n") as made:
            made.write(text)
    except FileExistsError:
        raise exits.Stop(f"{file.relative_to(project.root)} is there already", exits.INVALID) from None
    click.echo(f"wrote {file.relative_to(project.root)}", err=True)
    return exits.DONE
