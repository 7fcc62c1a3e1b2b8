"""`sagespec list`: list jobs and evaluations of the account, whoever started them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timezone

import click

from sagespec.cli import completing, exits, output, session
from sagespec.cli.session import Session
from sagespec.diagnostics import did_you_mean
from sagespec.executor import files as compiled_files
from sagespec.executor import listing
from sagespec.executor.files import File, InvalidFiles
from sagespec.executor.runs import sorts
from sagespec.executor.runs.entries import Entry, Filter
from sagespec.executor.runs.run import state_of, suffix
from sagespec.review import cost, words


@click.command("list")
@session.opened
@session.OUTPUT
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(listing.kinds()),
    multiple=True,
    help="Kind of spec, or category of jobs that no kind makes; by default all.",
)
@click.option(
    "--status",
    metavar="STATUS",
    shell_complete=completing.offering(completing.statuses),
    help="Only those with this status.",
)
@click.option("--name-contains", metavar="TEXT", default="", help="Only names with this text.")
@click.option("--created-after", metavar="TIME", help="Only newer ones: ISO 8601, or an age such as 2h or 3d.")
@click.option("--created-before", metavar="TIME", help="Only older ones.")
@click.option("--sort-by", type=click.Choice(sorted(listing.SORTS)), default="CreationTime", show_default=True)
@click.option("--descending", is_flag=True, help="Last ones first.")
@click.option("--limit", metavar="N", type=click.IntRange(1), help="At most so many.")
def command(
    opened: Session,
    form: str,
    kinds: tuple[str, ...],
    status: str | None,
    name_contains: str,
    created_after: str | None,
    created_before: str | None,
    sort_by: str,
    descending: bool,
    limit: int | None,
) -> int:
    """List jobs and evaluations of the account, also those that the SDK has started."""
    now = datetime.now(timezone.utc)
    files = _files(opened)
    wanted = Filter(
        kinds or listing.kinds(),
        status,
        name_contains,
        session.moment(created_after, now, "--created-after"),
        session.moment(created_before, now, "--created-before"),
        {suffix(file.content): address for address, file in files.items()},
        limit if sort_by == "CreationTime" else None,
        descending,
    )
    cloud = opened.regional
    with session.trouble():
        entries = listing.find(cloud, wanted)
        entries.sort(key=lambda e: (getattr(e, listing.SORTS[sort_by]), e.name), reverse=descending)
        entries = [_with_model(entry, files) for entry in listing.with_ends(cloud, entries[:limit])]
    if form == "json":
        output.as_json({"runs": [{**asdict(e), "duration_seconds": _seconds(e, now)} for e in entries]})
        return exits.DONE
    if entries:
        output.result(*output.columns([_HEADER, *(_cells(entry, now) for entry in entries)]))
    if not entries:
        known = sorted({known for sort in sorts.BY_NAME.values() for known in sort.STATUSES})
        said = ["nothing found"]
        if status and status not in known:
            said += [f"there is no status {status!r}", did_you_mean(status, known)]
        output.tell(": ".join(filter(None, said)))
    return exits.DONE


_HEADER = ("kind", "name", "status", "created", "duration", "address", "model")


def _cells(entry: Entry, now: datetime) -> tuple[str, ...]:
    seconds = _seconds(entry, now)
    lasted = "-" if seconds is None else words.duration(seconds)
    times = (output.utc(entry.creation_time), lasted)
    return entry.kind, entry.name, entry.status, *times, entry.address or "-", entry.model or "-"


def _seconds(entry: Entry, now: datetime) -> int | None:
    """How long a run has taken; None where nothing says when it ended."""
    end = entry.end_time or (now if state_of(entry.status) == "running" else None)
    return None if end is None else max(0, int((end - entry.creation_time).total_seconds()))


def _files(opened: Session) -> Mapping[str, File]:
    """The compiled files of the project; none where it has none, or none that can be read."""
    folder = opened.settings.output
    try:
        return compiled_files.read([folder]).files if folder.is_dir() else {}
    except InvalidFiles:
        return {}


def _with_model(entry: Entry, files: Mapping[str, File]) -> Entry:
    """Add the model that a compiled file names."""
    file = files.get(entry.address or "")
    made = cost.of(file.requests, {}, {}) if file and not entry.model else None
    return replace(entry, model=made.model) if made and made.model else entry
