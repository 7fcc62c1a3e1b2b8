"""`sagespec stop`: end a job or an execution early."""

from __future__ import annotations

from pathlib import Path

import click

from compiler.cli import aws, exits
from compiler.executor import steer


@click.command("stop")
@click.argument("target")
@aws.aws_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(
    target: str,
    environment: str | None,
    profile: str | None,
    region: str | None,
    project_file: Path | None,
    yes: bool,
) -> int:
    """Stop TARGET. A stopped job counts as run: raise metadata.run to run the same content once more."""
    cloud = aws.regional(profile, region, environment, project_file)
    with aws.trouble():
        found = aws.target(cloud, target, environment, project_file)
        aws.confirm(f"Stop {found.name}?", yes)
        try:
            click.echo(f"{found.name} {steer.stop(cloud, found)}")
        except steer.CannotSteer as error:
            raise exits.Stop(str(error), exits.INVALID) from None
    return exits.DONE
