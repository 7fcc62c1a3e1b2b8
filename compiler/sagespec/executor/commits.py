"""Find the git commit of compiled files, for the tag `sagespec:commit`.

In: compiled files. Out: HEAD by address, for files that are committed unchanged; nothing where git fails.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from sagespec.disk import COMPILED_BYTES, read
from sagespec.executor.files import File
from sagespec.executor.git import Entry, GitError, Repository, blob_id
from sagespec.project import boundary


def of_files(files: Iterable[File]) -> dict[str, str]:
    """Return the commit of each file that is committed unchanged, by address."""
    folders: defaultdict[Path, list[File]] = defaultdict(list)
    for file in files:
        folders[boundary.real(file.path).parent].append(file)
    commits: dict[str, str] = {}
    for folder, members in folders.items():
        commits |= _of_folder(folder, members)
    return commits


def _of_folder(folder: Path, members: Iterable[File]) -> dict[str, str]:
    top = boundary.work_tree(folder)
    head = Repository(top).commit("HEAD") if top else None
    if top is None or head is None:
        return {}
    below = folder.relative_to(top).as_posix()
    try:
        listed = Repository(top).tree(head, "" if below == "." else below)
    except GitError:
        return {}
    return {file.address: head for file in members if _is_in(listed, f"{below}/{file.path.name}", file.path)}


def _is_in(listed: Mapping[str, Entry], name: str, path: Path) -> bool:
    """Whether a file is as git has it."""
    entry = listed.get(name.removeprefix("./"))
    try:
        return entry is not None and entry.id == blob_id(read(path, COMPILED_BYTES), entry.id)
    except OSError:
        return False
