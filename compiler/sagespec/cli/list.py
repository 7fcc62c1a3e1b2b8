"""`sagespec list`: list jobs and evaluations of the account, whoever started them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone

import click

from sagespec.cli import exits, output, session
from sagespec.cli.session import Session
from sagespec.diagnostics import did_you_mean
from sagespec.executor import listing
from sagespec.executor.runs import sorts
from sagespec.executor.runs.entries import Filter


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
@click.option("--status", metavar="STATUS", help="Only those with this status.")
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
    wanted = Filter(
        kinds or listing.kinds(),
        status,
        name_contains,
        session.moment(created_after, now, "--created-after"),
        session.moment(created_before, now, "--created-before"),
    )
    cloud = opened.regional
    with session.trouble():
        entries = listing.find(cloud, wanted)
    entries.sort(key=lambda e: (getattr(e, listing.SORTS[sort_by]), e.name), reverse=descending)
    entries = entries[:limit]
    if form == "json":
        output.as_json({"runs": [asdict(entry) for entry in entries]})
        return exits.DONE
    output.result(*output.columns([(e.kind, e.name, e.status, output.plain(e.creation_time)) for e in entries]))
    if not entries:
        known = sorted({known for sort in sorts.BY_NAME.values() for known in sort.STATUSES})
        hint = f": {did_you_mean(status, known)}" if status and status not in known else ""
        output.tell(f"nothing found{hint.removesuffix(': ')}")
    return exits.DONE
