"""`sagespec verify`: what really ran, against the compiled file."""

from __future__ import annotations

from pathlib import Path

import click

from compiler.cli import aws, exits
from compiler.compiled import DIGITS
from compiler.executor import verify
from compiler.executor.files import File
from compiler.report import printable


@click.command("verify")
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
    """Compare what TARGET really ran with the compiled file; exit 1 where they differ."""
    cloud = aws.regional(profile, region, environment, project_file)
    with aws.trouble():
        _, known = aws.compiled([target], environment, project_file)
        (found,) = aws.targets(cloud, [target], environment, project_file).values()
        try:
            file = found.file or _file_of(found.name, known)
            different = list(verify.verify(cloud, found, file))
        except verify.CannotVerify as error:
            raise exits.Stop(str(error), exits.INVALID) from None
    if form == "json":
        aws.show_json({"target": found.arn, "compiled": file.path.as_posix(), "differences": different})
    else:
        for difference in different:
            click.echo(printable(difference))
        click.echo(f"{found.name} {'differs from' if different else 'ran what is in'} {file.path}", err=True)
    return exits.INVALID if different else exits.DONE


def _file_of(name: str, known: dict[str, File]) -> File:
    """The compiled file of a run that was named otherwise: they share the identity's digits."""
    for file in known.values():
        if name.endswith(f"-{file.content.identity[:DIGITS]}"):
            return file
    raise exits.Stop(f"no compiled file has the identity of {name}", exits.INVALID)
