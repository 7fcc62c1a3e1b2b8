"""`sagespec metrics`: show what a training has logged at each step."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import click

from sagespec.cli import completing, exits, output, session
from sagespec.cli.session import Session
from sagespec.diagnostics.escapes import printable
from sagespec.executor import metrics
from sagespec.executor.metrics import Series
from sagespec.executor.runs import track

FORMS = (".pdf", ".png", ".svg")
PANELS = 100
"""The most metrics in one picture."""


@click.command("metrics")
@click.argument("target", shell_complete=completing.offering(completing.addresses, "file"))
@session.opened
@click.option("-o", "--output", "form", type=click.Choice(["table", "json", "csv"]), default="table")
@click.option("--metric", "wanted", metavar="NAME", multiple=True, help="A metric; by default those of training.")
@click.option(
    "--plot", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Draw them: PNG, SVG, PDF."
)
def command(
    opened: Session,
    target: str,
    form: str,
    wanted: tuple[str, ...],
    plot: Path | None,
) -> int:
    """Show the metrics that TARGET has logged to MLflow, step by step: reward, turns, tokens, trajectories."""
    if plot is not None:
        _check_picture(plot)
    cloud = opened.regional
    with session.trouble():
        run = opened.find_one(target)
        series = metrics.read(cloud, track.status(cloud, run), wanted, run.region)
    if plot is not None and len(series.metrics) > PANELS:
        raise click.BadParameter(
            f"{len(series.metrics)} metrics do not fit: choose with --metric", param_hint="--plot"
        )
    if form == "json":
        rows = [{"step": step, "metrics": values} for step, values in series.rows.items()]
        output.as_json({"target": target, "run_id": series.run_id, "experiment": series.experiment, "steps": rows})
    elif form == "csv":
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["step", *map(printable, series.metrics)])
        writer.writerows([step, *(values.get(m, "") for m in series.metrics)] for step, values in series.rows.items())
        output.document(table.getvalue())
    else:
        _show(series)
    if plot is not None:
        opened.write(plot, _draw(series, target, plot.suffix.lower().removeprefix(".")))
        output.tell(f"wrote {plot}")
    return exits.DONE


def _check_picture(path: Path) -> None:
    """Refuse a file name that cannot be written, before AWS is called."""
    if path.suffix.lower() not in FORMS:
        raise click.BadParameter(f"{path} must end in one of {', '.join(FORMS)}", param_hint="--plot")
    if not path.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}", param_hint="--plot")


def _draw(series: Series, title: str, form: str) -> bytes:
    try:
        from sagespec.cli import plotting
    except ImportError:
        raise exits.Stop("--plot needs `pip install 'sagespec[plot]'`", exits.USAGE) from None
    return plotting.draw(series, title, form)


def _show(series: Series) -> None:
    rows = [[str(s), *(f"{v[m]:.6g}" if m in v else "-" for m in series.metrics)] for s, v in series.rows.items()]
    output.result(
        *output.columns([["step", *series.metrics], *rows], right=0, least=(6, *(10 for _ in series.metrics)))
    )
