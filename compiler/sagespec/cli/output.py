"""The terminal: nothing else in the package writes to it.

In: lines, of which parts may be styled. Out: results on stdout, everything else on stderr. Whoever wrote the text in
a line, it stays one line, steers no terminal and is no command of a CI system. Printed as they are: files (`file`),
and GitHub's own commands (`commands`), in which values are escaped as GitHub asks.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import click

from sagespec.cli import exits
from sagespec.diagnostics import escapes, secrets
from sagespec.diagnostics.report import Line, Styled

_CODES = {"bold": "1", "error": "1;31", "warning": "1;33", "hint": "36", "green": "32", "cyan": "36", "red": "31"}
HINT = "    hint: "


def result(*lines: Line) -> None:
    """Print lines of a result to stdout, or stop where nobody would get them."""
    if lines:
        _to_stdout(_written(lines, wants_color(None, sys.stdout)))


def tell(*lines: Line, color: bool | None = None) -> None:
    """Print lines to stderr."""
    if lines:
        click.echo(_written(lines, wants_color(color, sys.stderr)), nl=False, err=True, color=True)


def error(message: str, hint: str = "", more: Iterable[Line] = ()) -> None:
    """Print an error, further lines, and the way out where there is one."""
    tell(f"error: {message}", *more, *([HINT + hint] if hint else []))


def document(text: str) -> None:
    """Print a result of many lines that others read: in UTF-8, whatever the terminal's encoding."""
    _to_stdout(_written(text.removesuffix("\n").split("\n"), False).encode())


def as_json(value: Any, indent: int | None = 2) -> None:
    """Print a value as JSON; NaN and infinities are written as null."""
    document(escapes.json_text(secrets.hidden(_plain(value)), indent))


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
    """Align rows of cells; from the column `right` on, to the right, and each column `least` so wide."""
    shown = [[escapes.printable(cell) for cell in row] for row in rows]
    widths = [max(map(escapes.width, column)) for column in zip(*shown, strict=True)]
    widths = [max(w, *least[n : n + 1]) if n < len(least) else w for n, w in enumerate(widths)]
    return ["  ".join(_padded(cell, widths[n], n >= right) for n, cell in enumerate(row)).rstrip() for row in shown]


def key(line: str) -> None:
    """Print a result that is a secret itself."""
    _to_stdout(f"{escapes.inert([line])[0]}\n")


def ask(question: str) -> bool:
    """Ask on the terminal for a yes or a no."""
    return click.confirm(_written([question], False).rstrip("\n"), err=True)


def usage(wrong: click.ClickException) -> None:
    """Print what is wrong with the command line, and how it is used."""
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
    """Colour when asked for, else on a terminal that has it, unless NO_COLOR is set."""
    if asked is not None:
        return asked
    return bool(stream and stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Stream:
    """Text on stdout that arrives in pieces; on a terminal a line may be begun again.

    Raises Stop where stdout is closed.
    """

    def __init__(self) -> None:
        _need_stdout()  # what writes to it may be a thread, which nobody would hear
        self.returns = bool(sys.stdout and sys.stdout.isatty())
        self._written: list[str] = []
        self._line = ""  # the end of what stands in it: a command may come in pieces, too

    def begin(self, name: str, again: bool = False) -> None:
        """Begin a line with a name, `again` over what stands in it."""
        self._written.append("\r" if again else "")
        self._line = ""
        self.add(f"[{name}] ")

    def add(self, text: str) -> None:
        whole = escapes.inert([self._line + text])[0]
        self._written.append(whole[len(self._line) :])
        self._line = whole[-escapes.LONGEST :]

    def end(self) -> None:
        """End the line."""
        self._written.append("\n")
        self._line = ""

    def flush(self) -> None:
        """Print what has been added."""
        text = "".join(self._written)
        self._written.clear()
        _to_stdout(text)


class Table(NamedTuple):
    """What a live display shows: rows of cells below their names, if these are shown, and a caption."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    caption: str
    header: bool = True


def live(drawn: Callable[[int], Table]) -> Any:
    """Show a table on stderr that is made again at every refresh, for a width; None where the terminal cannot.

    What is returned ends the display by its `stop`.
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
    """Print what a library warns of: in place of `warnings.showwarning`."""
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
"""Variables of the caller's own environment that no message may quote."""


def _masked(text: str) -> str:
    for line in (line for name in _OWN for line in os.environ.get(name, "").splitlines()):
        text = text.replace(line, secrets.MASK) if len(line) >= 16 else text
    return secrets.masked(text)


def _need_stdout() -> None:
    """Refuse a standard output that is closed."""
    if sys.stdout is None:
        raise exits.Stop("standard output is closed", exits.INVALID)


def _to_stdout(content: str | bytes) -> None:
    _need_stdout()
    click.echo(content, nl=False, color=True)


def _padded(cell: str, wanted: int, right: bool) -> str:
    blanks = " " * (wanted - escapes.width(cell))
    return blanks + cell if right else cell + blanks


def plain(value: Any) -> str:
    """Write times as ISO 8601: the only values of AWS's answers that JSON does not have."""
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def _plain(tree: Any) -> Any:
    """The same in what JSON knows."""
    if isinstance(tree, dict):
        return {str(key): _plain(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_plain(value) for value in tree]
    if isinstance(tree, float):
        return tree if math.isfinite(tree) else None
    return tree if tree is None or isinstance(tree, str | int) else plain(tree)
