"""`sagespec validate`: check specs without rendering them."""

from __future__ import annotations

from pathlib import Path

import click

from sagespec.cli import exits, options, output


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
    """Check specs without rendering them. PATHs are spec files or folders; without one, the whole project."""
    settings = options.settings(environment, given, project_file, style, color)
    checked = options.check(settings, paths, region)
    options.show(checked.diagnostics, checked.texts, settings.project.root, style, color)
    options.tell_following(checked.following, checked.diagnostics)
    if checked.failed:
        return exits.INVALID
    if style == "text":
        count = len(checked.targets)
        output.tell(f"{count} {'spec is' if count == 1 else 'specs are'} valid")
    return exits.DONE
