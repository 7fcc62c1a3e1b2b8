"""Compiled files on disk: compared, written, removed.

In: builds and the folder for them. Out: the changes that make the folder what it should be, one a file.
Only files that we wrote are ever removed, and no link in the folder is followed. Raises OSError where the folder
cannot be read or written.
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
    """What compiling does to one file of the output folder; None stands for no file."""

    path: Path
    before: bytes | None
    after: bytes | None

    @property
    def word(self) -> str:
        if self.before == self.after:
            return "unchanged"
        return "created" if self.before is None else "removed" if self.after is None else "updated"


def changes(made: Iterable[Compiled], output: Path, *, orphans: bool) -> list[Change]:
    """Compare what was compiled with what is there, to the byte; with `orphans`, what is left over goes."""
    listed = [_change(output / one.path, output, compiled.dump(one).encode()) for one in made]
    if orphans:
        kept = {change.path for change in listed}
        listed += [Change(p, content, None) for p, content in _others(output, kept) if _ours(output, p, content)]
    return sorted(listed, key=lambda change: change.path)


def strangers(changes: Iterable[Change], output: Path) -> list[Path]:
    """What stands where compiled files do, and is none that we wrote: who applies the folder is refused for it."""
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
    """The JSON files where compiled ones stand, one folder deep, but for those that are known already.

    Links in the place of a folder or a file are among them, as files without content.
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
    """Whether we wrote a file: it carries a digest that fits, and is in its place."""
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
    """Bring one file up to date, as a whole or not at all; no link below `top` is followed."""
    if change.word == "unchanged":
        return
    if change.after is None:
        disk.remove(change.path, top)
    else:
        disk.replace(change.path, change.after, top)
