"""`sagespec mlflow-url`: print a URL of a job's MLflow app."""

from __future__ import annotations

import click

from sagespec.cli import exits, output, session
from sagespec.cli.session import Session
from sagespec.executor import metrics
from sagespec.executor.runs import track
from sagespec.executor.runs.run import Target


@click.command("mlflow-url")
@session.on_target
def command(opened: Session, target: Target) -> int:
    """Print a presigned URL of TARGET's MLflow app. Anybody who has it can use it, once, within five minutes."""
    status = track.status(opened.regional, target)
    arn = metrics.resource(status)
    if not arn:
        raise exits.Stop(f"{target.name} has no MLflow app", exits.INVALID)
    if ":mlflow-tracking-server/" in arn:
        name = {"TrackingServerName": arn.rpartition("/")[2]}
        answer = opened.regional.call("sagemaker", "CreatePresignedMlflowTrackingServerUrl", target.region, **name)
    else:
        answer = opened.regional.call("sagemaker", "CreatePresignedMlflowAppUrl", target.region, Arn=arn)
    output.tell("anybody who has this URL can use it, once, within five minutes")
    output.key(answer["AuthorizedUrl"] + metrics.page(status))
    return exits.DONE
