"""Local files of a job: code, data, and the user's own drivers.

In: a field that names a file or folder, relative to the spec. Out: uploads. Refuses paths that do not exist or are
outside the project, and files that cannot be uploaded. Warns of uploads that are large, or look like secrets.
"""

from __future__ import annotations

import posixpath
import stat
from dataclasses import dataclass, field
from pathlib import Path

from sagespec.checking import schema
from sagespec.diagnostics import Problems
from sagespec.documents.traced import Traced
from sagespec.project.gitignore import Ignored
from sagespec.sagemaker import folders, uploads
from sagespec.sagemaker.folders import Unusable
from sagespec.sagemaker.inputs import Inputs
from sagespec.sagemaker.uploads import Upload

LARGE_BYTES = 100_000_000
HINT = "leave files out with ignore_patterns; data has channels of its own"
_DATA_HINT = "bring it to S3 yourself, and give its URI"


@dataclass(frozen=True)
class Files:
    """The uploads of a channel: the files of a folder, or `single`, the name of the only file."""

    uploads: list[Upload] = field(default_factory=list, repr=False)
    single: str = ""


def find(inputs: Inputs, given: Traced, problems: Problems, wanted: str, hint: str = "") -> tuple[Path, bool] | None:
    """Return the path that a field names, and whether it is a folder; None with a problem where it does not exist.

    `wanted` describes what it should be, for the message.
    """
    path = inputs.local_path(given, problems)
    if path is None:
        return None
    status = uploads.status(path)
    if status is None or not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
        why = f"no such {wanted}" if status is None else f"not a {wanted}"
        problems.error("missing-file", f"{given.value}: {why}", given.path, hint)
        return None
    return path, stat.S_ISDIR(status.st_mode)


def folder(inputs: Inputs, given: Traced, path: Path, ignored: Ignored | None, problems: Problems) -> Files:
    """Return the files of a folder of code, or of data if `ignored` is None."""
    try:
        files = folders.read(path, inputs.project, ignored)
    except Unusable as error:
        for fault in error.faults:
            shown = posixpath.join(given.value, fault.name).rstrip("/")
            problems.error(fault.rule, f"{shown}: {fault.why}", given.path)
        return Files()
    _warn(given, files, path, _DATA_HINT if ignored is None else HINT, problems)
    return Files(files)


def single(inputs: Inputs, given: Traced, path: Path, problems: Problems) -> Files:
    """Return one file, named as in the spec."""
    name = posixpath.basename(posixpath.normpath(given.value))
    try:
        upload = folders.file(name, path, inputs.project)
    except Unusable as error:
        for fault in error.faults:
            problems.error(fault.rule, f"{given.value}: {fault.why}", given.path)
        return Files()
    _warn(given, [upload], path.parent, _DATA_HINT, problems)
    return Files([upload], name)


def data(inputs: Inputs, given: Traced, problems: Problems) -> Files:
    """Return the data of a channel: all files of a folder, or one file."""
    hint = "in S3, data has a URI that begins with s3://" if "://" in given.value else ""
    if given.value.partition("/")[0] in schema.kinds():
        hint = f"write {{ref: {given.value}}} for the spec"
    target = find(inputs, given, problems, "file or folder", hint)
    if target is None:
        return Files()
    path, is_folder = target
    return folder(inputs, given, path, None, problems) if is_folder else single(inputs, given, path, problems)


def ignored(patterns: Traced, problems: Problems) -> Ignored | None:
    """Return the ignore patterns of a folder of code; None with problems where they are invalid."""
    before = len(problems)
    for pattern in patterns:
        try:
            Ignored([pattern.value])
        except ValueError as error:
            problems.error("bad-pattern", str(error), pattern.path)
    try:
        return None if len(problems) > before else Ignored(patterns.value if patterns.given else uploads.IGNORED)
    except ValueError as error:  # an error of all patterns together
        problems.error("bad-pattern", str(error), patterns.path)
        return None


def _warn(given: Traced, files: list[Upload], path: Path, hint: str, problems: Problems) -> None:
    total = sum(file.size or 0 for file in files)
    if total > LARGE_BYTES:
        largest = max(files, key=lambda file: file.size or 0)
        size = (largest.size or 0) / 1e6
        message = f"{given.value} is {total / 1e6:,.0f} MB to upload; {largest.name} has {size:,.0f}"
        problems.warn("large-upload", message, given.path, hint)
    if secrets := folders.secrets(files, path):
        named = ", ".join(secrets[:5]) + (f" and {len(secrets) - 5} more" if len(secrets) > 5 else "")
        way = "leave it out with ignore_patterns, or keep it elsewhere" if hint == HINT else "keep it elsewhere"
        problems.warn("secret-upload", f"{named} would be uploaded, and may hold secrets", given.path, way)
