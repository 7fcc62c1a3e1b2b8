"""`sagespec lock`: look up facts that only AWS knows, and write them to a file for review."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from sagespec import disk
from sagespec.cli import exits, naming, options, output, session
from sagespec.compiling import workspace
from sagespec.executor.lock import changes, locking
from sagespec.executor.lock.locking import Locked
from sagespec.project import boundary
from sagespec.project.lock import Lock
from sagespec.project.settings import Project, Settings


@click.command("lock")
@options.PATHS
@options.PROJECT
@click.option("--region", metavar="REGION", help="Region of specs and projects that name none.")
@click.option("--profile", metavar="NAME", help="Profile of the AWS configuration.")
@click.option("-D", "given", metavar="NAME=VALUE", multiple=True, help="Set a value, read as YAML.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and say what AWS now answers differently.")
@click.option("--upgrade", is_flag=True, help="Look everything up again; with PATHs, what these specs use.")
def command(
    paths: tuple[Path, ...],
    project_file: Path | None,
    region: str | None,
    profile: str | None,
    given: tuple[str, ...],
    check: bool,
    upgrade: bool,
) -> int:
    """Look up what the specs of all environments need. PATHs are spec files, folders or addresses.

    Known facts stay unchanged; facts that no spec uses any more are removed when the whole project is locked.
    """
    base = options.settings(None, given, project_file, "text", None)
    if not check:
        _refuse_outside(base.project)
    before, diagnostics, texts = workspace.read_lock(base.project)
    if any(d.is_error for d in diagnostics):
        options.show(diagnostics, texts, base.project.root)
        return exits.INVALID
    before = before or Lock({})
    environments = _environments(base, given, project_file)
    asked = [p for p in paths if naming.is_path(str(p))]
    chosen: frozenset[str] = frozenset()
    if names := [str(p) for p in paths if p not in asked]:
        chosen, named = _named(names, environments)
        asked += named
    if upgrade and paths:
        chosen |= {a for settings in environments for a in _inside(settings, paths)}
    cloud = session.Session(profile=profile, region=region).cloud
    with session.trouble():
        made = locking.draft(
            cloud,
            environments,
            asked,
            before,
            region=region,
            weakest=cloud.default_region(),
            fresh=check or (upgrade and not paths),
            upgrade=chosen if upgrade else frozenset(),
        )
    options.show(made.diagnostics, made.texts, base.project.root)
    if not (made.failed or made.incomplete):
        options.refuse_unused(base.undeclared, made.uses)
    return _check(before, made) if check else _write(base.project, before, made)


def _check(before: Lock, made: Locked) -> int:
    """Print what has changed in AWS, without writing the lock."""
    missing, changed = (
        list(changes.unlocked(before.contexts, made.contexts)),
        list(changes.changed(before.contexts, made.contexts)),
    )
    for line in (*changed, *(f"{fact}: not locked yet" for fact in missing)):
        output.result(line)
    if changed or not made.failed:
        output.tell(f"AWS answers {'otherwise' if changed else 'as before'}")
    if missing:
        output.tell("the lock lacks facts: run `sagespec lock`")
    return _code(made) or (exits.INVALID if changed or missing else exits.DONE)


def _write(project: Project, before: Lock, made: Locked) -> int:
    """Write the facts that were found and print the missing ones; a link is followed to its target."""
    file = boundary.real(project.root / project.lock)
    name = os.path.relpath(file)
    now, diagnostics, texts = workspace.read_lock(project)
    if any(d.is_error for d in diagnostics):
        options.show(diagnostics, texts, project.root)
        return exits.INVALID
    if (now or Lock({})) not in (before, Lock(made.contexts)):
        raise exits.Stop(f"{name} was changed by another process in the meantime: lock again", exits.INVALID)
    if made.failed and made.contexts == before.contexts:
        output.tell(f"{name} is as it was" if file.exists() else f"wrote no {name}")
    elif made.contexts:
        disk.replace(file, made.text.encode(), project.boundary.root)
        output.tell(f"wrote {name}: {_count(made.facts, 'fact')} in {_count(len(made.contexts), 'context')}")
        output.tell(*changes.changed(before.contexts, made.contexts))
    else:
        output.tell("nothing to lock: no spec asks for a fact")
    if made.failed and made.not_found:
        output.tell(f"could not look up {', '.join(made.not_found)}: correct the errors above, and lock again")
    elif made.incomplete:
        output.tell("specs with errors may need more: nothing was dropped, lock again once they are corrected")
    return _code(made)


def _code(made: Locked) -> int:
    if made.refused:
        return exits.AWS
    return exits.INVALID if made.incomplete else exits.DONE


def _refuse_outside(project: Project) -> None:
    file = project.root / project.lock
    if not project.boundary.holds(file):
        message = f"{os.path.relpath(boundary.real(file))} lies outside the project: it is read, and never written"
        raise exits.Stop(message, exits.INVALID)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _environments(base: Settings, given: tuple[str, ...], project_file: Path | None) -> list[Settings]:
    """Return the settings of each environment of the project, and last those without an environment."""
    names = base.project.environments()
    return [*(options.settings(name, given, project_file, "text", None) for name in names), base]


def _named(names: Sequence[str], environments: Sequence[Settings]) -> tuple[frozenset[str], list[Path]]:
    """Return the addresses that names mean in any environment, and their files."""
    known: dict[str, Path] = {}
    for settings in environments:
        known |= naming.listed(settings)
    chosen = frozenset(address for name in names for address in naming.meant(name, known))
    return chosen, sorted({known[address] for address in chosen})


def _inside(settings: Settings, paths: Sequence[Path]) -> Iterable[str]:
    """Return the addresses of the specs in those of some words that are paths."""
    files = [path for path in paths if naming.is_path(str(path))]
    return naming.listed(settings, files) if files else ()
