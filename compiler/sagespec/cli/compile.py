"""`sagespec compile`: write compiled files."""

from __future__ import annotations

import gc
import os
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from sagespec.cli import diffs, exits, naming, options, output
from sagespec.compiling import outdated, outputs, workspace
from sagespec.compiling.outputs import Change
from sagespec.compiling.workspace import Compilation
from sagespec.documents import compiled
from sagespec.project.settings import Settings


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
    """Compile specs into JSON for review. PATHs are spec files, folders, addresses; without one, the project."""
    gc.disable()  # a compile is short and makes no cycles of garbage; collecting it takes a tenth of the time
    if address is not None:
        _refuse_beside_stdout(style, out, check)
    settings = options.settings(environment, given, project_file, style, color)
    if out is not None:
        settings = _writing_to(settings, out)
    done = workspace.compile(naming.specs(paths, settings, region))
    show = partial(options.show, texts=done.checked.texts, root=settings.project.root, style=style, color=color)
    if address is not None:
        show(done.diagnostics)
        return _print(done, address)
    made = [build.compiled for build in done.builds.values()]
    whole = not paths and not done.failed
    try:
        changes = outputs.changes(made, settings.output, orphans=whole)
        strangers = outputs.strangers(changes, settings.output) if whole else []
    except OSError:
        show(done.diagnostics)
        raise
    said = [*outdated.foreign(strangers, settings.project.root, "error" if check else "warning")]
    said += outdated.diagnose(changes, done) if check else ()
    show([*done.diagnostics, *sorted(said)])
    options.tell_following(done.following, done.diagnostics)
    if check:
        _show_changes(changes, style)
        return exits.INVALID if done.failed or any(d.is_error for d in said) else exits.DONE
    top = settings.project.boundary.top(settings.output)
    for change in changes:
        outputs.write(change, top)
    if style == "text":
        _tell(changes)
    return exits.INVALID if done.failed else exits.DONE


def _refuse_beside_stdout(style: str, out: Path | None, check: bool) -> None:
    """Refuse options that --stdout would ignore, or whose output would mix with it."""
    others = {"--check": check, "--out": out is not None, f"--format {style}": style != "text"}
    for other, given in others.items():
        if given:
            raise click.UsageError(f"--stdout and {other} exclude each other")


def _writing_to(settings: Settings, out: Path) -> Settings:
    """Return the settings with another output folder; exit 2 where that is not allowed."""
    moved = replace(settings, project=replace(settings.project, output=str(out.absolute())))
    if settings.project.boundary.is_left_by_link(out):
        raise click.BadParameter(f"{out} leads out of the project through a link", param_hint="--out")
    if workspace.covered(moved.project):
        raise click.BadParameter(f"{out} would contain the specs: name a separate folder", param_hint="--out")
    if workspace.is_among_specs(out, settings.project):
        message = (
            f"{out} is in a folder of specs, and its files would be read as specs: make it the project's `output`"
        )
        raise click.BadParameter(message, param_hint="--out")
    return moved


def _print(done: Compilation, address: str) -> int:
    known = {*done.checked.targets, *(d.address for d in done.diagnostics if "/" in d.address)}
    meant = naming.meant(address, known)
    if len(meant) > 1:
        raise exits.Stop(f"--stdout prints one spec, and {address!r} means {len(meant)}", exits.USAGE)
    if meant[0] in done.builds:
        output.file(compiled.dump(done.builds[meant[0]].compiled).encode())
    return exits.INVALID if done.failed else exits.DONE


def _show_changes(changes: list[Change], style: str) -> None:
    stale = [change for change in changes if change.word != "unchanged"]
    for change in stale:
        name = _shown(change.path)
        lines = diffs.lines(change, name)
        if style == "text":
            output.result(*lines)
        else:  # stdout has the diagnostics only
            output.tell(*lines)
    if stale:
        output.tell(f"{len(stale)} out of date: run `sagespec compile`")


def _tell(changes: list[Change]) -> None:
    for change in changes:
        if change.word != "unchanged":
            output.result(f"{change.word} {_shown(change.path)}")
    counts = Counter(change.word for change in changes)
    output.tell(", ".join(f"{n} {word}" for word, n in sorted(counts.items())) or "nothing to compile")


def _shown(path: Path) -> str:
    return Path(os.path.relpath(path)).as_posix()
