"""Showing what happens: one live table on a terminal, plain timestamped lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import click

from compiler.executor import track
from compiler.executor.apply import Event
from compiler.executor.track import Status
from compiler.report import printable

NARROW, WIDE = 80, 130
"""Columns of a terminal that has room for more than the most important, and for the names of runs, too."""


class Watch:
    """Shows the events of an apply or a wait; close it when that is over."""

    def __init__(self, names: Iterable[str], live: bool) -> None:
        self._started = time.monotonic()
        self._last: dict[str, str] = {}
        self._rows = {name: Event(name, "planned") for name in names}
        self._live: Any = None
        if live and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            console = Console(stderr=True)
            self._width = console.width
            if not console.is_dumb_terminal:
                # the table is made again at every refresh: time goes on while nothing happens
                self._live = Live(get_renderable=self._table, console=console, refresh_per_second=4)
                self._live.start()

    def event(self, event: Event) -> None:
        """Show one event; the same again is no news."""
        if self._live is not None:
            if event.address in self._rows and not event.request:
                self._rows[event.address] = replace(event, status=event.status or self._rows[event.address].status)
            return
        words = (event.address, event.request, event.word, event.what, *_finer(event.status))
        text = printable(" ".join(word for word in words if word))
        if self._last.get(event.address) != text:
            self._last[event.address] = text
            # told by many threads: where the color is said, click asks nothing about the stream
            click.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True, color=False)

    def _table(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        columns = ["spec", "status", "secondary", "step", "progress", "elapsed", "run"]
        shown = (
            ["spec", "status", "progress"] if self._width < NARROW else columns[:6] if self._width < WIDE else columns
        )
        table = Table(box=None, pad_edge=False)
        for column in shown:
            table.add_column(column, overflow="fold")
        for name, row in self._rows.items():
            cells = (name, row.word, *_finer(row.status), _elapsed(row.status), row.what)
            told = dict(zip(columns, cells, strict=True))
            table.add_row(*(Text(printable(told[column])) for column in shown))
        table.caption = f"watching for {timedelta(seconds=int(time.monotonic() - self._started))}"
        return table

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()


def _finer(status: Status | None) -> tuple[str, str, str]:
    """What a run is doing, in the service's finer words: secondary status, steps, progress."""
    return (status.secondary, status.running_steps, track.progress(status)) if status else ("", "", "")


def _elapsed(status: Status | None) -> str:
    found = track.elapsed(status, datetime.now(timezone.utc)) if status else None
    return "" if found is None else str(timedelta(seconds=int(found.total_seconds())))
