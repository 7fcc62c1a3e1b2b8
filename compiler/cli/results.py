"""`sagespec results`: what came out of evaluations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import click

from compiler.cli import aws, exits
from compiler.executor import results, runs, track
from compiler.executor.cloud import Cloud
from compiler.executor.files import File
from compiler.executor.results import NoResults, Score


@click.command("results")
@click.argument("target")
@aws.aws_options
@aws.OUTPUT
def command(
    target: str,
    environment: str | None,
    profile: str | None,
    region: str | None,
    project_file: Path | None,
    form: str,
) -> int:
    """Show the scores of an evaluation: an address, a compiled file or an execution ARN."""
    cloud = aws.cloud(profile, region)
    with aws.trouble():
        wanted, known = aws.compiled([target], environment, project_file)
        try:
            found = track.of_file(cloud, wanted[0]) if wanted else track.find(cloud, target, known)
            scores = results.read(cloud, track.status(cloud, found), found.region)
        except (NoResults, track.UnknownTarget) as error:
            raise exits.Stop(str(error), exits.INVALID) from None
    if form == "json":
        aws.show_json({"target": target, "scores": [asdict(score) for score in scores]})
    else:
        show(scores)
    return exits.DONE


def show(scores: Iterable[Score]) -> None:
    """Print scores as columns: metric, base model, custom model."""
    click.echo(f"  {'metric':<28}{'base':>10}{'custom':>10}")
    for score in scores:
        click.echo(f"  {score.metric:<28}{_cell(score.base):>10}{_cell(score.custom):>10}")


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def show_all(cloud: Cloud, files: Iterable[File], done: dict[str, runs.Run]) -> None:
    """Print the outcome of each finished run: a trained model's package, an evaluation's scores."""
    for file in files:
        run = done.get(file.address)
        if run is None or run.state != "done":
            continue
        target = track.target_of(file, run)
        status = track.status(cloud, target)
        package = status.details.get("output_model_package_arn")
        if package:
            click.echo(f"{file.address}: {package}")
        if target.kind == "execution":
            click.echo(f"{file.address}:")
            try:
                show(results.read(cloud, status, target.region))
            except NoResults as error:
                click.echo(f"  {error}")
