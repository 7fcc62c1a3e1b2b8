"""`sagespec run`: a training on this machine, before it costs anything."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import click

from compiler import workspace
from compiler.cli import aws, exits, options
from compiler.executor import local
from compiler.report import printable


@click.command("run")
@click.argument("address")
@options.project_options
@click.option("--hosts", metavar="N", type=click.IntRange(1, 64), default=1, show_default=True, help="Hosts to play.")
@click.option("--processes", metavar="N", type=click.IntRange(1, 64), help="Processes a host, instead of the spec's.")
@click.option(
    "--channel", "given_channels", metavar="NAME=FOLDER", multiple=True, help="A folder for an input channel."
)
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep the tree in this new folder.")
def command(
    address: str,
    environment: str | None,
    given: tuple[str, ...],
    project_file: Path | None,
    region: str | None,
    hosts: int,
    processes: int | None,
    given_channels: tuple[str, ...],
    keep: Path | None,
) -> int:
    """Run a ModelTrainer's drivers and script here, with the variables of the container, in a throw-away tree.

    ADDRESS is that of the spec. Input channels are empty folders but for those given by --channel.
    """
    settings = options.settings(environment, given, project_file, "text", None)
    checked = workspace.check(settings, (), region)
    done = workspace.compile(checked)
    made = done.builds.get(address)
    if made is None:
        options.show([d for d in done.diagnostics if d.address == address], checked.texts, "text", None)
        raise exits.Stop(f"no valid spec has the address {address}", exits.INVALID)
    channels = dict(_channels(given_channels))
    if keep is not None and keep.exists():
        raise click.BadParameter(f"{keep} is there already", param_hint="--keep")
    lock = threading.Lock()

    def show(host: str, line: str) -> None:
        with lock:
            click.echo(f"[{host}] {printable(line)}")

    with tempfile.TemporaryDirectory(prefix="sagespec-") as folder:
        chosen = local.Options(keep or Path(folder), aws.root_of(project_file), hosts, processes, channels)
        try:
            ended = local.run(made.compiled, chosen, show)
        except local.CannotRun as error:
            raise exits.Stop(str(error), exits.INVALID) from None
    if ended.code == 0:
        return exits.DONE
    click.echo(f"error: {ended.host} ended with exit code {ended.code}; it wrote as its failure:", err=True)
    for line in (ended.reason or "nothing").splitlines():
        click.echo(f"    {printable(line)}", err=True)
    return exits.FAILED


def _channels(given: tuple[str, ...]) -> list[tuple[str, Path]]:
    found = []
    for item in given:
        name, equals, folder = item.partition("=")
        if not equals or not Path(folder).is_dir():
            raise click.BadParameter(
                f"{item!r} is not NAME=FOLDER with a folder that is there", param_hint="--channel"
            )
        found.append((name, Path(folder)))
    return found
