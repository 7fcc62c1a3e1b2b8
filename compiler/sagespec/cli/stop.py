"""`sagespec stop`: end a job or an execution early."""

from __future__ import annotations

import click

from sagespec.cli import exits, output, session
from sagespec.cli.session import Session
from sagespec.executor import steer
from sagespec.executor.runs.run import CannotStop, Target


@click.command("stop")
@session.on_target
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(opened: Session, target: Target, yes: bool) -> int:
    """Stop TARGET. A stopped job counts as run: raise metadata.run to run the same content once more."""
    session.confirm(f"Stop {target.name}?", yes)
    try:
        output.result(f"{target.name} {steer.stop(opened.regional, target)}")
    except CannotStop as error:
        raise exits.Stop(str(error), exits.INVALID) from None
    return exits.DONE
