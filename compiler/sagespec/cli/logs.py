"""`sagespec logs`: show the logs of a job."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import click

from sagespec.cli import completing, exits, output, session
from sagespec.cli.session import Session
from sagespec.executor import pauses
from sagespec.executor.cloud import CloudError
from sagespec.executor.logs import Line, Tail
from sagespec.executor.outcome import BLIND_SECONDS
from sagespec.executor.runs import track

_STREAM = re.compile(r"([^/]+/[a-zA-Z]+-[0-9]+)-[0-9]+")
"""`<job>/algo-<host>-<time>`."""


@click.command("logs")
@click.argument("target", shell_complete=completing.offering(completing.addresses, "file"))
@session.opened
@session.OUTPUT
@click.option("--follow", is_flag=True, help="Go on until the target is done.")
@click.option("--since", metavar="TIME", help="Only newer lines: ISO 8601, or an age such as 10m or 2h.")
@click.option("--poll", metavar="SECONDS", type=session.SECONDS, default=5.0, show_default=True)
def command(
    opened: Session,
    target: str,
    form: str,
    follow: bool,
    since: str | None,
    poll: float,
) -> int:
    """Show the logs of TARGET; for an evaluation, the logs of the jobs of its steps."""
    start = session.moment(since, datetime.now(timezone.utc), "--since")
    cloud = opened.regional
    with session.trouble():
        run = opened.find_one(target, may_be_new=follow)
        tail = Tail(cloud, run.region, int(start.timestamp() * 1000) if start else 0)
        shown = was_running = False
        seen = pauses.now()
        while True:
            try:
                status = track.status(cloud, run)
                for line in tail.read(status):
                    shown = True
                    _show(line, form)
            except CloudError as error:
                if not follow or not error.is_passing or pauses.now() - seen > BLIND_SECONDS:
                    raise
                output.tell(f"looking again: {error}")
                pauses.pause(poll)
                continue
            seen = pauses.now()
            if not follow or not (was_running or status.state == "running"):
                break
            # poll once more after the end: the last lines arrive late
            was_running = status.state == "running"
            pauses.pause(poll)
    if not shown:
        output.tell(f"{status.name} ({status.status}) has written nothing")
    return exits.DONE


def _show(line: Line, form: str) -> None:
    if form == "json":
        output.json_line({"time": line.time, "stream": line.stream, "message": line.text})
    else:
        output.result(f"{output.stamp(line.time)} {_host(line.stream)} {line.text}")


def _host(stream: str) -> str:
    """Return the job and host of a stream, without the time that AWS appends; the whole name of any other stream."""
    match = _STREAM.fullmatch(stream)
    return match[1] if match else stream
