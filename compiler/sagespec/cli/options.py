"""Options that several commands share: the project and its environment, and the form of diagnostics."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

import click

from sagespec import disk
from sagespec.cli import completing, exits, output
from sagespec.compiling import exceptions, workspace
from sagespec.compiling.workspace import Checked
from sagespec.diagnostics import Diagnostic, did_you_mean, report
from sagespec.project import boundary, values
from sagespec.project import settings as project_settings
from sagespec.project.boundary import Boundary
from sagespec.project.settings import Settings
from sagespec.reading import excerpts, source

MOST_NAMES = 5
F = TypeVar("F", bound=Callable[..., Any])

# click must not check that a path can be read: the reader of the file reports that better
PATHS = click.argument(
    "paths",
    nargs=-1,
    type=click.Path(path_type=Path, readable=False),
    shell_complete=completing.offering(completing.addresses, "file"),
)
ENVIRONMENT = click.option(
    "-e",
    "--env",
    "environment",
    metavar="ENV",
    help="Environment of the project.",
    shell_complete=completing.offering(completing.environments),
)


def _file_of(_context: click.Context, _option: click.Parameter, given: Path | None) -> Path | None:
    """Return the project file in a folder that is given for it."""
    return given / project_settings.FILE if given is not None and given.is_dir() else given


PROJECT = click.option(
    "--project",
    "project_file",
    metavar="PATH",
    type=click.Path(path_type=Path, readable=False),
    callback=_file_of,
    help=f"Project file, or its folder; by default the nearest {project_settings.FILE} upwards.",
)


class Kind(click.ParamType):  # type: ignore[type-arg]  # generic in its stubs alone
    """The name of a kind, in any case."""

    name = "kind"

    def __init__(self, known: Iterable[str]) -> None:
        self.known = tuple(known)

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        match = next((kind for kind in self.known if kind.lower() == value.lower()), None)
        hint = did_you_mean(value, self.known) or "`sagespec explain` lists the kinds"
        return match or self.fail(f"there is no kind {value!r}: {hint}", param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:  # noqa: ARG002
        from click.shell_completion import CompletionItem  # rarely needed, and start-up counts

        return [CompletionItem(kind) for kind in self.known if kind.lower().startswith(incomplete.lower())]


def project_options(command: F) -> F:
    """Add -e, -D, --project and --region."""
    for option in (
        click.option("--region", metavar="REGION", help="Region of specs and projects that name none."),
        PROJECT,
        click.option("-D", "given", metavar="NAME=VALUE", multiple=True, help="Set a value, read as YAML."),
        ENVIRONMENT,
    ):
        command = option(command)
    return command


def forms(*names: str) -> Callable[[F], F]:
    """Make the option -o of a command whose result has several forms, the first of them by default."""
    return click.option(
        "-o", "--output", "form", type=click.Choice(names), default=names[0], help="Form of the result."
    )


def diagnostic_options(command: F) -> F:
    """Add --format and --color."""
    for option in (
        click.option("--color/--no-color", default=None, help="Colour the output; by default on a terminal."),
        click.option(
            "--format",
            "style",
            type=click.Choice(sorted(("text", *report.STYLES))),
            default="text",
            help="Form of diagnostics; machine formats go to stdout.",
        ),
    ):
        command = option(command)
    return command


def settings(
    environment: str | None, given: Iterable[str], project_file: Path | None, style: str, color: bool | None
) -> Settings:
    """Open the project and choose its environment; exit 1 with diagnostics where one of them is wrong."""
    if project_file is not None and not project_file.is_file():
        raise click.BadParameter(f"there is no file {project_file}", param_hint="--project")
    project, diagnostics = workspace.open_project(Path.cwd(), project_file)
    chosen: Settings | None = None
    if project is not None:
        chosen, diagnostics = project_settings.choose(project, environment, _values(given))
    if chosen is None:
        for wrong in (d for d in diagnostics if d.file == project_settings.COMMAND_LINE):
            raise click.BadParameter(f"{wrong.path}: {wrong.message}", param_hint="-D")
        file = project_file or project_settings.find(Path.cwd())
        root = boundary.real(file.parent) if file else Path.cwd()
        show(diagnostics, workspace.project_text(file), root, style, color)
        sys.exit(exits.INVALID)
    return chosen


def _values(given: Iterable[str]) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for item in given:
        name, equals, text = item.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{item!r} is not NAME=VALUE", param_hint="-D")
        if name in values.BUILT_IN:
            raise click.BadParameter(f"{item!r}: {name!r} is built in", param_hint="-D")
        try:
            parsed[name] = source.scalar(text)
        except ValueError as error:
            raise click.BadParameter(f"{item!r}: {error}", param_hint="-D") from None
    return parsed


def check(settings: Settings, paths: Sequence[Path], region: str | None) -> Checked:
    """Validate specs. A value of the command line that no valid spec uses is misspelt, and ends in exit 2."""
    checked = workspace.check(settings, paths, region)
    today = datetime.now(timezone.utc).date().isoformat()
    if expired := tuple(exceptions.expired(settings, today)):
        checked = replace(checked, diagnostics=(*checked.diagnostics, *expired))
    if checked.failed:
        return checked
    refuse_unused(settings.undeclared, checked.uses)
    return checked


def refuse_unused(undeclared: Iterable[str], used: Collection[str]) -> None:
    """Exit 2 where a value of the command line is used in no file."""
    for name in (name for name in undeclared if name not in used):
        hint = did_you_mean(name, sorted({*used} - {*values.BUILT_IN}))
        message = f"nothing uses a value {name!r}" + (f": {hint}" if hint else "")
        raise click.BadParameter(message, param_hint="-D")


def show(
    diagnostics: Iterable[Diagnostic],
    texts: Mapping[str, str],
    root: Path,
    style: str = "text",
    color: bool | None = None,
) -> None:
    """Print diagnostics of files below `root`, the project's folder: text to stderr, machine formats to stdout."""
    if style == "text":
        output.tell(*lines(diagnostics, texts, root), color=color)
        return
    called = shown_in(root, style)
    named = _named(diagnostics, called)
    texts = {called(name): text for name, text in texts.items()}
    if style == "github":
        output.commands(report.github(named, texts).split("\n") if named else ())
    else:
        output.document(report.STYLES[style](named, texts))


def lines(diagnostics: Iterable[Diagnostic], texts: Mapping[str, str], root: Path) -> list[report.Line]:
    """Format diagnostics of files below `root` as text, each with its source line."""
    called = shown_in(root, "text")
    named = _named(diagnostics, called)
    files = {d.file for d in named}
    excerpt = {called(name): excerpts.lines(name, text) for name, text in texts.items() if called(name) in files}
    return report.text(named, excerpt)


def _named(diagnostics: Iterable[Diagnostic], called: Callable[[str], str]) -> list[Diagnostic]:
    """Replace file names by the names that users see, and mask secrets."""
    return report.without_secrets(report.named(list(diagnostics), called))


def tell_following(addresses: Sequence[str], said: Iterable[Diagnostic]) -> None:
    """Print how many specs were not compiled only because they depend on a spec with errors in `said`."""
    if addresses:
        count, names = len(addresses), ", ".join(addresses[:MOST_NAMES])
        more = ", ..." if count > MOST_NAMES else ""
        refer = "spec refers" if count == 1 else "specs refer"
        it = "it" if len({(d.file, d.address) for d in said if d.is_error}) == 1 else "them"
        output.tell(f"{count} more {refer} to {it} and {'was' if count == 1 else 'were'} not compiled: {names}{more}")


def shown_in(root: Path, style: str) -> Callable[[str], str]:
    """Return a function that gives the name of a project's file in one form of diagnostics.

    GitHub and SARIF name files relative to the git work tree, as pull requests do; text names them relative to the
    working directory.
    """
    tree = boundary.work_tree(root) if style in ("github", "sarif") else None
    return lambda name: Path(os.path.relpath(root / name, tree)).as_posix()


def write(file: Path, content: bytes, project_file: Path | None) -> None:
    """Write a file that an option names, atomically; exit 2 where that fails or a link leads out of the project."""
    target = boundary.real(file)
    try:
        if boundary_of(project_file).is_left_by_link(file):
            raise OSError(errno.ELOOP, "a link leads out of the project")
        if not target.parent.is_dir():
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        disk.replace(target, content, target.parent)
    except OSError as error:
        raise exits.Stop(f"{file}: {(error.strerror or str(error)).lower()}", exits.USAGE) from None


def boundary_of(project_file: Path | None) -> Boundary:
    """Return the folders in which the files of the project may lie; exit 1 where the project is wrong."""
    return settings(None, (), project_file, "text", None).project.boundary
