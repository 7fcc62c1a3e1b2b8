"""Write `data/destinations.json`: where each field of a kind goes, and whether a change of it starts a new run.

python -m tools.write_destinations            write the file
python -m tools.write_destinations --check    exit 1 where it is not what the examples say

The full examples are compiled with a lock that knows what they name. The provenance of the requests says where the
value of a field stands. Then each field is changed and left out, and the spec is compiled again: members that differ
are made from the field, and another identity means another run. A field that changes no request says what it does in
INSTEAD.
"""

from __future__ import annotations

import copy
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sagespec import assets
from sagespec.checking import schema
from sagespec.compiling import build, resolve, workspace
from sagespec.compiling.build import Build
from sagespec.compiling.location import Facts
from sagespec.compiling.workspace import Compilation
from sagespec.diagnostics import KeyPath
from sagespec.documents.compiled import MARKERS
from sagespec.documents.identity import identify
from sagespec.project import lock, references
from sagespec.project import settings as project_settings
from sagespec.project.settings import Settings
from sagespec.reading import source
from sagespec.review import destinations, examples, fields
from sagespec.review.fields import ANY_KEY, ENTRY, Steps

from tools import generated
from tools.destinations_by_hand import CONSTANT, IDENTIFYING, INSTEAD, SYNONYMS

TARGET = assets.data() / destinations.FILE
LOCK = Path(__file__).parent.parent / "tests" / "vectors" / "finetune" / "sagespec.lock.json"
PROJECT = "apiVersion: sagespec/v1\nkind: Project\nmetadata: {name: examples}\nspecs: [specs]\n"


@dataclass(frozen=True)
class Project:
    """The compiled examples."""

    settings: Settings
    facts: Facts
    done: Compilation

    def identities(self) -> dict[str, str]:
        return {address: one.compiled.identity for address, one in self.done.builds.items()}

    def dependents(self, address: str) -> list[str]:
        """Return the specs to observe for a change of one: itself where it has requests, else what refers to it."""
        if self.done.builds[address].compiled.requests:
            return [address]
        resolved = self.done.checked.resolved
        return [a for a, one in resolved.items() if address in [d.spec.address for d in one.dependencies]]


def opened(folder: Path) -> Project:
    """Lay the examples into a folder and compile them.

    Raises ValueError where one does not compile.
    """
    shutil.copytree(examples.folder(), folder / "specs", ignore=shutil.ignore_patterns("Project.yaml"))
    files = folder / "specs" / "files"
    for name in ("code/other.py", "code/other.txt", "driver/other.sh", "other.py"):
        (files / name).write_text("print(0)\n\n\ndef handler(event, context):\n    return event\n", "utf-8")
    shutil.copytree(files / "code", files / "other")
    shutil.copytree(files / "driver", files / "other", dirs_exist_ok=True)
    (files / "other" / "train.py").write_text("print(1)\n", "utf-8")
    shutil.copy(LOCK, folder / "sagespec.lock.json")
    (folder / project_settings.FILE).write_text(PROJECT, "utf-8")
    project, _ = workspace.open_project(folder, None)
    assert project is not None
    settings, _ = project_settings.choose(project, None, {})
    assert settings is not None
    specs = [folder / "specs" / f"{kind}.yaml" for kind in schema.kinds()]
    done = workspace.compile(workspace.check(settings, specs))
    if errors := [f"{d.file}:{d.line}: {d.message}" for d in done.diagnostics if d.is_error]:
        raise ValueError("\n".join(errors))
    locked, _ = lock.load("sagespec.lock.json", LOCK.read_bytes())
    return Project(settings, Facts(locked), done)


def recompiled(project: Project, address: str, data: dict[str, Any], observed: str) -> Build | None:
    """Compile a spec with a changed dependency, or changed itself; None where that is refused."""
    resolved = project.done.checked.resolved
    if schema.validate(address.partition("/")[0], data):
        return None
    changed = replace(resolved[address].spec, data=data)
    targets = [ref.target for ref in changed.refs if ref.target in resolved]
    wanted = references.needed([observed, *targets], project.done.checked.edges) | {address}
    specs = {a: resolved[a].spec for a in resolved if a in wanted} | {address: changed}
    resolution = resolve.resolve(specs, {}, project.settings, project.facts)
    if observed not in resolution.resolved or any(d.is_error for d in resolution.diagnostics):
        return None
    identities = project.identities()
    made: Build | None = None
    for one in dict.fromkeys([address, observed]):
        made, _ = build.build(resolution.resolved[one], project.settings, identities, {})
        identities[one] = made.compiled.identity if made else ""
    return made


def content(project: Project) -> dict[str, Any]:
    """Return what the file holds: by kind and path of the field, `to`, `made`, `instead` and `starts`."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for kind in schema.kinds():
        uses: dict[Steps, _Found] = {path: _Found() for path in fields.of(kind) if path}
        for address, made in project.done.builds.items():
            if made.compiled.kind == kind:
                _trace(project, address, uses)
                _vary(project, address, uses)
        _summarize(kind, uses)
        found[kind] = {fields.dotted(path): use.written(kind, path) for path, use in uses.items()}
    return found


class _Found:
    """What was found of one field."""

    def __init__(self) -> None:
        self.exact: dict[str, None] = {}
        self.made: dict[str, None] = {}
        self.starts = False
        self.is_tried = False

    def written(self, kind: str, path: Steps) -> dict[str, Any]:
        made = [one for one in self.made if one not in self.exact]
        result: dict[str, Any] = {}
        if self.exact:
            result["to"] = [*self.exact]
        if made:
            result["made"] = made
        if not self.exact and not made:
            result["instead"] = _instead(kind, path)
            if not self.is_tried and path not in CONSTANT:
                raise ValueError(f"{kind}.{fields.dotted(path)}: no other value compiles, so nothing is known of it")
        if self.starts:
            result["starts"] = True
        return result


def _instead(kind: str, path: Steps) -> str:
    for length in range(len(path), 0, -1):
        if said := INSTEAD.get(fields.dotted(path[:length])):
            return said
    raise ValueError(f"{kind}.{fields.dotted(path)} is in no request, and INSTEAD does not say what it does")


def _trace(project: Project, address: str, uses: dict[Steps, _Found]) -> None:
    """Record where the values of a spec's fields stand, by provenance."""
    made, spec = project.done.builds[address], project.done.checked.resolved[address].spec
    for request in made.compiled.requests:
        for member, path in made.provenance[request.id].items():
            value, sent = source.get(spec.data, path), source.get(request.parameters, member)
            if value is None or not path or path[0] not in ("metadata", "spec"):
                continue
            for inner, one in examples.walk(spec.kind, value, path):
                there = (*member, *inner[len(path) :])
                field = _nearest(spec.kind, inner)
                if _same(one, source.get(request.parameters, there)):
                    uses[field].exact[_member(request.operation, there, inner, spec.kind)] = None
                    uses[field].starts |= _counts(made, request.id, there)
            if not isinstance(sent, dict | list) and not _same(value, sent) and not _is_key_of_a_tag(member, path):
                uses[_nearest(spec.kind, path)].made[_member(request.operation, member, path, spec.kind)] = None


def _nearest(kind: str, path: KeyPath) -> Steps:
    """Return the path of the innermost field that the schema has there."""
    return next(filter(None, (examples.generic(kind, path[:length]) for length in range(len(path), 0, -1))))


def _counts(made: Build, request_id: str, member: KeyPath) -> bool:
    """Return whether another value of a member makes another identity."""
    requests = [replace(one, parameters=copy.deepcopy(one.parameters)) for one in made.compiled.requests]
    parameters = next(one.parameters for one in requests if one.id == request_id)
    source.get(parameters, member[:-1])[member[-1]] = {"other": True}
    return identify(replace(made.compiled, requests=tuple(requests))) != made.compiled.identity


def _is_key_of_a_tag(member: KeyPath, path: KeyPath) -> bool:
    """Return whether a value is traced to a tag's value though it is the tag's key."""
    return member[:1] == ("Tags",) and member[-1] == "Key" and path[-1] in ("value", "Value")


def _same(given: Any, sent: Any) -> bool:
    return bool(given == sent or (not isinstance(given, dict | list) and str(given) == str(sent)))


def _member(operation: str, member: KeyPath, path: KeyPath, kind: str) -> str:
    """Write a member; keys that the author chose are ANY_KEY, entries of lists ENTRY."""
    known = _nearest(kind, path)
    chosen = {given for n, given in enumerate(path) if n >= len(known) or known[n] == ANY_KEY}
    if member[:1] == ("Tags",):
        chosen.add(member[1])
    steps = (ENTRY if isinstance(s, int) else ANY_KEY if s in chosen else s for s in member)
    return f"{operation}.{fields.dotted(steps)}"


def _vary(project: Project, address: str, uses: dict[Steps, _Found]) -> None:
    """Change and leave out each field of a spec, and record what differs then."""
    spec = project.done.checked.resolved[address].spec
    kind = spec.kind
    for path, value in [*examples.walk(kind, spec.data)][1:]:
        use = uses[examples.generic(kind, path)]
        for observed in project.dependents(address):
            before = project.done.builds[observed]
            for changed in _changes(kind, spec.data, path, value, [*project.done.builds]):
                after = recompiled(project, address, changed, observed)
                if after is None:
                    continue
                use.is_tried = True
                use.starts |= after.compiled.identity != before.compiled.identity
                if not fields.of(kind)[examples.generic(kind, path)].members:
                    use.made.update(dict.fromkeys(_differences(before, after)))
                if source.get(changed, path) is not None:
                    break


def _changes(
    kind: str, data: dict[str, Any], path: KeyPath, value: Any, addresses: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Yield a document with other values of a field, until one compiles, and last the document without it."""
    others = addresses if path[-1] == "ref" else _others(kind, path, value)
    for other in (one for one in others if one != value):
        changed = copy.deepcopy(data)
        source.get(changed, path[:-1])[path[-1]] = other
        yield changed
    changed = copy.deepcopy(data)
    del source.get(changed, path[:-1])[path[-1]]
    yield changed


def _others(kind: str, path: KeyPath, value: Any) -> Iterator[Any]:
    name = next(step for step in reversed(path) if isinstance(step, str))
    listed = fields.of(kind)[examples.generic(kind, path)].values
    yield from (*SYNONYMS.get(name, ()), *listed)
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value * 2, value // 2, value + 1, value - 1)
    elif isinstance(value, float):
        yield from (value * 2, value / 2)
    elif isinstance(value, str):
        yield from (f"{value}x", f"{value[:-1]}2", f"{value[:-1]}b", value.replace("0", "1"), value.replace("a", "b"))


def _differences(before: Build, after: Build) -> Iterator[str]:
    """Yield the members that differ between two builds of a spec."""
    others = {request.id: request for request in after.compiled.requests}
    for request in before.compiled.requests:
        if request.id in others:
            for member in _differing(request.parameters, others[request.id].parameters, ()):
                end = next((n for n, step in enumerate(member) if step in MARKERS and step != "$json"), None)
                steps = (ENTRY if isinstance(step, int) else step for step in member[:end])
                yield f"{request.operation}.{fields.dotted(steps)}"


def _differing(one: Any, other: Any, path: KeyPath) -> Iterator[KeyPath]:
    if isinstance(one, dict) and isinstance(other, dict):
        renamed = one.keys() - other.keys() and other.keys() - one.keys()
        if renamed:
            yield (*path, ANY_KEY)
        for key in [key for key in one if key in other] if renamed else {**one, **other}:
            yield from _differing(one.get(key), other.get(key), (*path, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from _differing(*pair, (*path, index))
    elif one != other:
        yield path


def _summarize(kind: str, uses: dict[Steps, _Found]) -> None:
    """Let what has fields go where they go: to what the members of an operation have in common."""
    values = examples.values(kind)
    for path in sorted(uses, key=len, reverse=True):
        members, use = fields.of(kind)[path].members, uses[path]
        use.is_tried |= any(uses[one].is_tried for one in members)
        use.starts |= any(path[: len(one)] == one for one in IDENTIFYING) or any(uses[one].starts for one in members)
        if members and isinstance(values[path], dict | list):
            use.made.clear()
            parts = [t for one in members for t in uses[one].exact or uses[one].made] if not use.exact else []
            use.made.update(dict.fromkeys(_common(parts)))
        use.made = dict.fromkeys(_few([t for t in use.made if not _covered(t, use.exact)], use.exact))


def _covered(member: str, exact: Mapping[str, None]) -> bool:
    """Return whether a member is one of those that hold the value, a key that the author chose among them."""
    return member in exact or f"{member.rpartition('.')[0]}.{ANY_KEY}" in exact


def _common(members: Sequence[str]) -> Iterator[str]:
    """Yield what the members of each operation have in common."""
    for operation in dict.fromkeys(text.partition(".")[0] for text in members):
        yield fields.dotted(_shared([destinations.parsed(t) for t in members if t.partition(".")[0] == operation]))


def _few(members: list[str], exact: Mapping[str, None]) -> Iterator[str]:
    """Yield members without those that follow from others, and many of one mapping as ANY_KEY.

    The key of an upload has the hash of its content, and so have the URIs of what was uploaded.
    """
    is_upload = any(text.startswith("PutObject.Body") for text in (*members, *exact))
    kept = [t for t in members if not (is_upload and (t == "PutObject.Key" or t.endswith("S3Uri")))]
    crowded = {
        p for p in (t.rpartition(".")[0] for t in kept) if sum(t.rpartition(".")[0] == p for t in kept) > _MOST
    }
    yield from dict.fromkeys(f"{p}.{ANY_KEY}" if (p := t.rpartition(".")[0]) in crowded else t for t in kept)


_MOST = 3
"""The most members of one mapping that are listed by name."""


def _shared(paths: list[Steps]) -> Steps:
    first, last = min(paths), max(paths)
    same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:same]


def text() -> str:
    """Write the file."""
    with tempfile.TemporaryDirectory() as folder:
        return json.dumps(content(opened(Path(folder).resolve())), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(generated.write({TARGET: text()}))
