"""Showing what happens: one live table on a terminal, plain timestamped lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any

import click

from compiler.executor.apply import Event
from compiler.report import printable


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

            self._live = Live(self._table(), console=Console(stderr=True), refresh_per_second=4)
            self._live.start()

    def event(self, event: Event) -> None:
        """Show one event; the same again is no news."""
        if self._live is not None:
            if event.address in self._rows and not event.request:
                self._rows[event.address] = event
            self._live.update(self._table())
            return
        words = (event.address, event.request, event.word, event.what, event.secondary, event.progress)
        text = printable(" ".join(word for word in words if word))
        if self._last.get(event.address) != text:
            self._last[event.address] = text
            click.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True)

    def _table(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        table = Table("spec", "status", "secondary", "progress", "run", box=None, pad_edge=False)
        for name, row in self._rows.items():
            table.add_row(*map(Text, (name, row.word, row.secondary, row.progress, row.what)))
        table.caption = f"{time.monotonic() - self._started:.0f} s"
        return table

    def close(self) -> None:
        if self._live is not None:
            self._live.update(self._table())
            self._live.stop()
