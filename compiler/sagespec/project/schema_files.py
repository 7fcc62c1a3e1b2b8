"""Write the schemas for editors into a folder, and tell when they are old.

In: a folder. Out: a file for each schema, as `sagespec schema` prints it. Refuses links in the folder.
"""

from __future__ import annotations

from pathlib import Path

from sagespec import disk
from sagespec.checking import editor_schema
from sagespec.diagnostics.escapes import json_text
from sagespec.project import boundary

FOLDER = ".sagespec/schemas"
"""Where the schemas of a project lie, relative to the project file. Nothing in hidden folders is a spec or code."""


def text(name: str) -> str:
    """Return a schema as the text of a file."""
    return json_text(editor_schema.load(name)) + "\n"


def outdated(folder: Path) -> list[str]:
    """Return the names of the schemas whose files in a folder are missing or differ."""
    return [name for name in editor_schema.names() if _content(folder / f"{name}.json") != text(name).encode()]


def write(folder: Path) -> list[str]:
    """Write the schemas whose files in a folder are missing or differ, and return their names.

    Raises OSError where that fails.
    """
    target = boundary.real(folder)
    top = next(parent for parent in (target, *target.parents) if disk.exists(parent))
    wrong = outdated(target)
    for name in wrong:
        disk.replace(target / f"{name}.json", text(name).encode(), top)
    return wrong


def _content(file: Path) -> bytes | None:
    try:
        return disk.read(file, disk.TEXT_BYTES)
    except (OSError, ValueError):  # replacing it reports what is wrong
        return None
