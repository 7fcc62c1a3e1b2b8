"""`sagespec graph`: what refers to what, as a picture."""

from __future__ import annotations

from pathlib import Path

import click

from sagespec.cli import completing, exits, options, output
from sagespec.compiling import workspace
from sagespec.compiling.workspace import Checked
from sagespec.project import addresses
from sagespec.project.addresses import Unknown, WrongName
from sagespec.review import drawing, graph
from sagespec.review.graph import Graph


@click.command("graph")
@click.argument(
    "wanted", nargs=-1, metavar="[ADDRESS|PATH]...", shell_complete=completing.offering(completing.addresses, "file")
)
@options.PROJECT
@options.ENVIRONMENT
@click.option("--region", metavar="REGION", help="Region of specs and projects that name none.")
@click.option("--steps", is_flag=True, help="The steps of the one pipeline that is asked for.")
@options.forms("mermaid", "dot", "svg", "json")
def command(
    wanted: tuple[str, ...],
    project_file: Path | None,
    environment: str | None,
    region: str | None,
    steps: bool,
    form: str,
) -> int:
    """Draw specs and the refs between them, or the steps of a pipeline.

    Without an argument these are all specs of the project; else those asked for, what they need and what needs them.
    """
    settings = options.settings(environment, (), project_file, "text", None)
    checked = options.check(settings, (), region)
    options.show(checked.diagnostics, checked.texts, settings.project.root)
    specs = {address: one.spec for address, one in checked.resolved.items()}
    chosen = _chosen(wanted, checked)
    drawn = _steps(chosen, checked) if steps else graph.around(graph.of_specs(specs), chosen)
    if form == "json":
        nodes = [node._asdict() for node in drawn.nodes]
        output.as_json({"nodes": nodes, "edges": [edge._asdict() for edge in drawn.edges]})
    else:
        draw = {"mermaid": drawing.of_graph, "dot": drawing.dot, "svg": drawing.svg}[form]
        output.document(draw(drawn))
    return exits.INVALID if checked.failed else exits.DONE


def _chosen(wanted: tuple[str, ...], checked: Checked) -> list[str]:
    """The addresses that are meant by addresses, names, globs, and files or folders of specs or of compiled files."""
    root, compiled = checked.settings.project.root, checked.settings.output
    files = {address: root / one.spec.source.file for address, one in checked.resolved.items()}
    chosen = [] if wanted else [*files]
    for one in wanted:
        here = Path(one).absolute()
        if inside := [a for a, file in files.items() if here in _paths(file) | _paths(compiled / f"{a}.json")]:
            chosen += inside
            continue
        try:
            chosen += addresses.meant(one, files)
        except WrongName as error:
            message = f"no valid spec has the address or path {one!r}" if isinstance(error, Unknown) else str(error)
            raise exits.Stop(message, exits.USAGE, error.hint) from None
    return chosen


def _paths(file: Path) -> set[Path]:
    return {file, *file.parents}


def _steps(chosen: list[str], checked: Checked) -> Graph:
    builds = workspace.compile(checked).builds
    pipelines = {a: made for a in chosen if a in builds and (made := graph.of_steps(builds[a].compiled.requests))}
    if len(pipelines) != 1:
        raise click.UsageError(f"--steps draws one pipeline, and {len(pipelines)} are asked for: name an evaluator")
    (drawn,) = pipelines.values()
    return drawn
