"""Files that a job needs in S3: which ones, under which prefix, as requests.

In: a folder, or named contents. Out: PutObject requests, one a file, keyed by a hash of all of them, so that
nothing unchanged is uploaded twice. Refuses: folders that are empty, and whatever in them cannot be uploaded; what is
not uploaded is left out by a pattern, never in silence.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compiler import assets
from compiler.compiled import PACKAGED, Request, canonical
from compiler.gitignore import Ignored

IGNORED = (".env", ".git", "__pycache__", ".DS_Store", ".cache", ".ipynb_checkpoints")
"""What is left out where a spec does not say; the SDK's own list."""
NAME_BYTES = 960
"""How long a name may be: S3 keys end at 1,024 bytes, of which the prefix has the rest."""


@dataclass(frozen=True)
class Upload:
    """One file: its name below the prefix, and its content as a marker or a document."""

    name: str
    body: Any
    sha256: str
    size: int | None = None


@dataclass(frozen=True)
class Fault:
    """Something in a folder that cannot be uploaded: its name, empty for the folder itself, and why."""

    name: str
    why: str
    rule: str = "bad-file"


class Unusable(Exception):
    """A folder with faults: all that there are."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.name}: {fault.why}" for fault in faults))
        self.faults = faults


def folder(place: Path, root: Path, ignored: Ignored) -> list[Upload]:
    """List the files of a folder but for those that are ignored; links are followed.

    Raises Unusable.
    """
    found: list[Upload] = []
    faults: list[Fault] = []
    for name, path in _walk(place, "", ignored, (), faults):
        try:
            found.append(_of_file(name, path, Path(os.path.relpath(path, root)).as_posix()))
        except OSError as error:
            faults.append(Fault(name, _reason(error)))
    if not found and not faults:
        faults.append(Fault("", "no files in it", "missing-file"))
    if faults:
        raise Unusable(faults)
    return found


def _walk(
    place: Path, below: str, ignored: Ignored, above: tuple[tuple[int, int], ...], faults: list[Fault]
) -> Iterator[tuple[str, Path]]:
    """Go through the files of a folder; `above` are the folders that lead there, so that no link leads back."""
    try:
        status = place.stat()
        names = sorted(path.name for path in place.iterdir())
    except OSError as error:
        faults.append(Fault(below, _reason(error)))
        return
    here = (status.st_dev, status.st_ino)
    if here in above:
        faults.append(Fault(below, "a link to a folder that it is in"))
        return
    for name in names:
        path, known = place / name, below + name
        found = mode(path)
        if ignored.has(known, stat.S_ISDIR(found)):
            continue
        if fault := _fault(path, known, found):
            faults.append(fault)
        elif stat.S_ISDIR(found):
            yield from _walk(path, f"{known}/", ignored, (*above, here), faults)
        else:
            yield known, path


def mode(path: Path) -> int:
    """What a path leads to, as stat has it; 0 where it leads nowhere, is too long for a name, or holds a NUL."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def _fault(path: Path, name: str, found: int) -> Fault | None:
    """Why a file or folder cannot be uploaded, if it is seen without reading it."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        shown = os.fsencode(name).decode("utf-8", "backslashreplace")
        return Fault(shown, "the name is not UTF-8, as S3 needs it to be", "bad-name")
    if size > NAME_BYTES:
        return Fault(name, f"the name has {size} bytes, at most {NAME_BYTES} are possible in S3", "bad-name")
    if stat.S_ISDIR(found) or stat.S_ISREG(found):
        return None
    if found:
        return Fault(name, "neither a file nor a folder")
    return Fault(name, "a link that leads nowhere" if path.is_symlink() else "cannot be read")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


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
