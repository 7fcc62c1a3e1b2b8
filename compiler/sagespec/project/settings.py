"""The settings of a project: the paths of specs, lock and output, and the defaults of specs.

In: `sagespec.yaml`, or none: then the working directory is the project. Out: a `Project`, and the `Settings` of one
environment. Refuses a file that the Project schema refuses, defaults that no kind has, an unknown environment, and
values that cannot be filled in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from sagespec import disk
from sagespec.checking import schema
from sagespec.diagnostics import START, Diagnostic, KeyPath, Problem, Problems, did_you_mean, locate
from sagespec.project import boundary, values
from sagespec.project.boundary import Boundary
from sagespec.reading import source
from sagespec.reading.document import as_data, as_texts
from sagespec.reading.source import Source

FILE = "sagespec.yaml"
_WRITTEN = "compiled files are written into the project; `compile --out` names another folder"
COMMAND_LINE = "-D"
"""The file name in diagnostics of values that are given on the command line."""


class Exemption(NamedTuple):
    """A violation of a policy by a spec that is accepted until the end of a day."""

    policy: str
    address: str
    reason: str
    until: str


@dataclass(frozen=True)
class Project:
    """A project's folders; `source` is its file, if there is one."""

    root: Path
    source: Source | None = field(default=None, repr=False)
    name: str | None = None
    specs: tuple[str, ...] = ("specs",)
    output: str = "compiled"
    lock: str = "sagespec.lock.json"
    policies: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    exceptions: tuple[Exemption, ...] = ()
    exclude: tuple[str, ...] = ()
    allow_outside: tuple[str, ...] = ()
    allow_secrets: tuple[str, ...] = ()
    prices: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def boundary(self) -> Boundary:
        """The boundary of the project's files."""
        return boundary.around(self.root, self.allow_outside)

    def written_files(self) -> list[Path]:
        """Return the paths that we write: lock, and output folder, both configured and `--out`."""
        data = self.source.data if self.source else {}
        names = (self.output, str(data.get("output", Project.output)), self.lock)
        return [self.root / name for name in names]

    def own_files(self) -> list[Path]:
        """Return the paths that we read or write: `written_files` and the project file."""
        return [*self.written_files(), *([self.root / self.source.file] if self.source else [])]

    def environments(self) -> list[str]:
        return sorted(_at(self, "environments"))


class Default(NamedTuple):
    """A default of specs as it is written, and its key path in the project file."""

    value: Any
    path: KeyPath


@dataclass(frozen=True)
class Settings:
    """A project in one environment.

    `defaults` maps a spec field to its layers, weakest first. `pending` are values that use the name or run of a
    spec, in the order of their dependencies. `undeclared` are values of the command line that neither the environment
    nor another value refers to. `diagnostics` say why account or region are missing; commands that do not read specs
    ignore them.
    """

    project: Project
    environment: str | None = None
    account: str | None = None
    region: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    pending: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, tuple[Default, ...]] = field(default_factory=dict)
    undeclared: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def output(self) -> Path:
        """The folder of this environment's compiled files.

        The project's own output folder is resolved, nothing below it.
        """
        base = boundary.real(self.project.root / self.project.output)
        return base / self.environment if self.environment else base

    def qualified_name(self, name: str) -> str:
        """Join the names of project, environment and spec by `-`; missing ones are left out."""
        return "-".join(part for part in (self.project.name, self.environment, name) if part)


def find(start: Path) -> Path | None:
    """Return the nearest project file in a folder or above it, or None."""
    for folder in (start, *start.parents):
        if disk.exists(folder / FILE) and not disk.is_folder(folder / FILE):
            return folder / FILE
    return None


def load(file: Path) -> tuple[Project | None, list[Diagnostic]]:
    """Read a project file.

    Raises OSError where it cannot be read.
    """
    sources, diagnostics = source.load(file.name, disk.read(file, disk.TEXT_BYTES))
    if not sources:
        missing = source.Source(file.name, None, {}, {}).locate(Problem("empty-file", "the file is empty"))
        return None, diagnostics or [missing]
    source_of_project, *others = sources
    problems = schema.validate("Project", as_data(_with_texts(source_of_project.written)))
    problems += [*_unknown_defaults(source_of_project.data), *_reserved_values(source_of_project.data)]
    diagnostics += [source_of_project.locate(p) for p in source_of_project.beyond(problems)]
    second = Problem("second-document", "a project file holds one document", hint="put specs into files of their own")
    diagnostics += [other.locate(second) for other in others]
    if diagnostics:
        return None, sorted(diagnostics)
    data = source_of_project.data
    policies = data.get("policies", ())
    rules = policies if isinstance(policies, dict) else {"schemas": policies}
    project = Project(
        root=file.parent,
        source=source_of_project,
        name=data.get("metadata", {}).get("name"),
        specs=tuple(data.get("specs", Project.specs)),
        output=data.get("output", Project.output),
        lock=data.get("lock", Project.lock),
        policies=tuple(rules.get("schemas", ())),
        limits=rules.get("limits", {}),
        exceptions=tuple(Exemption(**entry) for entry in data.get("exceptions", ())),
        exclude=tuple(data.get("exclude", ())),
        allow_outside=tuple(data.get("allow_outside", ())),
        allow_secrets=tuple(data.get("allow_secrets", ())),
        prices=data.get("prices", {}),
    )
    return project, []


def _with_texts(layer: Any) -> Any:
    """Replace the scalars of default tags by their spelling in the file, in all environments."""
    if not isinstance(layer, dict):
        return layer
    written = dict(layer)
    if isinstance(defaults := layer.get("defaults"), dict) and "tags" in defaults:
        written["defaults"] = {**defaults, "tags": as_texts(defaults["tags"])}
    if isinstance(environments := layer.get("environments"), dict):
        written["environments"] = {name: _with_texts(inner) for name, inner in environments.items()}
    return written


def wrong_paths(project: Project) -> Iterator[Diagnostic]:
    """Yield problems of the project's own paths: outside the project without permission, or impossible.

    Policies, and links among specs, are reported where they are read.
    """
    bounds, root = project.boundary, project.root
    named: list[tuple[KeyPath, str, bool]] = [
        (("output",), project.output, bounds.holds(root / project.output)),
        (("lock",), project.lock, bounds.admits(root / project.lock)),
        *((("specs", i), name, bounds.admits(root / name)) for i, name in enumerate(project.specs)),
        *((("allow_outside", i), name, True) for i, name in enumerate(project.allow_outside)),
    ]
    for path, name, is_fine in named:
        if why := _impassable(root / name):
            yield _located(project, Problem("unreadable", f"{name}: {why}", path), name)
        elif not is_fine:
            yield _located(project, boundary.refusal(name, path, _WRITTEN if path == ("output",) else ""), name)
        elif path[0] == "allow_outside" and bounds.is_written_inside(root, name):
            message = f"{name} is a path of the project itself"
            hint = "write the path that lies outside, also where a link leads there"
            yield _located(project, Problem("no-effect", message, path, hint), name)


def _impassable(path: Path) -> str:
    """Return why a path cannot exist on this file system; '' where it is only missing or not readable.

    Each name is tried by itself, because a missing folder would hide a name below it that is too long.
    """
    here = Path(path.anchor)
    for tried in (str(path), *path.parts):
        try:
            disk.look(here / tried)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        except OSError as error:
            return (error.strerror or str(error)).lower()
        here /= tried
    return ""


def _located(project: Project, problem: Problem, name: str) -> Diagnostic:
    """Locate a problem where the project file names the path, or at the path itself where that is a default."""
    if project.source and problem.path[0] in project.source.data:
        return project.source.locate(problem)
    return locate(replace(problem, path=()), name, START)


def _environments(data: Any) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Yield the parts of a project file that look like environments, with their key paths."""
    environments = source.get(data, ("environments",))
    for name, environment in environments.items() if isinstance(environments, dict) else ():
        if isinstance(environment, dict):
            yield ("environments", name), environment


def _unknown_defaults(data: Any) -> Iterator[Problem]:
    """Yield the defaults that are not fields of any kind."""
    own = schema.load("Project")["properties"]["defaults"]["properties"]
    for path, layer in (((), data), *_environments(data)):
        names = source.get(layer, ("defaults",))
        for name in names if isinstance(names, dict) else ():
            if name not in own and not any(name in schema.fields(kind) for kind in schema.kinds()):
                known = {*own, *(field for kind in schema.kinds() for field in schema.fields(kind))}
                hint = did_you_mean(name, sorted(known))
                message = f"no kind has a field {name!r}"
                yield Problem("unknown-key", message, (*path, "defaults", name), hint, on_key=True)


def _reserved_values(data: Any) -> Iterator[Problem]:
    for path, environment in _environments(data):
        given = environment.get("values")
        for name in given if isinstance(given, dict) else ():
            if name in values.BUILT_IN:
                yield Problem("reserved-name", f"{name!r} is built in", (*path, "values", name), on_key=True)


def choose(
    project: Project, environment: str | None, given: Mapping[str, Any]
) -> tuple[Settings | None, list[Diagnostic]]:
    """Return the settings of a project in one environment; `given` are the values of the command line.

    Problems of the latter are diagnostics of the file COMMAND_LINE. Returns None with diagnostics on errors.
    """
    known = _at(project, "environments")
    written = project.source or Source(FILE, None, {}, {})
    if environment is not None and environment not in known:
        message = f"there is no environment {environment!r}"
        hint = did_you_mean(environment, [*known]) or (
            "" if known else f"{written.file} has no environments: add some, or leave the environment out"
        )
        problem = Problem("unknown-environment", message, ("environments",), hint)
        return None, [written.locate(problem)]
    chosen = known.get(environment, {}) if environment else {}
    declared = chosen.get("values", {})
    every = {**declared, **given}
    problems = Problems()
    built_in = {"env": environment} if environment else {}
    filled, pending = values.expand(every, built_in, problems)
    here = ("environments", environment or "", "values")
    said = [
        locate(p, COMMAND_LINE, START) if p.path[0] in given else written.locate(replace(p, path=(*here, *p.path)))
        for p in problems
    ]
    if problems.errors:
        return None, sorted(said)
    problems = Problems()
    layers: dict[str, list[Default]] = {}
    for name, default in _defaults(project, environment):
        layers.setdefault(name, []).append(default)
    own = {name: _own(name, layers[name][-1], filled, problems) for name in ("account", "region") if name in layers}
    return Settings(
        project=project,
        environment=environment,
        account=own.get("account"),
        region=own.get("region"),
        values=filled,
        pending=pending,
        defaults={name: tuple(layer) for name, layer in layers.items() if name != "account"},
        undeclared=tuple(sorted(given.keys() - declared.keys() - values.names(every))),
        diagnostics=(*said, *(written.locate(p) for p in problems)),
    ), []


def in_environment(project: Project, environment: str | None) -> tuple[Settings | None, list[Diagnostic]]:
    """Return the settings of a project in one environment, with no values of a command line, as `choose` does."""
    return choose(project, environment, {})


def _own(name: str, default: Default, known: Mapping[str, Any], problems: Problems) -> str | None:
    """Return the project's account or region with values filled in, or None with a problem."""
    own = Problems()
    value = as_data(values.substitute(default.value, known, own, default.path))
    if value != default.value:
        shape = schema.load("Project")["properties"]["defaults"]["properties"][name]
        own += [replace(p, path=default.path) for p in schema.validate_against(shape, value)]
    problems += own
    return None if own.errors else str(value)


def _defaults(project: Project, environment: str | None) -> Iterator[tuple[str, Default]]:
    for name, value in _at(project, "defaults").items():
        yield name, Default(value, ("defaults", name))
    if environment is not None:
        for name, value in _at(project, "environments", environment, "defaults").items():
            yield name, Default(value, ("environments", environment, "defaults", name))


def _at(project: Project, *path: str) -> dict[str, Any]:
    value = source.get(project.source.written, path) if project.source else None
    return value if isinstance(value, dict) else {}
