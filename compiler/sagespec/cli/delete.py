"""`sagespec delete`: remove a run, so that the same content can run again."""

from __future__ import annotations

import click

from sagespec.cli import exits, output, session
from sagespec.cli.session import Session
from sagespec.executor import steer
from sagespec.executor.runs.run import Target


@click.command("delete")
@session.on_target
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(opened: Session, target: Target, yes: bool) -> int:
    """Delete TARGET: the job, function or execution of a spec's identity, and nothing else.

    AWS then has no record that it has run, so the next apply runs the same content again. Models and results stay. A
    pipeline is deleted with its execution, but only if it has no other.
    """
    output.tell(*(f"deletes {thing}" for thing in steer.removed(opened.regional, target)))
    session.confirm("Delete this?", yes)
    output.result(f"{target.name}: {steer.delete(opened.regional, target)}")
    return exits.DONE
