"""Write to the terminal; no other module does.

In: lines, whose parts may be styled. Out: results on stdout, everything else on stderr. Text from users and from AWS
cannot break a line, send control sequences to a terminal or commands to a CI system: it is escaped. Not escaped are
files (`file`) and GitHub's own commands (`commands`), whose values are escaped as GitHub requires.
"""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

import click

from sagespec.cli import exits
from sagespec.diagnostics import escapes, secrets
from sagespec.diagnostics.report import Line, Styled

_CODES = {"bold": "1", "error": "1;31", "warning": "1;33", "hint": "36", "green": "32", "cyan": "36", "red": "31"}
HINT = "    hint: "


def result(*lines: Line) -> None:
    """Print lines of a result to stdout; exit 1 where it is closed."""
    if lines:
        _to_stdout(_written(lines, wants_color(None, sys.stdout)))


def tell(*lines: Line, color: bool | None = None) -> None:
    """Print lines to stderr."""
    if lines:
        click.echo(_written(lines, wants_color(color, sys.stderr)), nl=False, err=True, color=True)


def error(message: str, hint: str = "", more: Iterable[Line] = ()) -> None:
    """Print an error, further lines, and a hint where there is one."""
    tell(f"error: {message}", *more, *([HINT + hint] if hint else []))


def document(text: str) -> None:
    """Print a document for other programs: in UTF-8, whatever the terminal's encoding."""
    _to_stdout(content(text.removesuffix("\n").split("\n")))


def content(lines: Iterable[Line]) -> bytes:
    """Return what a file with these lines holds: in UTF-8, uncoloured, and masked as what is printed."""
    return _written(lines, False).encode()


def as_json(value: Any, indent: int | None = 2) -> None:
    """Print a value as JSON, as `json_text` writes it."""
    document(json_text(value, indent))


def json_text(value: Any, indent: int | None = 2) -> str:
    """Write a value as JSON, with secrets masked; NaN and infinities are written as null."""
    return escapes.json_text(secrets.hidden(_plain(value)), indent)


def json_line(value: Any) -> None:
    """Print one JSON object a line, for streams."""
    as_json(value, None)


def commands(lines: Iterable[str]) -> None:
    """Print GitHub's commands, one a line."""
    shown = "".join(f"::{escapes.inert([line.removeprefix('::')])[0]}\n" for line in lines)
    if shown:
        _to_stdout(shown)


def file(content: bytes) -> None:
    """Print a file as it is."""
    _to_stdout(content)


def columns(rows: Sequence[Sequence[str]], right: int = sys.maxsize, least: Sequence[int] = ()) -> list[str]:
    """Align rows of cells: columns from `right` on to the right, each at least as wide as `least` says."""
    shown = [[escapes.printable(cell) for cell in row] for row in rows]
    widths = [max(map(escapes.width, column)) for column in zip(*shown, strict=True)]
    widths = [max(w, *least[n : n + 1]) if n < len(least) else w for n, w in enumerate(widths)]
    return ["  ".join(_padded(cell, widths[n], n >= right) for n, cell in enumerate(row)).rstrip() for row in shown]


def key(line: str) -> None:
    """Print a result that is a secret, without masking it."""
    _to_stdout(f"{escapes.inert([line])[0]}\n")


def ask(question: str) -> bool:
    """Ask a yes-or-no question on the terminal."""
    return click.confirm(_written([question], False).rstrip("\n"), err=True)


def usage(wrong: click.ClickException) -> None:
    """Print a mistake of the command line with the usage of the command."""
    context: click.Context | None = getattr(wrong, "ctx", None)
    message = wrong.format_message().expandtabs(2)
    if isinstance(wrong, getattr(click.exceptions, "NoArgsIsHelpError", ())):  # click has it since 8.2
        return tell(*message.split("\n"))
    if context is not None:
        tell(*context.get_usage().split("\n"), f"Try '{context.command_path} --help' for help.", "")
    # click lists the choices on lines of their own; any other message may quote an argument that has several
    lines = message.split("\n") if isinstance(wrong, click.MissingParameter) else [message]
    tell(f"Error: {lines[0]}", *lines[1:])
    return None


def wants_color(asked: bool | None, stream: Any) -> bool:
    """Return whether to colour: as asked, else where the stream is a colour terminal and NO_COLOR is not set."""
    if asked is not None:
        return asked
    return bool(stream and stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Stream:
    """Text on stdout that is written in pieces; on a terminal the current line may be overwritten.

    Raises Stop where stdout is closed.
    """

    def __init__(self) -> None:
        _need_stdout()  # a thread may write to it, whose exceptions nobody sees
        self.returns = bool(sys.stdout and sys.stdout.isatty())
        self._written: list[str] = []
        self._line = ""  # the end of the current line: a CI command may arrive in pieces

    def begin(self, name: str, again: bool = False) -> None:
        """Begin a line with a name; `again` overwrites the current line."""
        self._written.append("\r" if again else "")
        self._line = ""
        self.add(f"[{name}] ")

    def add(self, text: str) -> None:
        """Append text to the current line."""
        whole = escapes.inert([self._line + text])[0]
        self._written.append(whole[len(self._line) :])
        self._line = whole[-escapes.LONGEST :]

    def end(self) -> None:
        """End the line."""
        self._written.append("\n")
        self._line = ""

    def flush(self) -> None:
        """Print the text that was added."""
        text = "".join(self._written)
        self._written.clear()
        _to_stdout(text)


class Table(NamedTuple):
    """A live display: rows of cells, the names of the columns (shown if `header`), and a caption."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    caption: str
    header: bool = True


def live(drawn: Callable[[int], Table]) -> Any:
    """Show a table on stderr and redraw it four times a second; `drawn` gets the width of the terminal.

    Returns an object whose `stop` ends the display, or None where stderr is no terminal that can show it.
    """
    if not (sys.stderr and sys.stderr.isatty()):
        return None
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table as Drawn
    from rich.text import Text

    console = Console(stderr=True)
    if console.is_dumb_terminal:
        return None

    def render() -> Drawn:
        table = drawn(console.width)
        made = Drawn(box=None, pad_edge=False, show_header=table.header, caption=escapes.printable(table.caption))
        for column in table.columns:
            made.add_column(column, overflow="fold")
        for row in table.rows:
            made.add_row(*(Text(part) for part in escapes.inert(row)))
        return made

    shown = Live(get_renderable=render, console=console, refresh_per_second=4)
    shown.start()
    return shown


def warned(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print the warning of a library; replaces `warnings.showwarning`."""
    tell(f"warning: {message}")


def _written(lines: Iterable[Line], color: bool) -> str:
    return "".join(f"{_line(line, color)}\n" for line in lines)


def _line(line: Line, color: bool) -> str:
    parts = (line,) if isinstance(line, str) else line
    shown = escapes.inert([_masked(part) for part in parts])
    if not color:
        return "".join(shown)
    return "".join(
        f"\x1b[{_CODES[part.style]}m{text}\x1b[0m" if isinstance(part, Styled) else text
        for part, text in zip(parts, shown, strict=True)
    )


_OWN = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")
"""Variables of the process environment whose values are masked in every message."""


def _masked(text: str) -> str:
    for line in (line for name in _OWN for line in os.environ.get(name, "").splitlines()):
        text = text.replace(line, secrets.MASK) if len(line) >= 16 else text
    return secrets.masked(text)


def _need_stdout() -> None:
    """Raise Stop where stdout is closed."""
    if sys.stdout is None:
        raise exits.Stop("standard output is closed", exits.INVALID)


def _to_stdout(content: str | bytes) -> None:
    _need_stdout()
    click.echo(content, nl=False, color=True)


def _padded(cell: str, wanted: int, right: bool) -> str:
    blanks = " " * (wanted - escapes.width(cell))
    return blanks + cell if right else cell + blanks


def plain(value: Any) -> str:
    """Format a value of an answer; times, the only ones that JSON has no type for, as ISO 8601."""
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def stamp(time: datetime) -> str:
    """Format a time in UTC as a line of a log begins."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def utc(value: Any) -> str:
    """Format a time of an answer as `2026-01-31 12:00:00 UTC`; '' where there is none."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return f"{aware.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, str) and (match := _WRITTEN.fullmatch(value)):
        return f"{match[1]} {match[2]} UTC"
    return "" if value is None else str(value)


_WRITTEN = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:\+0000|\+00:00|Z)")
"""A time in UTC as Lambda writes it."""


def _plain(tree: Any) -> Any:
    """Convert a tree into types of JSON."""
    if isinstance(tree, dict):
        return {str(key): _plain(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_plain(value) for value in tree]
    if isinstance(tree, float):
        return tree if math.isfinite(tree) else None
    return tree if tree is None or isinstance(tree, str | int) else plain(tree)
