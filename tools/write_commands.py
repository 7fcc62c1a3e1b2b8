"""Write `docs/reference/commands.md` from the help of the commands.

python -m tools.write_commands            write the page
python -m tools.write_commands --check    exit 1 where it is not what the help says
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from sagespec.cli.program import COMMANDS, cli

from tools import generated

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "commands.md"
WIDTH = 100
HEAD = """# Commands

Look up what a command does and takes: its help, as `sagespec COMMAND --help` prints it.

<!-- written by tools/write_commands.py from the help of the commands -->
"""


def text() -> str:
    """Write the page: a table of the commands, then the help of each."""
    return "\n".join([HEAD, *_index(), *(line for name in sorted(COMMANDS) for line in _command(name))])


def _index() -> Iterator[str]:
    yield from ("| command | does |", "|---|---|")
    for name, summary in sorted(COMMANDS.items()):
        yield f"| [{name}](#{name}) | {summary} |"
    yield ""


def _command(name: str) -> Iterator[str]:
    parent = click.Context(cli, info_name="sagespec", help_option_names=["-h", "--help"])
    command = cli.get_command(parent, name)
    assert command is not None
    yield from (f"## {name}", "")
    yield from _help(command, name, parent)


def _help(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    make = command.context_class
    context = make(command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH)
    yield from ("```text", context.get_help(), "```", "")
    if isinstance(command, click.Group):
        for below in sorted(command.commands):
            yield from (f"### {name} {below}", "")
            yield from _help(command.commands[below], below, context)


if __name__ == "__main__":
    sys.exit(generated.write({PAGE: text()}))
