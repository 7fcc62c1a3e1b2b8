"""`sagespec lock`: looks up what only AWS knows, and writes it down for review."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from compiler import lock as locks
from compiler import workspace
from compiler.cli import aws, exits, options
from compiler.executor import locking
from compiler.executor.differences import differences
from compiler.project import Settings
from compiler.report import printable


@click.command("lock")
@options.PATHS
@click.option("--project", "project_file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--region", metavar="REGION", help="Region of specs and projects that name none.")
@click.option("--profile", metavar="NAME", help="Profile of the AWS configuration.")
@click.option("-D", "given", metavar="NAME=VALUE", multiple=True, help="Set a value, read as YAML.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and say what AWS now answers differently.")
@click.option("--upgrade", is_flag=True, help="Look everything up again; with ADDRESSes, what these specs use.")
def command(
    paths: tuple[Path, ...],
    project_file: Path | None,
    region: str | None,
    profile: str | None,
    given: tuple[str, ...],
    check: bool,
    upgrade: bool,
) -> int:
    """Look up what the specs of all environments need. PATHs are spec files or folders, after --upgrade addresses.

    What is there stays as it is; what no spec uses any more is dropped when the whole project is locked.
    """
    base = options.settings(None, given, project_file, "text", None)
    file = base.project.root / base.project.lock
    before, diagnostics, texts = workspace.read_lock(base.project)
    if any(d.is_error for d in diagnostics):
        options.show(diagnostics, texts, "text", None)
        return exits.INVALID
    environments = _environments(base, given, project_file)
    addresses = [str(p) for p in paths if "/" in str(p) and not p.exists()] if upgrade else []
    files = [p for p in paths if str(p) not in addresses]
    forget = list(_files_of(addresses, environments, files))
    cloud = aws.cloud(profile, region or base.region)
    with aws.trouble():
        made = locking.draft(
            cloud, environments, files, before, region, fresh=check or (upgrade and not addresses), forget=forget
        )
    options.show(made.diagnostics, made.texts, "text", None)
    if made.failed:
        click.echo(f"{base.project.lock} is as it was", err=True)
        return exits.AWS if made.by_aws else exits.INVALID
    changes = list(differences(_known(before, made.contexts), made.contexts))
    if check:
        for change in changes:
            click.echo(printable(change))
        click.echo(f"AWS answers {'otherwise' if changes else 'as before'}", err=True)
        return exits.INVALID if changes else exits.DONE
    _write(file, made.text)
    facts = sum(len(s) for c in made.contexts.values() for s in c.values() if isinstance(s, dict))
    click.echo(f"wrote {os.path.relpath(file)}: {facts} facts in {len(made.contexts)} contexts", err=True)
    return exits.DONE


def _environments(base: Settings, given: tuple[str, ...], project_file: Path | None) -> list[Settings]:
    """The project as each of its environments sees it; without any, as it is."""
    names = base.project.environments()
    return [options.settings(name, given, project_file, "text", None) for name in names] or [base]


def _files_of(addresses: list[str], environments: list[Settings], files: list[Path]) -> Iterator[Path]:
    """The files that some addresses are in."""
    for settings in environments if addresses else ():
        specs = workspace.read(settings, workspace.files(settings, files)).specs
        known = {spec.address: settings.project.root / spec.source.file for spec in specs}
        for address in addresses:
            if address not in known:
                raise exits.Stop(f"no spec has the address {address}", exits.INVALID)
            yield known[address]


def _known(before: locks.Lock | None, contexts: Any) -> dict[str, Any]:
    """The old lock, as far as the new one goes: what nobody asks for any more is no news from AWS."""
    old = dict(before.contexts) if before else {}
    return {
        key: {
            section: {n: v for n, v in facts.items() if n in contexts[key].get(section, {})}
            if isinstance(facts, dict)
            else facts
            for section, facts in context.items()
            if section in contexts[key]
        }
        for key, context in old.items()
        if key in contexts
    }


def _write(file: Path, text: str) -> None:
    """Replace the lock as a whole or not at all."""
    beside = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
