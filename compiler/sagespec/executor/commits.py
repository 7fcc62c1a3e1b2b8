"""Find the git commit of compiled files, for the tag `sagespec:commit`.

In: compiled files. Out: HEAD by address, for files that are committed unchanged; nothing where git fails.
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
"""Variables that git sets for hooks, and that would select another repository."""


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
    head = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD").strip()
    # one entry for each file, relative to the folder: mode, type, hash, tab, name
    listed = _git(folder, "ls-tree", "-z", "HEAD", ".").split("\0") if head else []
    entries = (line.partition("\t") for line in listed if line)
    hashes = {name.removeprefix("./"): entry.split()[2] for entry, _, name in entries}
    return {file.address: head for file in members if hashes.get(file.path.name) == _hash(file.path, len(head))}


def _hash(path: Path, digits: int) -> str | None:
    """Return git's hash of a file, or None where it cannot be read."""
    try:
        content = read(path, COMPILED_BYTES)
    except OSError:
        return None
    algorithm = hashlib.sha1 if digits == 40 else hashlib.sha256  # git's two hash algorithms
    return algorithm(b"blob %d\0" % len(content) + content).hexdigest()


def _git(folder: Path, *arguments: str) -> str:
    """Return the output of git; '' where it fails or is not installed."""
    environment = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    # a folder in a pull request may look like a bare repository
    command = ["git", "-c", "safe.bareRepository=explicit", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
