"""Write generated files, or check that they are as they would be written; what every `tools/write_*.py` ends in."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from pathlib import Path


def write(texts: Mapping[Path, str], there: Collection[Path] = ()) -> int:
    """Write files by path, and return the exit code.

    With --check on the command line nothing is written: the code is 1 where a file is missing or has another text, or
    where one of those that are `there` would not be written any more.
    """
    stale = [path for path, text in texts.items() if not path.is_file() or path.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        return int(bool(stale or {*there} - texts.keys()))
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[path], "utf-8")
    return 0
