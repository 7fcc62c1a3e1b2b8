"""`sagespec run`: run a training on this machine."""

from __future__ import annotations

import re
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from sagespec.cli import completing, exits, naming, options, output
from sagespec.compiling import workspace
from sagespec.diagnostics import did_you_mean
from sagespec.documents.compiled import Compiled
from sagespec.local import training


@click.command("run")
@click.argument("address", shell_complete=completing.offering(completing.addresses, "file"))
@options.project_options
@click.option(
    "--hosts", metavar="N", type=click.IntRange(1, 64), default=1, show_default=True, help="Hosts to simulate."
)
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
    """Run a ModelTrainer's drivers and script here, with the variables of the container, in a temporary tree.

    ADDRESS is that of the spec. Input channels are empty folders unless --channel gives one.
    """
    settings = options.settings(environment, given, project_file, "text", None)
    checked = workspace.check(settings, (), region)
    done = workspace.compile(checked)
    (meant, *more) = naming.meant(address, {*checked.targets, *checked.refused, *done.builds})
    if more:
        raise exits.Stop(f"one training runs here, and {address!r} means {len(more) + 1}", exits.USAGE)
    address, made = meant, done.builds.get(meant)
    if made is None:
        options.show([d for d in done.diagnostics if d.address == address], checked.texts, settings.project.root)
        raise exits.Stop(f"no valid spec has the address {address}", exits.INVALID)
    if keep is not None and keep.exists():
        raise click.BadParameter(f"{keep} already exists", param_hint="--keep")
    screen = _Screen()
    with _counted_signals() as stops, tempfile.TemporaryDirectory(prefix="sagespec-") as folder:
        tree = keep.absolute() if keep else Path(folder)
        try:
            channels = _channels(given_channels, made.compiled)
            chosen = training.Options(tree, settings.project, hosts, processes, channels)
            ended = training.run(made.compiled, chosen, screen.show, stops)
        except training.CannotRun as error:
            raise exits.Stop(str(error), exits.INVALID) from None
        except training.Stopped:
            raise click.Abort from None
        finally:
            screen.close()
    if ended.code == 0:
        return exits.DONE
    written = (f"    {line}" for line in (ended.reason or "nothing").splitlines())
    output.error(f"{ended.host} ended with exit code {ended.code}; its failure file says:", more=written)
    return exits.FAILED


def _channels(given: Iterable[str], content: Compiled) -> dict[str, Path]:
    known = training.channels(content)
    folders = {}
    for item in given:
        name, equals, folder = item.partition("=")
        if not equals or not Path(folder).is_dir():
            raise click.BadParameter(
                f"{item!r} is not NAME=FOLDER with a folder that is there", param_hint="--channel"
            )
        if name not in known:
            hint = did_you_mean(name, known) or "it has none"
            raise click.BadParameter(f"the training has no input channel {name!r}: {hint}", param_hint="--channel")
        folders[name] = Path(folder)
    return folders


@contextmanager
def _counted_signals() -> Iterator[Callable[[], int]]:
    """Count SIGINT, SIGTERM and SIGHUP instead of raising, so that the processes can be ended in order."""
    came: list[int] = []

    def count(number: int, _frame: Any) -> None:
        came.append(number)

    numbers = [n for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, count) for number in numbers}
    try:
        yield lambda: len(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Screen:
    """Prints the output of several hosts; each line begins with its host.

    On a terminal a progress bar overwrites its line; elsewhere each of its states is a line.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writes: str | None = None  # the host whose line is not ended yet
        self._stream = output.Stream()

    def show(self, host: str, text: str) -> None:
        with self._lock:
            self._add(host, text)
            self._stream.flush()

    def close(self) -> None:
        """End the last line."""
        self._end()
        self._stream.flush()

    def _add(self, host: str, text: str) -> None:
        for part in re.findall(r"\r\n|[\r\n]|[^\r\n]+", text):
            if self._writes != host:
                self._end()
            if part == "\r" and self._stream.returns:
                self._stream.begin(host, again=True)
                self._writes = host
            elif part == "\r":
                self._end()
            else:
                if self._writes is None:
                    self._stream.begin(host)
                self._writes = host
                if part[-1] == "\n":
                    self._end()
                else:
                    self._stream.add(part)

    def _end(self) -> None:
        """End the current line, if there is one."""
        if self._writes is not None:
            self._stream.end()
        self._writes = None
