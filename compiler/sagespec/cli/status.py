"""`sagespec status`: show the state of runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from sagespec.cli import exits, output, session
from sagespec.cli.session import Session
from sagespec.executor import staleness
from sagespec.executor.runs import finding, track
from sagespec.executor.runs.status import Status, progress
from sagespec.executor.runs.targets import NOT_SHOWN, find, of_run


@click.command("status")
@click.argument("targets", nargs=-1)
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
        wanted, known = opened.compiled(targets)
        named = [t for t in targets if t not in known and not Path(t).exists()]
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
    else:
        for status in shown:
            _show(status)
            output.result(*(f"    {x}; {staleness.AGAIN}" for x in stale.get(status.address or "", ())))
        for file in missing:
            output.result(f"{file.address}: {NOT_SHOWN}")
        for file in (f for f in wanted if targets and not f.content.requests):
            output.result(f"{file.address}: runs nothing itself")
    return exits.DONE


def _show(status: Status) -> None:
    secondary = status.details.get("secondary_status")
    detail = f" ({secondary})" if secondary and secondary != status.status else ""
    name = f"{status.address}: " if status.address else ""
    output.result(f"{name}{status.status}{detail}  {status.name}")
    if status.failure_reason:
        output.result(f"    {status.failure_reason}")
    if far := progress(status):
        output.result(f"    {far}")
    for step in status.steps:
        reason = f": {step.failure_reason}" if step.failure_reason else ""
        output.result(f"    {step.name:<24} {step.status}{reason}")
