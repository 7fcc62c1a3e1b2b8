"""How a script is started: a shell script by its own first line, any other by this Python.

In: a script's name and the folder that it is in. Out: the words of a command. Nothing has to be executable, and no
folder writable.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any, List


def bash() -> str:
    """Where bash is."""
    return shutil.which("bash") or "/bin/bash"


def with_arguments(line: str, arguments: List[Any]) -> str:
    """Append arguments to a command line, each quoted for the shell; numbers as Python writes them.

    White space at the command's end would part it from its arguments, unless it is a backslash that precedes it.
    """
    stripped = line.rstrip()
    start = line if stripped.endswith("\\") or not arguments else stripped
    return " ".join([start, *(shlex.quote(str(argument)) for argument in arguments)])


def command(folder: str, name: str, *options: str) -> List[str]:
    """Build the command; `options` are Python's. A name is never taken for an option."""
    named = "./" + name if name.startswith("-") else name
    if name.endswith(".sh"):
        return [*_interpreter(Path(folder) / name), named]
    return [sys.executable, *options, named]


def _interpreter(file: Path) -> List[str]:
    """What the first line names, and its options: `-e` there makes a failing line end the script."""
    with file.open("rb") as stream:
        first = stream.readline().strip()
    return os.fsdecode(first[2:]).split(None, 1) if first[:2] == b"#!" and first[2:].strip() else [bash()]
