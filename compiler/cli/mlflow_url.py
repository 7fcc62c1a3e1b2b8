"""`sagespec mlflow-url`: the way into the MLflow app of a job."""

from __future__ import annotations

from pathlib import Path

import click

from compiler.cli import aws, exits
from compiler.executor import metrics, track


@click.command("mlflow-url")
@click.argument("target")
@aws.aws_options
def command(
    target: str,
    environment: str | None,
    profile: str | None,
    region: str | None,
    project_file: Path | None,
) -> int:
    """Print a presigned URL of TARGET's MLflow app. It works once, for five minutes, for whoever has it."""
    cloud = aws.regional(profile, region, environment, project_file)
    with aws.trouble():
        found = aws.target(cloud, target, environment, project_file)
        status = track.status(cloud, found)
        arn = metrics.resource(status)
        if not arn:
            raise exits.Stop(f"{found.name} names no MLflow app", exits.INVALID)
        if ":mlflow-tracking-server/" in arn:
            name = {"TrackingServerName": arn.rpartition("/")[2]}
            answer = cloud.call("sagemaker", "CreatePresignedMlflowTrackingServerUrl", found.region, **name)
        else:
            answer = cloud.call("sagemaker", "CreatePresignedMlflowAppUrl", found.region, Arn=arn)
    click.echo("this URL is a key: it works once, for five minutes, for whoever has it", err=True)
    click.echo(answer["AuthorizedUrl"] + metrics.place(status))
    return exits.DONE
