"""`sagespec plan`: show what apply would do."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import click

from sagespec.cli import exits, options, output, plan_text, session
from sagespec.cli.session import Session
from sagespec.executor import plan as planning


@click.command("plan")
@options.PATHS
@session.opened
@options.forms("text", "json", "markdown")
@click.option("--save", type=click.Path(path_type=Path, dir_okay=False), help="Write the plan, for `apply PLAN`.")
@click.option("--sync-tags", is_flag=True, help="Compare the tags of what exists, too.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 6 when there is something to do.")
@click.option(
    "--max-chars", type=click.IntRange(1000), default=60_000, show_default=True, help="Length of the Markdown."
)
@click.option("--verbose", is_flag=True, help="Show every address and every request.")
def command(
    opened: Session,
    paths: tuple[Path, ...],
    form: str,
    save: Path | None,
    sync_tags: bool,
    detailed_exitcode: bool,
    max_chars: int,
    verbose: bool,
) -> int:
    """Show what apply would do; reads only. PATHs are addresses, spec files, compiled files or
    folders.

    \b
    >  starts now             .  starts when what it waits for is done
    ~  runs                   !  failed, refused, blocked or stale
    *  tags to set            ?  others have changed its pipeline since it ran
    With --verbose, each request:
    +  create   ^  update     =  keep
    """
    order = opened.order(paths)
    project = opened.project
    with session.trouble():
        made = planning.plan(order, opened.cloud, project, sync_tags)
    plan_text.warn_of_ends(order, opened, datetime.now(timezone.utc).date())
    plan_text.warn_of_thresholds(order)
    plan_text.warn_of_rewards(made)
    if form == "json":
        output.as_json(plan_text.as_data(made, project))
    elif form == "markdown":
        output.document(plan_text.markdown(made, project, max_chars))
    else:
        plan_text.show(made, project, verbose)
    if save is not None:
        opened.write(save, planning.save(made, project, sync_tags).encode())
    if plan_text.tell_obstacles(made, opened):
        return exits.AWS
    return exits.PENDING if detailed_exitcode and made.is_pending else exits.DONE
