"""Convert compiled parameters to boto3's by filling in the markers; `$identity` is filled in before.

In: parameters, outputs of earlier requests and of other specs, and the project. Refuses files that have changed since
they were compiled, or are outside the project.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from sagespec import assets, disk
from sagespec.documents.compiled import PACKAGED, canonical, marker
from sagespec.project import boundary
from sagespec.project.boundary import Boundary
from sagespec.project.settings import Project

MOST_BYTES = 5 * 1024**3
"""The longest file: the most that S3 accepts in one request."""


class Unfilled(Exception):
    """A marker that cannot be filled in: an output that does not exist yet, or a file that has changed."""


def fill(value: Any, outputs: Mapping[str, Any], project: Project) -> Any:
    """Replace the markers in parameters.

    Raises Unfilled.
    """
    if isinstance(value, dict):
        if len(value) == 1:
            (key,) = value
            if key == "$json":
                return canonical(fill(value[key], outputs, project))
            if key == "$output":
                return _output(value[key], outputs)
            if key == "$file":
                return read_file(value[key], project)
            if key == "$zip":
                return _zip(value[key], project)
        return {key: fill(item, outputs, project) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, outputs, project) for item in value]
    return value


def _output(address: str, outputs: Mapping[str, Any]) -> Any:
    if address not in outputs:
        spec, _, name = address.rpartition(".")
        raise Unfilled(f"{spec} has put out no {name}")
    return outputs[address]


def read_file(named: Mapping[str, str], project: Project) -> bytes:
    """Read a file that a compiled file names, and check that it is unchanged.

    Raises Unfilled.
    """
    path, inside = project.root / named["path"], project.boundary
    if named["path"].startswith(PACKAGED):
        path = assets.drivers() / named["path"][len(PACKAGED) :]
        inside = Boundary(boundary.real(assets.drivers()))
    if not inside.admits(path):
        raise Unfilled(f"{named['path']} leads out of the project")
    try:
        content = disk.read(path, MOST_BYTES)
    except OSError as error:
        raise Unfilled(f"{named['path']}: {(error.strerror or str(error)).lower()}") from None
    if hashlib.sha256(content).hexdigest() != named["sha256"]:
        raise Unfilled(f"{named['path']} has changed since it was compiled; run `sagespec compile` again")
    return content


def size(value: Any, project: Project) -> int:
    """Return the bytes of a body that is uploaded, of an archive those of its members; files that are gone have 0."""
    if isinstance(value, str | bytes):
        return len(value.encode() if isinstance(value, str) else value)
    kind = marker(value)
    if kind == "$json":
        return len(canonical(value[kind]))
    files = _files(value) if kind else []
    texts = [m["text"] for m in value["$zip"].values() if "text" in m] if kind == "$zip" else []
    return sum(len(text.encode()) for text in texts) + sum(_size(file["path"], project) for file in files)


def _size(path: str, project: Project) -> int:
    packaged = path.startswith(PACKAGED)
    file = assets.drivers() / path[len(PACKAGED) :] if packaged else project.root / path
    try:
        return file.stat().st_size
    except OSError:
        return 0


def changed(value: Any, project: Project) -> Iterator[str]:
    """Yield the files in parameters that have changed since they were compiled, with the reason."""
    if isinstance(value, list):
        for item in value:
            yield from changed(item, project)
    elif isinstance(value, dict):
        for named in _files(value):
            try:
                read_file(named, project)
            except Unfilled as error:
                yield str(error)
        for item in () if marker(value) not in ("", "$json") else value.values():
            yield from changed(item, project)


def _files(value: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """Return the files of a `$file` or `$zip`; none for other values."""
    kind = marker(value)
    if kind == "$file":
        return [value["$file"]]
    return [m for m in value["$zip"].values() if "text" not in m] if kind == "$zip" else []


def _zip(members: Mapping[str, Mapping[str, str]], project: Project) -> bytes:
    """Make a zip archive; the same members always give the same bytes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as made:
        for name, member in sorted(members.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, on every machine
            text = member.get("text")
            made.writestr(entry, text.encode() if text is not None else read_file(member, project))
    return archive.getvalue()
