"""`sagespec delete`: remove what has run, so that the same content may run again."""

from __future__ import annotations

from pathlib import Path

import click

from compiler.cli import aws, exits
from compiler.executor import steer


@click.command("delete")
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
    """Delete TARGET: a job, a function, or an evaluation's pipeline with every execution of it.

    AWS forgets that it has run, so the next apply runs the same content again. Models and results stay.
    """
    cloud = aws.regional(profile, region, environment, project_file)
    with aws.trouble():
        found = aws.target(cloud, target, environment, project_file)
        what = f"pipeline {steer.pipeline(found)} and all its executions" if found.kind == "execution" else found.name
        aws.confirm(f"Delete {what}?", yes)
        click.echo(f"{found.name}: {steer.delete(cloud, found)}")
    return exits.DONE
