"""`sagespec compile`: specs into compiled files."""

from __future__ import annotations

import difflib
import gc
import os
from collections import Counter
from pathlib import Path

import click

from compiler import compiled, workspace
from compiler.cli import exits, options
from compiler.workspace import Change, Compilation


@click.command("compile")
@options.PATHS
@options.project_options
@options.diagnostic_options
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Output folder.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and show a diff where a file is out of date.")
@click.option("--stdout", "address", metavar="ADDRESS", help="Print the compiled file of one spec; write nothing.")
def command(
    paths: tuple[Path, ...],
    environment: str | None,
    given: tuple[str, ...],
    project_file: Path | None,
    region: str | None,
    style: str,
    color: bool | None,
    out: Path | None,
    check: bool,
    address: str | None,
) -> int:
    """Compile specs into JSON for review. PATHs are spec files or folders; without one, the whole project."""
    gc.disable()  # a compile is short and leaves no garbage in circles; looking for it is a tenth of its time
    settings = options.settings(environment, given, project_file, style, color)
    checked = workspace.check(settings, paths, region)
    done = workspace.compile(checked)
    options.show(done.diagnostics, checked.texts, style, color)
    if address is not None:
        return _print(done, address)
    output = settings.output if out is None else out / (settings.environment or "")
    changes = workspace.changes(done, output, whole=not paths)
    if check:
        return _check(changes, done)
    for change in changes:
        workspace.write(change)
    if style == "text":
        _tell(changes)
    return exits.INVALID if done.failed else exits.DONE


def _print(done: Compilation, address: str) -> int:
    if address not in done.builds:
        if address not in done.checked.targets and not done.failed:
            click.echo(f"error: no spec has the address {address}", err=True)
        return exits.INVALID
    click.echo(compiled.dump(done.builds[address].compiled), nl=False)
    return exits.DONE


def _check(changes: list[Change], done: Compilation) -> int:
    stale = [change for change in changes if change.word != "unchanged"]
    for change in stale:
        name = _shown(change.path)
        before, after = (text.splitlines(keepends=True) if text else [] for text in (change.before, change.after))
        click.echo("".join(difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")), nl=False)
    if stale:
        click.echo(f"{len(stale)} out of date: run `sagespec compile`", err=True)
    return exits.INVALID if stale or done.failed else exits.DONE


def _tell(changes: list[Change]) -> None:
    for change in changes:
        if change.word != "unchanged":
            click.echo(f"{change.word} {_shown(change.path)}")
    counts = Counter(change.word for change in changes)
    click.echo(", ".join(f"{n} {word}" for word, n in sorted(counts.items())) or "nothing to compile", err=True)


def _shown(path: Path) -> str:
    return Path(os.path.relpath(path)).as_posix()
