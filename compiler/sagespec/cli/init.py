"""`sagespec init`: write a first spec of a kind, a project, or the settings of an editor."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from sagespec import disk
from sagespec.checking import editor_schema, schema
from sagespec.cli import exits, first_files, options, output
from sagespec.project import boundary, editor_settings, schema_files, starter
from sagespec.project import files as spec_files
from sagespec.project.settings import Project, Settings
from sagespec.reading import source

_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")


@click.command("init", epilog=f"Kinds: {', '.join(schema.kinds())}, {editor_schema.PROJECT}.")
@click.argument("kind", type=options.Kind((*schema.kinds(), editor_schema.PROJECT)), required=False)
@click.argument("name", required=False)
@click.option(
    "--editor",
    type=click.Choice(sorted(editor_settings.EDITORS)),
    help="Write the settings of an editor and the schemas.",
)
@click.option("--stdout", is_flag=True, help="Print the spec; write nothing.")
@options.PROJECT
def command(kind: str | None, name: str | None, editor: str | None, stdout: bool, project_file: Path | None) -> int:
    """Write a commented starter spec of KIND into the project's folder of specs; never overwrites a file.

    Specs that it refers to, and that the project does not have, are added to the same file. With Project as KIND,
    write a project file, .gitattributes, a workflow of GitHub and the configuration of pre-commit into this folder.
    With --editor, write the settings of an editor for the project.
    """
    if editor is not None:
        if kind is not None or stdout:
            raise click.UsageError("--editor stands alone: init --editor NAME")
        return first_files.editor(editor, options.settings(None, (), project_file, "text", None).project)
    if kind is None:
        raise click.UsageError("Missing argument 'KIND'.")
    if kind == editor_schema.PROJECT:
        if stdout or project_file is not None:
            raise click.UsageError("init Project writes into this folder, without --stdout and --project")
        return first_files.project(_project_name(name), Path.cwd())
    if name is None:
        raise click.UsageError("Missing argument 'NAME'.")
    return _spec(kind, _checked(name), stdout, project_file)


def _project_name(name: str | None) -> str:
    """Return the given name, or that of this folder, in which other characters are made dashes."""
    if name is not None:
        return _checked(name)
    return re.sub(r"[^a-zA-Z0-9]+", "-", Path.cwd().name)[: starter.LONGEST_NAME].strip("-") or "project"


def _checked(name: str) -> str:
    if len(name) > starter.LONGEST_NAME or not _NAME.fullmatch(name):
        raise click.BadParameter(
            f"{name!r} is not a name of letters, digits and inner dashes, 40 at most", param_hint="NAME"
        )
    return name


def _spec(kind: str, name: str, stdout: bool, project_file: Path | None) -> int:
    settings = options.settings(None, (), project_file, "text", None)
    project, known = settings.project, _known(settings)
    file = _folder(project) / f"{kind}-{name}.yaml"
    schemas = project.root / schema_files.FOLDER
    has_schemas = disk.is_folder(schemas)
    line = Path(os.path.relpath(boundary.real(schemas), file.parent)).as_posix() if has_schemas else None
    text = starter.write(kind, name, known, settings.defaults, line)
    if stdout:
        output.document(text)
        return exits.DONE
    shown = os.path.relpath(file)
    taken = next((a for a in known if a.lower() == f"{kind}/{name}".lower()), None)
    if not file.exists() and taken is not None:
        raise exits.Stop(f"{taken} already exists, in {known[taken]}", exits.INVALID)
    try:
        disk.create(file, text.encode(), project.boundary.root)
    except FileExistsError:
        raise exits.Stop(f"{shown} already exists", exits.INVALID) from None
    output.tell(f"wrote {shown}")
    if has_schemas and schema_files.outdated(schemas):
        output.tell(
            f"{os.path.relpath(schemas)} is not up to date: run sagespec schema --write {schema_files.FOLDER}"
        )
    return exits.DONE


def _folder(project: Project) -> Path:
    """Return the first of the project's `specs` that is a folder, or can be created as one."""
    for folder in (boundary.real(project.root / name) for name in project.specs):
        if not source.is_spec(folder.name) and not folder.is_file() and project.boundary.holds(folder):
            return folder
    raise exits.Stop("`specs` of the project names only files, and no folder to write into", exits.INVALID)


def _known(settings: Settings) -> dict[str, str]:
    """Return the addresses of the project's specs, with their files."""
    spec_set, _ = spec_files.read(settings, spec_files.find(settings, ()))
    return {spec.address: spec.source.file for spec in (*spec_set.specs, *spec_set.refused)}
