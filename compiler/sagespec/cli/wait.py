"""`sagespec wait`: wait until runs have ended."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict

import click

from sagespec.cli import completing, exits, output, session, watching
from sagespec.cli.session import Session
from sagespec.executor.follow import follow, has_had
from sagespec.executor.outcome import Event, TimedOut


@click.command("wait")
@click.argument("targets", nargs=-1, required=True, shell_complete=completing.offering(completing.addresses, "file"))
@session.opened
@session.OUTPUT
@click.option(
    "--for",
    "until",
    metavar="STATUS",
    shell_complete=completing.offering(completing.statuses),
    multiple=True,
    help="A status, or secondary status, that is enough.",
)
@click.option("--poll", metavar="SECONDS", type=session.SECONDS, default=15.0, show_default=True)
@click.option("--timeout", metavar="SECONDS", type=session.SECONDS, help="Longest wait; then exit 5.")
def command(
    opened: Session,
    targets: tuple[str, ...],
    form: str,
    until: tuple[str, ...],
    poll: float,
    timeout: float | None,
) -> int:
    """Wait for TARGETs: addresses, compiled files, job names, ARNs. Ctrl-C stops watching, never the job."""
    cloud = opened.regional
    with session.trouble():
        runs = opened.targets(targets, may_be_new=True)
        with closing(watching.Watch([Event(name, "looking") for name in runs], live=True)) as watch:
            try:
                done = follow(cloud, runs, watch.event, until=until, poll_seconds=poll, timeout_seconds=timeout)
            except TimedOut as error:
                raise exits.Stop(str(error), exits.TIMED_OUT) from None
            except KeyboardInterrupt:
                watch.close()
                output.tell(f"runs continue: `sagespec wait {' '.join(targets)}` follows them again")
                raise
    if form == "json":
        output.as_json({"status": [asdict(status) for status in done.values()]})
    failed = False
    for status in done.values():
        reason = f": {status.failure_reason}" if status.failure_reason else ""
        if until and not has_had(status, until):
            failed = True
            wanted = " or ".join(until)
            output.error(f"{status.name} is {status.status} and has not been {wanted}{reason}")
        elif not until and status.state == "failed":
            failed = True
            hint = f"`sagespec logs {status.address or status.arn}` shows what it has written"
            output.error(f"{status.name} is {status.status}{reason or ': no reason given'}", hint)
    return exits.FAILED if failed else exits.DONE
