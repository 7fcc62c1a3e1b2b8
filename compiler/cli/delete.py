"""`sagespec delete`: remove what has run, so that the same content may run again."""

from __future__ import annotations

import click

from compiler.cli import aws, exits, output
from compiler.executor import steer
from compiler.executor.cloud import Cloud
from compiler.executor.targets import Target


@click.command("delete")
@aws.on_target
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(cloud: Cloud, found: Target, yes: bool) -> int:
    """Delete TARGET: a job, a function, or an evaluation's pipeline with every execution of it.

    AWS forgets that it has run, so the next apply runs the same content again. Models and results stay.
    """
    what = f"pipeline {steer.pipeline(found)} and all its executions" if found.kind == "execution" else found.name
    aws.confirm(f"Delete {what}?", yes)
    output.result(f"{found.name}: {steer.delete(cloud, found)}")
    return exits.DONE
