"""Showing what happens: one live table on a terminal, plain timestamped lines elsewhere."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import click

from compiler.executor.apply import Event
from compiler.executor.plan import Plan


class Watch:
    """Shows the events of an apply; close it when the apply is over."""

    def __init__(self, plan: Plan, follow: bool) -> None:
        self._started = time.monotonic()
        self._last: dict[str, str] = {}
        self._rows: dict[str, tuple[str, str]] = {p.address: ("planned", "") for p in plan.targets()}
        self._live: Any = None
        if follow and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(self._table(), console=Console(stderr=True), refresh_per_second=4)
            self._live.start()

    def event(self, event: Event) -> None:
        """Show one event; the same status again is no news."""
        if self._live is not None:
            if event.address in self._rows and not event.request:
                self._rows[event.address] = (event.word, event.what)
            self._live.update(self._table())
            return
        text = " ".join(part for part in (event.address, event.request, event.word, event.what) if part)
        if self._last.get(event.address) != text:
            self._last[event.address] = text
            click.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True)

    def _table(self) -> Any:
        from rich.table import Table

        table = Table("spec", "status", "run", "elapsed", box=None, pad_edge=False)
        elapsed = f"{time.monotonic() - self._started:.0f} s"
        for address, (word, what) in self._rows.items():
            table.add_row(address, word, what, elapsed)
        return table

    def close(self) -> None:
        if self._live is not None:
            self._live.update(self._table())
            self._live.stop()


def progress(details: Any) -> str:
    """Say how far a job is, from the ServiceOutput of its document: `epoch 1/2, step 3/10`."""
    text = details.get("JobConfigDocument") if isinstance(details, dict) else None
    info = json.loads(text).get("ServiceOutput", {}).get("ProgressInfo", {}) if text else {}
    if "MaxEpoch" in info:
        total = info["MaxEpoch"] * info.get("StepsPerEpoch", 0)
        return f"epoch {info.get('CurrentEpoch')}/{info['MaxEpoch']}, step {info.get('CurrentStep')}/{total}"
    return f"step {info.get('CurrentStep')}/{info['MaxSteps']}" if "MaxSteps" in info else ""
