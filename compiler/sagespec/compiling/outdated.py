"""Report compiled files that are out of date, each with its cause.

In: the changes that compiling would make in the output folder, and the builds. Out: one diagnostic for each file, at
the first line that differs, with the line of the spec that caused it. Values are not quoted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sagespec.compiling import build
from sagespec.compiling.build import Build
from sagespec.compiling.outputs import Change
from sagespec.compiling.workspace import Compilation
from sagespec.diagnostics import START, Diagnostic, KeyPath, Place, Problem, Severity, Span, dotted, locate
from sagespec.documents import compiled
from sagespec.documents.traced import origin, own_origin
from sagespec.reading import json_reader
from sagespec.reading.document import Document
from sagespec.reading.source import get

RULE = "out-of-date"
_COMPILE = "run `sagespec compile`"
_OF_ITSELF = (("metadata", "identity"), ("metadata", "digest"))
"""Members that change with anything else in the file."""

_OF_UPLOADS = ("Key", "S3Uri", "ContentLength")
"""Members that change with an uploaded file."""


def diagnose(changes: Iterable[Change], done: Compilation) -> Iterator[Diagnostic]:
    """Yield a diagnostic for each file that compiling would write or remove."""
    root = done.checked.settings.project.root
    output = done.checked.settings.output
    made = {output / one.compiled.path: one for one in done.builds.values()}
    for change in (change for change in changes if change.word != "unchanged"):
        file = os.path.relpath(change.path, root)
        if change.after is None:
            yield _at(file, START, "orphaned: no spec makes it", _COMPILE)
        elif change.before is None:
            spec = done.checked.resolved[made[change.path].compiled.address].spec
            name = spec.locate(Problem(RULE, "", ("metadata", "name")))
            yield _at(file, START, f"missing: {spec.address} is not compiled yet", _COMPILE, (name.file, name.line))
        else:
            yield _stale(file, change.before, change.after, made[change.path], done)


def foreign(paths: Iterable[Path], root: Path, severity: Severity) -> Iterator[Diagnostic]:
    """Yield a diagnostic for each foreign file in the output folder, for which `apply` refuses the folder."""
    for path in paths:
        file = os.path.relpath(path, root)
        message = f"foreign: {path.name} is not of this project, or was changed"
        yield locate(Problem(RULE, message, (), "delete it", severity), file, START)


def _at(file: str, span: Span, message: str, hint: str, also: Place = ()) -> Diagnostic:
    return locate(Problem(RULE, message, (), hint, also=also), file, span)


def _stale(file: str, before: bytes, after: bytes, made: Build, done: Compilation) -> Diagnostic:
    if before.replace(b"\r\n", b"\n") == after:
        hint = f"write `* -text` into a .gitattributes of the output folder; {_COMPILE}"
        return _at(file, _first_line(before, after), "stale: its lines end as on Windows (CRLF)", hint)
    old = json_reader.read(before.decode("utf-8", "backslashreplace"))
    if old.faults:
        fault = old.faults[0]
        return _at(file, fault.span, f"stale: it is not as `compile` writes it: {fault.problem.message}", _COMPILE)
    new = json_reader.read(after.decode("utf-8"))
    paths = [path for path in _differ(old.data, new.data, ()) if path not in _OF_ITSELF]
    if not _is_whole(old.data):
        path = paths[0] if paths else ("metadata", "digest")
        return _at(file, _span(old, path), f"stale: it was changed by hand, perhaps at {dotted(path)}", _COMPILE)
    if not paths:
        return _at(file, _first_line(before, after), "stale: it has the right content in another form", _COMPILE)
    if any(path[-1] == "sha256" for path in paths):
        paths = [path for path in paths if path[-1] not in _OF_UPLOADS]
    causes = list(dict.fromkeys(_cause(path, old.data, new.data, made, done) for path in paths))
    (message, also), more = causes[0], len(causes) - 1
    message += f", and {more} more place{'s' if more > 1 else ''}" if more else ""
    return _at(file, _span(old, paths[0]), f"stale: {message}", _COMPILE, also)


def _first_line(before: bytes, after: bytes) -> Span:
    lines = zip(before.split(b"\n"), after.split(b"\n"), strict=False)
    number = next((number for number, (old, new) in enumerate(lines, 1) if old != new), 1)
    return Span(number, 1, number, 1 + len(before.split(b"\n")[number - 1].decode("utf-8", "backslashreplace")))


def _is_whole(document: Any) -> bool:
    """Return whether a file has the digest of its content, so that nobody has edited it."""
    try:
        return bool(document["metadata"]["digest"] == compiled.digest(document))
    except (KeyError, TypeError):
        return False


def _span(document: Document, path: KeyPath) -> Span:
    """Return the span of a path in a file, or of its nearest parent there."""
    for length in range(len(path), -1, -1):
        if span := document.keys.get(path[:length]) or document.values.get(path[:length]):
            return span
    return START


def _differ(old: Any, new: Any, path: KeyPath) -> Iterator[KeyPath]:
    """Yield the innermost paths where two documents differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in (key for key in {**new, **old} if key not in old or key not in new or old[key] != new[key]):
            yield from _differ(old[key], new[key], (*path, key)) if key in old and key in new else [(*path, key)]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differ(one, other, (*path, index))
    elif isinstance(old, list) and isinstance(new, list) and all(one in new for one in old):
        yield from ((*path, index) for index, one in enumerate(new) if one not in old)
    elif old != new or type(old) is not type(new):
        yield path


def _cause(member: KeyPath, old: Any, new: Any, made: Build, done: Compilation) -> tuple[str, Place]:
    """Return what has changed, with the file and line of the spec that says it."""
    spec = done.checked.resolved[made.compiled.address].spec
    path: KeyPath = ("metadata", "name")
    if member[:2] == ("metadata", "dependsOn") and len(member) > 2:
        path = next((ref.path for ref in spec.refs if ref.target == member[2]), ("spec",))
        message = f"{member[2]}, which it depends on, has changed"
    elif member[:1] == ("requests",) and len(member) > 3 and _ids(old) == _ids(new):
        request = made.compiled.requests[int(member[1])]
        # what stands in a list still does not say where that came from which is gone
        of_member = own_origin if isinstance(get(new, member), list) else origin
        field = build.within(spec.data, of_member(made.provenance[request.id], member[3:]) or ())
        message = _of_request(member, new, field)
        path = field or path
    elif member[:1] == ("requests",):
        message = "it makes other requests"
    else:
        path = member if member[1:2] in (("thresholds",), ("run",)) else path
        message = f"{dotted(member)} has changed"
    at = spec.locate(Problem(RULE, "", path))
    return message, (at.file, at.line)


def _of_request(member: KeyPath, new: Mapping[str, Any], path: KeyPath) -> str:
    uploaded = get(new, member[:-1])
    if member[-1] == "sha256" and isinstance(uploaded, dict) and "path" in uploaded:
        return f"the file {uploaded['path']} has changed"
    return f"{dotted(path if len(path) > 1 else member)} has changed"


def _ids(document: Any) -> list[Any]:
    requests = get(document, ("requests",))
    return [get(request, ("id",)) for request in requests] if isinstance(requests, list) else []
