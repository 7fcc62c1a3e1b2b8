"""List the files of a folder of code or data for upload.

In: a folder of the project, and patterns of files to leave out. Out: uploads. Refuses folders that are empty or
outside the project, files that cannot be uploaded, and too many files.

Files of sagespec, virtual environments and caches are never uploaded as code, whatever the patterns are: if the
folder is the whole project, its content would otherwise change with every compile and on every machine. Data is
uploaded completely, except the output folder, the lock and `.git`.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sagespec import disk
from sagespec.project import boundary, tool_folders
from sagespec.project.gitignore import Ignored, TooMuch
from sagespec.project.settings import Project
from sagespec.reading import source
from sagespec.sagemaker import uploads
from sagespec.sagemaker.uploads import Upload

NAME_BYTES = 960
"""The longest file name: S3 keys have at most 1,024 bytes, and the prefix takes the rest."""
MAX_FILES = 20_000
MAX_ENTRIES = 100_000
"""The most files and folders to look at, ignored ones included; links can multiply a few."""
_SAMPLES = (".example", ".sample", ".template", ".dist")
_SECRET_NAMES = re.compile(r"\.env(\..+)?|\.envrc|\.netrc|\.git-credentials|id_(rsa|dsa|ecdsa|ed25519)(_sk)?")
_KEY_SUFFIXES = (".ppk", ".p12", ".pfx", ".jks")
_PRIVATE_KEY = re.compile(rb"^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----", re.MULTILINE)
_KEY_BYTES = 64 * 1024
"""How many bytes of a file are searched for a private key."""


@dataclass(frozen=True)
class Fault:
    """Something that cannot be uploaded: its name ('' for the folder itself) and the reason."""

    name: str
    why: str
    rule: str = "bad-file"


class Unusable(Exception):
    """A folder with faults, all of them in `faults`."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.name}: {fault.why}" for fault in faults))
        self.faults = faults


def read(folder: Path, project: Project, ignored: Ignored | None) -> list[Upload]:
    """List the files of a folder, given by its real path, without ignored ones.

    With `ignored` None, it is a folder of data. Links are followed, and files named by their real paths. Raises
    Unusable.
    """
    walk = _Walk(project, ignored)
    try:
        listed = _uploads(walk, folder)
    except TooMuch as error:
        walk.fault("", str(error))
        listed = []
    if not listed and not walk.faults:
        walk.fault("", "no files in it" + (", or all are ignored" if ignored is not None else ""), "missing-file")
    if walk.faults:
        raise Unusable(walk.faults)
    return listed


def file(name: str, path: Path, project: Project) -> Upload:
    """Return the upload of one file, given by its real path, as `name`.

    Raises Unusable.
    """
    if fault := _fault(path, name, uploads.status(path)):
        raise Unusable([fault])
    try:
        return _upload(name, path, project)
    except OSError as error:
        raise Unusable([Fault(name, _reason(error))]) from None


def _upload(name: str, path: Path, project: Project) -> Upload:
    return uploads.of_file(name, path, Path(os.path.relpath(path, project.root)).as_posix())


def _uploads(walk: _Walk, folder: Path) -> list[Upload]:
    listed: list[Upload] = []
    for name, path in walk.files(folder, "", ()):
        if len(listed) == MAX_FILES:
            way = "ignore files that are not code, and bring data as a channel"
            if walk.ignored is None:
                way = "bring them to S3 yourself, and give the URI"
            walk.fault("", f"more than {MAX_FILES:,} files: {way}")
            break
        try:
            upload = _upload(name, path, walk.project)
        except OSError as error:
            walk.fault(name, _reason(error))
            continue
        if walk.ignored is None or not _is_ours(path, upload):
            listed.append(upload)
    return listed


def secrets(listed: Sequence[Upload], folder: Path) -> list[str]:
    """Return the names of uploads that look like secrets: environment files and private keys."""
    return [upload.name for upload in listed if _is_secret(folder / upload.name)]


def _is_secret(path: Path) -> bool:
    name = path.name.lower()
    if _SECRET_NAMES.fullmatch(name) and not name.endswith(_SAMPLES):
        return True
    if name.endswith(_KEY_SUFFIXES):
        return True
    try:
        return _PRIVATE_KEY.search(disk.head(path, _KEY_BYTES)) is not None
    except OSError:
        return False


def _is_ours(path: Path, upload: Upload) -> bool:
    """Return whether a file is a spec or another file of sagespec."""
    if not source.is_spec(path.name) or (upload.size or 0) > disk.TEXT_BYTES:
        return False
    return source.is_ours(path.name, disk.read(path, disk.TEXT_BYTES))


@dataclass
class _Walk:
    """Walks a folder: lists its files and collects their faults."""

    project: Project
    ignored: Ignored | None
    faults: list[Fault] = field(default_factory=list)
    left: int = field(default_factory=lambda: MAX_ENTRIES)
    leads_to: dict[Path, Path | None] = field(default_factory=dict)
    marked: dict[Path, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        files = self.project.own_files() if self.ignored is not None else self.project.written_files()
        known = (uploads.status(path) for path in files)
        self.never = {(status.st_dev, status.st_ino) for status in known if status is not None}

    def fault(self, name: str, why: str, rule: str = "bad-file") -> None:
        self.faults.append(Fault(_shown(name), why, rule))

    def files(self, folder: Path, below: str, above: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, Path]]:
        """Yield the files of a folder.

        `above` has device and inode of its parents, so that links cannot form a cycle.
        """
        if below and self.ignored is not None and self._is_marked(folder):
            return
        try:
            own = disk.look(folder)
            names = self._names(folder, below)
        except OSError as error:
            self.fault(below, _reason(error))
            return
        here = (own.st_dev, own.st_ino)
        if here in above:
            self.fault(below, "a link to a folder that it is in")
            return
        for name in names:
            link, known = folder / name, below + name
            status = uploads.status(link)
            is_folder = status is not None and stat.S_ISDIR(status.st_mode)
            if self._is_left_out(known, status, is_folder):
                continue
            path = self._real(link)
            if path is None:
                self.fault(known, "a link that leads out of the project", "outside-project")
            elif fault := _fault(path, known, status):
                self.faults.append(fault)
            elif is_folder:
                yield from self.files(path, f"{known}/", (*above, here))
            else:
                yield known, path

    def _names(self, folder: Path, below: str) -> list[str]:
        """Return the names in a folder; none where there are too many."""
        names: list[str] = []
        with disk.entries(folder) as entries:
            for entry in entries:
                self.left -= 1
                if self.left < 0:
                    if self.left == -1:
                        self.fault(below, f"more than {MAX_ENTRIES:,} files and folders: leave out whole folders")
                    return []
                names.append(entry.name)
        return sorted(names)

    def _is_left_out(self, known: str, status: os.stat_result | None, is_folder: bool) -> bool:
        name = known.rpartition("/")[2]
        if status is not None and (status.st_dev, status.st_ino) in self.never:
            return True
        if self.ignored is None:
            return name.lower() == boundary.GIT
        is_part = name.startswith(disk.PART) and name.endswith(disk.PART_SUFFIX)
        return is_part or tool_folders.is_named(name) or self.ignored.has(known, is_folder)

    def _is_marked(self, folder: Path) -> bool:
        if folder not in self.marked:
            self.marked[folder] = tool_folders.is_marked(folder)
        return self.marked[folder]

    def _real(self, path: Path) -> Path | None:
        """Return the target of a path in a real folder; None where that is outside."""
        if path not in self.leads_to:
            target = boundary.real(path) if disk.is_link(path) else path
            is_inside = target == path or self.project.boundary.admits(target)
            self.leads_to[path] = target if is_inside else None
        return self.leads_to[path]


def _fault(path: Path, name: str, status: os.stat_result | None) -> Fault | None:
    """Return why a file or folder cannot be uploaded, as far as that is visible without reading it."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return Fault(_shown(name), "the name is not UTF-8, as S3 needs it to be", "bad-name")
    if size > NAME_BYTES:
        return Fault(name, f"the name has {size} bytes, at most {NAME_BYTES} are possible in S3", "bad-name")
    if status is None:
        return Fault(name, "cannot be read" if disk.exists(path) else "a link that leads nowhere")
    if stat.S_ISDIR(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        return Fault(name, "neither a file nor a folder")
    if status.st_size > uploads.FILE_BYTES:
        limit = f"at most {uploads.FILE_BYTES:,} are possible in one request to S3"
        return Fault(name, f"it has {status.st_size:,} bytes, {limit}")
    return None


def _shown(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
