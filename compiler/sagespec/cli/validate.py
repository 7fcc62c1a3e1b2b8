"""`sagespec validate`: check specs without rendering them."""

from __future__ import annotations

from pathlib import Path

import click

from sagespec.cli import exits, naming, options, output
from sagespec.project import settings as project_settings


@click.command("validate")
@options.PATHS
@options.project_options
@options.diagnostic_options
def command(
    paths: tuple[Path, ...],
    environment: str | None,
    given: tuple[str, ...],
    project_file: Path | None,
    region: str | None,
    style: str,
    color: bool | None,
) -> int:
    """Check specs without rendering them. PATHs are spec files, folders, addresses; without one, the project.

    A PATH may also be a project file, which is checked with all its environments.
    """
    of_project = [path for path in paths if path.name == project_settings.FILE and path.is_file()]
    for path in of_project:
        _check_project(path, given, style, color)
    if of_project and len(of_project) == len(paths):
        return exits.DONE
    settings = options.settings(environment, given, project_file, style, color)
    checked = naming.specs([path for path in paths if path not in of_project], settings, region)
    options.show(checked.diagnostics, checked.texts, settings.project.root, style, color)
    options.tell_following(checked.following, checked.diagnostics)
    if checked.failed:
        return exits.INVALID
    if style == "text":
        count = len(checked.targets)
        output.tell(f"{count} {'spec is' if count == 1 else 'specs are'} valid")
    return exits.DONE


def _check_project(file: Path, given: tuple[str, ...], style: str, color: bool | None) -> None:
    """Check a project file in all its environments; exit 1 with diagnostics where one of them is wrong."""
    project = options.settings(None, given, file, style, color).project
    for name in project.environments():
        options.settings(name, given, file, style, color)
    checked = options.check(options.settings(None, given, file, style, color), (), None)
    own = [d for d in checked.diagnostics if d.file == file.name]
    options.show(own, checked.texts, project.root, style, color)
    if any(d.is_error for d in own):
        raise exits.Stop(f"{file} is not valid", exits.INVALID)
    if style == "text":
        output.tell(f"{file} is valid")
