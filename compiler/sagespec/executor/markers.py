"""Compiled parameters to boto3's: the markers filled in, but for `$identity`, which has been already.

In: parameters, what earlier requests and other specs have put out, and the project. Refuses: files that
have changed since they were compiled, or lead out of the project.
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
"""How long a file may be: what S3 takes in one request."""


class Unfilled(Exception):
    """A marker that cannot be filled: an output that is not there yet, a file that has changed."""


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
        raise Unfilled(f"{address} is not known yet")
    return outputs[address]


def read_file(named: Mapping[str, str], project: Project) -> bytes:
    """Read a file that a compiled file names, and make sure that it is the one that was reviewed."""
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


def changed(value: Any, project: Project) -> Iterator[str]:
    """Say which of the files that parameters name are no longer what was compiled."""
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
    """The files of a `$file` or `$zip`; none of anything else."""
    kind = marker(value)
    if kind == "$file":
        return [value["$file"]]
    return [m for m in value["$zip"].values() if "text" not in m] if kind == "$zip" else []


def _zip(members: Mapping[str, Mapping[str, str]], project: Project) -> bytes:
    """Make the same archive of the same members, everywhere and always."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as made:
        for name, member in sorted(members.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, whatever the machine
            text = member.get("text")
            made.writestr(entry, text.encode() if text is not None else read_file(member, project))
    return archive.getvalue()
