"""The commit that compiled files are of, for the tag `sagespec:commit`.

In: compiled files. Out: git's HEAD by address, for files that are as committed there; nothing where git cannot say.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from sagespec.disk import COMPILED_BYTES, read
from sagespec.executor.files import File
from sagespec.project import boundary

_SECONDS = 10.0
_MISLEADING = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"}
"""What a hook of another repository hands on."""


def of_files(files: Iterable[File]) -> dict[str, str]:
    """Find the commit of each file that is as committed."""
    folders: defaultdict[Path, list[File]] = defaultdict(list)
    for file in files:
        folders[boundary.real(file.path).parent].append(file)
    commits: dict[str, str] = {}
    for folder, members in folders.items():
        commits |= _of_folder(folder, members)
    return commits


def _of_folder(folder: Path, members: Iterable[File]) -> dict[str, str]:
    head = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD").strip()
    # one line a file, with names relative to the folder: mode, type, hash, tab, name
    listed = _git(folder, "ls-tree", "-z", "HEAD", ".").split("\0") if head else []
    entries = (line.partition("\t") for line in listed if line)
    hashes = {name.removeprefix("./"): entry.split()[2] for entry, _, name in entries}
    return {file.address: head for file in members if hashes.get(file.path.name) == _hash(file.path, len(head))}


def _hash(path: Path, digits: int) -> str | None:
    """Hash a file as git does."""
    try:
        content = read(path, COMPILED_BYTES)
    except OSError:
        return None
    algorithm = hashlib.sha1 if digits == 40 else hashlib.sha256  # git's own two forms
    return algorithm(b"blob %d\0" % len(content) + content).hexdigest()


def _git(folder: Path, *arguments: str) -> str:
    """Ask git; '' where it is not there, or has no answer."""
    environment = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    # a folder of a pull request that looks like a repository is none
    command = ["git", "-c", "safe.bareRepository=explicit", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
