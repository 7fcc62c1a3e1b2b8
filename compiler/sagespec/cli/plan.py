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
@session.OUTPUT
@click.option("--save", type=click.Path(path_type=Path, dir_okay=False), help="Write the plan, for `apply PLAN`.")
@click.option("--sync-tags", is_flag=True, help="Compare the tags of what exists, too.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 6 when there is something to do.")
def command(
    opened: Session,
    paths: tuple[Path, ...],
    form: str,
    save: Path | None,
    sync_tags: bool,
    detailed_exitcode: bool,
) -> int:
    """Show what apply would do; reads only. PATHs are compiled files or folders."""
    order = opened.order(paths)
    project = opened.project
    with session.trouble():
        made = planning.plan(order, opened.cloud, project, sync_tags)
    plan_text.warn_of_ends(order, opened, datetime.now(timezone.utc).date())
    plan_text.warn_of_thresholds(order)
    plan_text.warn_of_rewards(made)
    if form == "json":
        output.as_json({"files": planning.summary(made, project)})
    else:
        plan_text.show(made)
    if save is not None:
        opened.write(save, planning.save(made, project, sync_tags).encode())
    if plan_text.tell_obstacles(made, opened):
        return exits.AWS
    return exits.PENDING if detailed_exitcode and made.is_pending else exits.DONE
