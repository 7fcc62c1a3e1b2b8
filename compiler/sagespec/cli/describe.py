"""`sagespec describe`: show all details of a job, execution or function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from sagespec.cli import exits, output, session
from sagespec.cli.session import Session
from sagespec.diagnostics import secrets
from sagespec.executor.runs import track
from sagespec.executor.runs.run import Target
from sagespec.sagemaker import distributed


@click.command("describe")
@session.on_target
@session.OUTPUT
def command(opened: Session, run: Target, form: str) -> int:
    """Show all details of TARGET: an address, a compiled file, a job name or an ARN."""
    status = secrets.hidden(asdict(track.status(opened.regional, run)))
    if run.file is not None:
        content = run.file.content
        status["compiled"] = {
            "path": run.file.path.as_posix(),
            "source": content.source,
            "identity": content.identity,
            "depends_on": dict(content.depends_on),
            "distributed": distributed.of_compiled(content),
        }
    if form == "json":
        output.as_json(status)
    else:
        for line in _lines(status, ""):
            output.result(line)
    return exits.DONE


def _lines(tree: Any, indent: str) -> Iterator[str]:
    """Yield a tree as indented lines, without empty values."""
    entries = tree.items() if isinstance(tree, dict) else ((f"{n}", item) for n, item in enumerate(tree, 1))
    for key, value in entries:
        if value in (None, "", [], {}, ()):
            continue
        if isinstance(value, dict | list | tuple):
            yield f"{indent}{key}:"
            yield from _lines(value, indent + "  ")
        else:
            yield f"{indent}{key}: {output.plain(value)}"
