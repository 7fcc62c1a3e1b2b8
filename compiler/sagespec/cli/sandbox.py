"""`sagespec sandbox`: serve a local AWS endpoint for tests."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from sagespec.cli import exits, options, output, session

SIGNALLED = 128
"""What a shell adds to the number of the signal that ended a program."""


@click.command("sandbox", context_settings={"ignore_unknown_options": True})
@click.argument("program", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=4566, show_default=True, help="Port; 0 takes a free one."
)
@click.option(
    "--faults",
    metavar="SPEC",
    default="",
    help="Misbehave: throttle=0.3,error=0.1,drop=0.05,cut=0.1,html=0.1,latency=0.05,lag=5,seed=7",
)
@click.option(
    "--job-seconds", type=click.FloatRange(0.1, 86400), default=2.0, show_default=True, help="How long a job takes."
)
@click.option("--bucket", "buckets", metavar="NAME", multiple=True, help="A bucket that exists.")
@click.option(
    "--exists",
    "names",
    metavar="NAME",
    multiple=True,
    help="What else exists: s3://BUCKET/KEY, an image of ECR, or the ARN of a role, function, group, hub content, "
    "agent runtime, MLflow app or tracking server.",
)
@options.PROJECT
def command(
    program: tuple[str, ...],
    port: int,
    faults: str,
    job_seconds: float,
    buckets: tuple[str, ...],
    names: tuple[str, ...],
    project_file: Path | None,
) -> int:
    """Serve AWS on 127.0.0.1, with the resources of the lock or of a small built-in account.

    Without a PROGRAM it serves until it is interrupted; with one, only for that program: `sagespec sandbox -- make`.
    """
    try:
        from sagespec import sandbox
    except ImportError:
        raise exits.Stop("the sandbox needs `pip install 'sagespec[sandbox]'`", exits.USAGE) from None
    for name in (*buckets, *(uri[5:].partition("/")[0] for uri in names if uri.startswith("s3://"))):
        if not session.BUCKET.fullmatch(name):
            raise click.BadParameter(
                f"{name!r} is not a bucket name: 3 to 63 of a-z, 0-9, . and -", param_hint="--bucket"
            )
    try:
        parsed = sandbox.Faults.parse(faults)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--faults") from None
    seed, outside = session.Session(project_file=project_file).lock, dict(os.environ)
    with sandbox.isolated():
        try:
            existing = [*(f"s3://{name}" for name in buckets), *names]
            timing = sandbox.Timing(job=job_seconds)
            running = sandbox.start(
                seed, port=0 if program else port, faults=parsed, timing=timing, existing=existing
            )
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--exists") from None
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise click.BadParameter(f"{port}: {why}", param_hint="--port") from None
        leading = running.environment()
        within = sandbox.environment(outside, leading)
        with running:
            return _run(program, within) if program else _serve(leading, within, outside)


def _serve(leading: Mapping[str, str], within: Mapping[str, str], outside: Mapping[str, str]) -> int:
    """Serve until a signal; before that, print the shell commands that direct AWS clients to the sandbox."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    if foreign := sorted(name for name in outside if name not in within and name.isidentifier()):
        output.result(f"unset {' '.join(foreign)}")
    for name, value in within.items():
        if name in leading or outside.get(name) != value:
            output.key(f"export {name}={shlex.quote(value)}")
    stop.wait()
    _put_back(before)
    return exits.DONE


def _put_back(before: Mapping[signal.Signals, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)


def _run(program: tuple[str, ...], environment: dict[str, str]) -> int:
    """Run a program to its end and return its exit code; the program itself handles signals, as under a shell."""
    running: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def hand_on(number: int, _frame: object) -> None:
        if not running:
            early.append(number)
        elif number != signal.SIGINT:  # the terminal has sent SIGINT to the program, too
            running[0].send_signal(number)

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        running.append(subprocess.Popen(program, env=environment))
        for number in early:
            running[0].send_signal(number)
        code = running[0].wait()
    except OSError as error:
        raise exits.Stop(f"{program[0]}: {(error.strerror or str(error)).lower()}", exits.USAGE) from None
    finally:
        _put_back(before)
    return code if code >= 0 else SIGNALLED - code
