"""`sagespec status`: show the state of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone

import click

from sagespec.cli import completing, exits, output, session
from sagespec.cli.session import Session
from sagespec.executor import staleness
from sagespec.executor.runs import finding, track
from sagespec.executor.runs.status import Status, elapsed, progress
from sagespec.executor.runs.targets import NOT_SHOWN, find, of_run
from sagespec.executor.staleness import Stale
from sagespec.review import words


@click.command("status")
@click.argument("targets", nargs=-1, shell_complete=completing.offering(completing.addresses, "file"))
@session.opened
@session.OUTPUT
def command(
    opened: Session,
    targets: tuple[str, ...],
    form: str,
) -> int:
    """Show the status of TARGETs: addresses, compiled files, job names, ARNs; without one, of the project."""
    cloud = opened.regional
    with session.trouble():
        wanted, known, named = opened.compiled(targets)
        runs = finding.find(cloud, wanted).runs
        shown = [track.status(cloud, of_run(f, runs[f.address])) for f in wanted if f.address in runs]
        shown += [track.status(cloud, find(cloud, t, known)) for t in named]
        missing = [f for f in wanted if f.address not in runs and f.content.requests]
        finding.check_account(cloud, missing)
        stale = {f.address: staleness.of_file(cloud, f) for f in wanted if f.address in runs}
    if form == "json":
        replaced = {address: [asdict(x) for x in outputs] for address, outputs in stale.items() if outputs}
        known_runs = [asdict(s) for s in shown]
        output.as_json({"status": known_runs, "not_run": [f.address for f in missing], "stale": replaced})
        return exits.DONE
    _show(shown, stale)
    for file in missing:
        output.result(f"{file.address}: {NOT_SHOWN}")
    for file in (f for f in wanted if targets and not f.content.requests):
        output.result(f"{file.address}: runs nothing itself")
    if not shown and not missing and not targets:
        output.tell("no spec of this project runs anything")
    return exits.DONE


def _show(shown: Sequence[Status], stale: Mapping[str, Sequence[Stale]]) -> None:
    """Print a table of runs; below each why it failed, what is stale, and its steps."""
    if not shown:
        return
    now = datetime.now(timezone.utc)
    header, *rows = output.columns([_HEADER, *(_cells(status, now) for status in shown)])
    output.result(header)
    for status, row in zip(shown, rows, strict=True):
        output.result(row)
        if status.failure_reason:
            output.result(f"    {status.failure_reason}")
        output.result(*(f"    {x}; {staleness.AGAIN}" for x in stale.get(status.address or "", ())))
        if status.steps:
            steps = [(step.name, step.status, step.failure_reason or "") for step in status.steps]
            output.result(*(f"    {line}" for line in output.columns(steps)))


_HEADER = ("spec", "status", "progress", "elapsed", "run")


def _cells(status: Status, now: datetime) -> tuple[str, ...]:
    detail = f" ({status.secondary})" if status.secondary and status.secondary != status.status else ""
    lasted = elapsed(status, now)
    return (
        status.address or "-",
        f"{status.status}{detail}",
        progress(status) or "-",
        "-" if lasted is None else words.duration(int(lasted.total_seconds())),
        status.name,
    )
