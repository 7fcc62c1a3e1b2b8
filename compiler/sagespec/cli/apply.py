"""`sagespec apply`: create what a plan says."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from sagespec.cli import exits, interrupts, options, output, plan_text, results, session, watching
from sagespec.cli.applied import End, Record
from sagespec.cli.session import Session
from sagespec.disk import COMPILED_BYTES
from sagespec.disk import read as read_file
from sagespec.executor import commits, files
from sagespec.executor import plan as planning
from sagespec.executor.apply import Applying, Options
from sagespec.executor.outcome import Event, TimedOut
from sagespec.project.settings import Project
from sagespec.reading.strict_json import no_number, once

POLL_SECONDS = 15.0
SANDBOX_POLL_SECONDS = 0.3
_COMMIT = re.compile(r"[A-Za-z0-9._:/=+@-]{1,256}")


def _commit(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    """Return a commit from the command line or a CI system, if it can be the value of a tag.

    Raises BadParameter.
    """
    if given and not _COMMIT.fullmatch(given):
        raise click.BadParameter(f"{given!r} is not a commit: letters, digits and . _ : / = + @ -, at most 256")
    return given or None


@click.command("apply")
@options.PATHS
@session.opened
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", "follow", is_flag=True, help="Follow everything to its end.")
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@click.option("--sandbox", "use_sandbox", is_flag=True, help="Apply to a sandbox that lives as long as the command.")
@click.option("--sync-tags", is_flag=True, help="Correct the tags of existing resources, too.")
@click.option(
    "--commit",
    metavar="COMMIT",
    envvar=["GITHUB_SHA", "CI_COMMIT_SHA"],
    callback=_commit,
    help="Tag what is created with this commit; by default that of the CI system, else git's HEAD.",
)
@click.option("--concurrency", metavar="N", type=click.IntRange(1, 64), default=32, show_default=True)
@click.option("--poll", metavar="SECONDS", type=session.SECONDS, help="Pause between two polls.")
@click.option("--timeout", metavar="SECONDS", type=session.SECONDS, help="Longest wait; then exit 5.")
@click.option("--verbose", is_flag=True, help="Show every address and every request.")
@session.OUTPUT
def command(opened: Session, form: str, **given: Any) -> int:
    """Submit compiled files, once. PATHs are addresses, spec files, compiled files or folders, or
    one saved plan."""
    record, end = Record(), None
    with interrupts.heard() as ignore:
        if form == "text":
            return _apply(opened, record, output.result, **given)
        try:
            code = _apply(opened, record, output.tell, **given)
            end = End(code, "")
            return code
        finally:
            ignore()  # half a document is none
            output.as_json(record.document(end or _end(sys.exc_info()[1])))


def _end(error: BaseException | None) -> End:
    """Say how the command ends by an exception, as the exit code will."""
    if isinstance(error, click.Abort) or interrupts.is_behind(error):
        return End(exits.INTERRUPTED, "interrupted")
    if stop := exits.stop_by(error):
        return End(stop.code, str(stop), stop.hint)
    if isinstance(error, click.UsageError):
        return End(exits.USAGE, error.format_message())
    if isinstance(error, SystemExit) and error.code == exits.INVALID:  # mistakes that are reported already
        return End(exits.INVALID, "the project's files are invalid")
    if isinstance(error, OSError):
        named = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        return End(exits.INVALID, f"{named}{(error.strerror or str(error)).lower()}")
    return End()


def _apply(
    opened: Session,
    record: Record,
    to: Callable[..., None],
    paths: tuple[Path, ...],
    yes: bool,
    follow: bool,
    dry_run: bool,
    use_sandbox: bool,
    sync_tags: bool,
    commit: str | None,
    concurrency: int,
    poll: float | None,
    timeout: float | None,
    verbose: bool,
) -> int:
    """Plan, ask and apply; the plan and the results are printed by `to`."""
    if use_sandbox and opened.profile is not None:
        raise click.UsageError("a sandbox has no profiles: leave --profile or --sandbox out")
    project = record.project = opened.project
    saved = _saved_plan(paths, project)
    if saved is not None:
        if sync_tags:
            raise click.UsageError("a saved plan decides whether tags are synchronised: give --sync-tags to `plan`")
        sync_tags = saved.get("syncTags") is True
    chosen_paths = [project.root / f["path"] for f in saved["files"]] if saved else paths
    order = opened.order(chosen_paths)
    with opened.endpoint(use_sandbox, order), session.trouble():
        cloud = opened.cloud
        made = record.plan = planning.plan(order, cloud, project, sync_tags)
        if saved is not None and json.loads(planning.save(made, project, sync_tags)) != saved:
            raise files.InvalidFiles(
                "AWS or the files have changed since the plan was saved; plan again",
                *planning.moved(saved, made, project),
            )
        plan_text.warn_of_ends(order, opened, datetime.now(timezone.utc).date())
        plan_text.warn_of_thresholds(order)
        plan_text.warn_of_rewards(made)
        plan_text.show(made, project, verbose, to)
        if plan_text.tell_obstacles(made, opened):
            output.tell("nothing was sent: correct this, or name only the files to apply")
            return exits.AWS
        if dry_run:
            return exits.FAILED if made.has_failed else exits.DONE
        if made.is_pending:
            session.confirm(plan_text.question(made, project), yes)
        pause = poll or (SANDBOX_POLL_SECONDS if use_sandbox else POLL_SECONDS)
        targets = order.targets()
        known = dict.fromkeys((f.address for f in targets), commit) if commit else commits.of_files(targets)
        chosen = Options(project, follow, concurrency, pause, timeout, known)
        with closing(watching.Watch(plan_text.first(made), follow)) as watch:

            def on_event(event: Event) -> None:
                record.event(event)
                watch.event(event)

            applying = record.applying = Applying(made, cloud, chosen, on_event)
            try:
                outcome = applying.go()
            except TimedOut as error:
                raise exits.Stop(str(error), exits.TIMED_OUT) from None
            except KeyboardInterrupt:
                watch.close()
                if not use_sandbox:  # a sandbox and its runs end with this command
                    output.tell("runs continue: repeat the command to follow them and to send the rest")
                raise
        plan_text.tell(outcome, order.files, opened)
        met = not follow or results.show_all(
            cloud, [p.file for p in made.targets()], dict(outcome.runs), record.results, to
        )
    if outcome.aws_refused:
        return exits.AWS
    return exits.FAILED if outcome.failures or not met else exits.DONE


def _saved_plan(paths: tuple[Path, ...], project: Project) -> dict[str, Any] | None:
    """Read a saved plan if that is the only path; None otherwise.

    Exits with 1 where the plan or a file in it is outside the project.
    """
    if len(paths) != 1 or not paths[0].is_file():
        return None
    plan = paths[0]
    if project.boundary.is_left_by_link(plan):
        raise exits.Stop(f"{plan}: leads out of the project through a link", exits.INVALID)
    try:
        text = read_file(plan, COMPILED_BYTES).decode()
        saved = json.loads(text, object_pairs_hook=once, parse_constant=no_number)
    except (ValueError, RecursionError):  # the reader of compiled files reports what is wrong with it
        return None
    if not isinstance(saved, dict) or saved.get("kind") != "Plan":
        return None
    listed = saved.get("files")
    named = [f.get("path") if isinstance(f, dict) else None for f in listed] if isinstance(listed, list) else []
    if not named or not all(isinstance(path, str) and path for path in named):
        raise exits.Stop(f"{plan}: not a plan that `sagespec plan --save` has written", exits.INVALID)
    if outside := [path for path in map(str, named) if not project.boundary.admits(project.root / path)]:
        raise exits.Stop(f"{plan}: {outside[0]} leads out of the project", exits.INVALID)
    return saved
