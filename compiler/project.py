"""The project: where specs, lock and output are, and what every spec inherits.

In: `sagespec.yaml` (or none: then the working directory is the project). Out: a `Project`, and from it the
`Settings` of one environment. Refuses: a file that the Project schema refuses, an unknown environment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compiler import schema, source, values
from compiler.diagnostics import Diagnostic, Problem, did_you_mean
from compiler.diagnostics import Path as KeyPath
from compiler.source import Source

FILE = "sagespec.yaml"


@dataclass(frozen=True)
class Project:
    """A project's folders; `source` is its file, where there is one."""

    root: Path
    source: Source | None = field(default=None, repr=False)
    name: str | None = None
    specs: tuple[str, ...] = ("specs",)
    output: str = "compiled"
    lock: str = "sagespec.lock.json"
    policies: tuple[str, ...] = ()

    def policy_files(self) -> list[Path]:
        """The files of the policies, in the order of their names."""
        return sorted({file for pattern in self.policies for file in self.root.glob(pattern)})

    def environments(self) -> list[str]:
        return sorted(_at(self, "environments"))


@dataclass(frozen=True)
class Default:
    """A value laid under every spec that has the field, and where it stands in the project file."""

    value: Any
    path: KeyPath


@dataclass(frozen=True)
class Settings:
    """A project as one environment sees it. `defaults` maps a spec field to its layers, weakest first."""

    project: Project
    environment: str | None = None
    account: str | None = None
    region: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, tuple[Default, ...]] = field(default_factory=dict)

    @property
    def output(self) -> Path:
        """The folder of this environment's compiled files."""
        base = self.project.root / self.project.output
        return base / self.environment if self.environment else base

    def qualified_name(self, name: str) -> str:
        """Project, environment and spec name, those that there are, joined by `-`."""
        return "-".join(part for part in (self.project.name, self.environment, name) if part)


def find(start: Path) -> Path | None:
    """Walk up from a folder to the nearest project file."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder / FILE
    return None


def load(file: Path) -> tuple[Project | None, list[Diagnostic]]:
    """Read a project file."""
    sources, diagnostics = source.load(file.name, file.read_bytes())
    if diagnostics or not sources:
        missing = source.Source(file.name, None, {}, {}).locate(Problem("empty-file", "the file is empty"))
        return None, diagnostics or [missing]
    found = sources[0]
    problems = schema.validate("Project", found.data)
    if problems:
        return None, [found.locate(p) for p in problems]
    data = found.data
    project = Project(
        root=file.parent,
        source=found,
        name=data.get("metadata", {}).get("name"),
        specs=tuple(data.get("specs", Project.specs)),
        output=data.get("output", Project.output),
        lock=data.get("lock", Project.lock),
        policies=tuple(data.get("policies", ())),
    )
    return project, []


def choose(
    project: Project, environment: str | None, given: Mapping[str, Any]
) -> tuple[Settings | None, list[Diagnostic]]:
    """See a project as one environment does; `given` are the values of the command line."""
    known = _at(project, "environments")
    if environment is not None and environment not in known:
        place = project.source or Source(FILE, None, {}, {})
        message = f"there is no environment {environment!r}"
        problem = Problem("unknown-environment", message, ("environments",), did_you_mean(environment, [*known]))
        return None, [place.locate(problem)]
    chosen = known.get(environment, {}) if environment else {}
    builtin = {"env": environment} if environment else {}
    try:
        expanded = values.expand({**chosen.get("values", {}), **given, **builtin})
    except values.UnknownValue as error:
        place = project.source or Source(FILE, None, {}, {})
        problem = Problem("unknown-value", error.message, ("environments", environment or "", "values"), error.hint)
        return None, [place.locate(problem)]
    layers: dict[str, list[Default]] = {}
    for name, default in _defaults(project, environment):
        layers.setdefault(name, []).append(default)
    defaults = {name: tuple(found) for name, found in layers.items()}
    return Settings(
        project=project,
        environment=environment,
        account=_last(defaults, "account"),
        region=_last(defaults, "region"),
        values=expanded,
        defaults={name: found for name, found in defaults.items() if name != "account"},
    ), []


def _defaults(project: Project, environment: str | None) -> Iterator[tuple[str, Default]]:
    for name, value in _at(project, "defaults").items():
        yield name, Default(value, ("defaults", name))
    if environment is not None:
        for name, value in _at(project, "environments", environment, "defaults").items():
            yield name, Default(value, ("environments", environment, "defaults", name))


def _at(project: Project, *path: str) -> dict[str, Any]:
    found = source.get(project.source.data, path) if project.source else None
    return found if isinstance(found, dict) else {}


def _last(defaults: Mapping[str, tuple[Default, ...]], name: str) -> str | None:
    return defaults[name][-1].value if name in defaults else None
