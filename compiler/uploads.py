"""Files that a job needs in S3: which ones, under which prefix, as requests.

In: a folder, or named contents. Out: PutObject requests, one a file, keyed by a hash of all of them, so that
nothing unchanged is uploaded twice. Refuses: folders that cannot be read, or are empty.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pathspec import PathSpec

from compiler import assets
from compiler.compiled import PACKAGED, Request, canonical

IGNORED = (".env", ".git", "__pycache__", ".DS_Store", ".cache", ".ipynb_checkpoints")
"""What is left out where a spec does not say; the SDK's own list."""


@dataclass(frozen=True)
class Upload:
    """One file: its name below the prefix, and its content as a marker or a document."""

    name: str
    body: Any
    sha256: str
    size: int | None = None


def folder(place: Path, root: Path, patterns: Sequence[str] | None = None) -> list[Upload]:
    """List the files of a folder but for those that patterns leave out, as .gitignore would.

    Raises OSError.
    """
    ignored = PathSpec.from_lines("gitignore", IGNORED if patterns is None else patterns)
    found = []
    for path in sorted(p for p in place.rglob("*") if p.is_file()):
        name = path.relative_to(place).as_posix()
        if not ignored.match_file(name):
            found.append(_of_file(name, path, Path(os.path.relpath(path, root)).as_posix()))
    if not found:
        raise FileNotFoundError(2, "No files in it")
    return found


def packaged() -> list[Upload]:
    """The drivers of this package: Python below `drivers/`, the entry point beside it."""
    place = assets.drivers()
    found = []
    for path in sorted(p for p in place.iterdir() if p.suffix in (".py", ".sh", ".json")):
        name = path.name if path.suffix == ".sh" else f"drivers/{path.name}"
        found.append(_of_file(name, path, f"{PACKAGED}{path.name}"))
    return found


def document(name: str, content: Any) -> Upload:
    """A JSON document that is made for the job."""
    return Upload(name, {"$json": content}, hashlib.sha256(canonical(content).encode()).hexdigest())


def _of_file(name: str, path: Path, shown: str) -> Upload:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Upload(name, {"$file": {"path": shown, "sha256": digest}}, digest, len(content))


def prefix(uploads: Iterable[Upload], kind: str) -> str:
    """The key prefix of a set of files: the same for the same names and contents."""
    lines = "".join(f"{u.sha256}  {u.name}\n" for u in sorted(uploads, key=lambda u: u.name))
    return f"sagespec/{kind}/{hashlib.sha256(lines.encode()).hexdigest()[:16]}"


def requests(uploads: Iterable[Upload], label: str, bucket: str, key_prefix: str) -> list[Request]:
    """Draft the uploads, in the order of their names."""
    found = []
    for upload in sorted(uploads, key=lambda u: u.name):
        parameters: dict[str, Any] = {"Bucket": bucket, "Key": f"{key_prefix}/{upload.name}", "Body": upload.body}
        if upload.size is not None:
            parameters["ContentLength"] = upload.size
        found.append(Request(f"{label}/{upload.name}", "s3", "PutObject", parameters))
    return found
