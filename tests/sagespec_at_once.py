"""`sagespec` for shells, started at once. Where it waits for its own sandbox, the sandbox's time passes."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sagespec import cli, sandbox
from sagespec.executor import pauses

from tests import forks, ready_programs
from tests.clocks import ClockOfSandbox

ROOT = Path(__file__).parent.parent
SPEED = 200.0
"""How much faster than the machine's time passes where there is no sandbox of its own."""


@contextmanager
def ready(compiler: Path = ROOT / "compiler") -> Iterator[Path]:
    """Start a process that has imported what commands need, of a copy of the package; the program `sagespec`."""
    paths = os.pathsep.join((str(compiler), str(ROOT)))
    with ready_programs.ready(__name__, {"PATH": os.environ["PATH"], "PYTHONPATH": paths}) as program:
        yield program


def run(arguments: list[str]) -> None:
    clock = sandbox.Clock()
    sandbox.start = functools.partial(sandbox.start, clock=clock)
    pauses.SPEED, pauses.CLOCK = SPEED, ClockOfSandbox(clock)
    sys.argv = ["sagespec", *arguments]
    sys.exit(cli.invoke())


if __name__ == "__main__":
    forks.prepare()
    ready_programs.serve(sys.argv[1], run)
