"""`sagespec verify`: compare what ran with the compiled file."""

from __future__ import annotations

import os
from pathlib import Path

import click

from sagespec.cli import exits, output, session
from sagespec.cli.session import Session
from sagespec.executor import staleness
from sagespec.executor.patience import insist
from sagespec.executor.runs import sorts
from sagespec.executor.runs.run import Target
from sagespec.executor.verified import CannotVerify


@click.command("verify")
@session.on_target
@session.OUTPUT
def command(opened: Session, target: Target, form: str) -> int:
    """Compare what TARGET really ran with the compiled file; exit 1 where they differ."""
    file = target.file
    if file is None:
        raise exits.Stop(f"no compiled file has the identity of {target.name}", exits.INVALID)
    try:
        verified = insist(lambda: sorts.of(target).verify(opened.regional, file, target, opened.project))
    except CannotVerify as error:
        raise exits.Stop(str(error), exits.INVALID) from None
    different = [*verified.differences, *map(str, staleness.of_file(opened.regional, file))]
    path = Path(os.path.relpath(file.path)).as_posix()
    if form == "json":
        output.as_json({"target": target.arn, "compiled": path, "differences": different, "note": verified.note})
    else:
        for difference in different:
            output.result(difference)
        if verified.note:
            output.tell(f"note: {verified.note}")
        same = "is what is in" if sorts.of(target).ACTION == "create" else "ran what is in"
        output.tell(f"{target.name} {'differs from' if different else same} {path}")
    return exits.INVALID if different else exits.DONE
