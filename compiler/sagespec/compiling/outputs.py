"""Compare, write and remove compiled files.

In: builds and the output folder. Out: the changes that bring the folder up to date, one for each file. Only files
that `compile` wrote are removed, and no link in the folder is followed. Raises OSError where the folder cannot be
read or written.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from sagespec import disk
from sagespec.compiling import loading
from sagespec.compiling.loading import InvalidCompiled
from sagespec.documents import compiled
from sagespec.documents.compiled import Compiled


class Change(NamedTuple):
    """The change of one file of the output folder; None stands for no file."""

    path: Path
    before: bytes | None
    after: bytes | None

    @property
    def word(self) -> str:
        if self.before == self.after:
            return "unchanged"
        return "created" if self.before is None else "removed" if self.after is None else "updated"


def changes(made: Iterable[Compiled], output: Path, *, orphans: bool) -> list[Change]:
    """Compare builds with the files on disk, byte by byte.

    With `orphans`, files of ours that no spec makes any more are removed. Raises OSError.
    """
    listed = [_change(output / one.path, output, compiled.dump(one).encode()) for one in made]
    if orphans:
        kept = {change.path for change in listed}
        listed += [Change(p, content, None) for p, content in _others(output, kept) if _ours(output, p, content)]
    return sorted(listed, key=lambda change: change.path)


def strangers(changes: Iterable[Change], output: Path) -> list[Path]:
    """Return foreign files among the compiled ones, for which `apply` refuses the folder."""
    known = {change.path for change in changes}
    return [p for p, content in _others(output, known) if not _ours(output, p, content)]


def _change(path: Path, output: Path, after: bytes) -> Change:
    for step in (output, path.parent, path):
        if step.is_symlink():
            raise OSError(errno.ELOOP, "a link in the output folder: delete it", str(step))
    return Change(path, _content(path), after)


def _content(path: Path) -> bytes | None:
    try:
        return disk.read(path, disk.COMPILED_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _others(output: Path, known: Collection[Path]) -> Iterator[tuple[Path, bytes]]:
    """Yield the JSON files one folder deep that are not in `known`, with their content.

    Links to folders or files are yielded, too, with empty content.
    """
    for folder in _inside(output):
        if folder.is_symlink():
            if folder.is_dir():
                yield folder, b""
            continue
        for path in _inside(folder):
            if path.suffix != ".json" or path in known:
                continue
            if path.is_symlink():
                yield path, b""
            elif path.is_file() and (content := _content(path)) is not None:
                yield path, content


def _ours(output: Path, path: Path, content: bytes) -> bool:
    """Return whether `compile` wrote a file: its digest is valid, and it is at its own path."""
    try:
        return loading.load(content).path == PurePosixPath(path.relative_to(output).as_posix())
    except InvalidCompiled:
        return False


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def write(change: Change, top: Path) -> None:
    """Apply the change of one file atomically; no link below `top` is followed.

    Raises OSError.
    """
    if change.word == "unchanged":
        return
    if change.after is None:
        disk.remove(change.path, top)
    else:
        disk.replace(change.path, change.after, top)
