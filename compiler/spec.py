"""Specs: one document each, with values filled in and the project's defaults laid under.

In: a `Source` and the `Settings` of an environment. Out: a `Spec` whose fields the kind's schema accepts, or
diagnostics: unknown kinds, unknown values, everything that the schema refuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler import schema, values
from compiler.diagnostics import Diagnostic, Path, Problem, Problems, did_you_mean
from compiler.project import Settings
from compiler.source import Source
from compiler.trace import Traced

Overlays = Mapping[Path, tuple[Source, Path]]


@dataclass(frozen=True)
class Spec:
    """A spec; `overlays` says which places come from the project file.

    `broken` is None for a spec that its schema accepts, else the fields that it refuses: such a spec is only
    looked at further to say everything about it at once.
    """

    source: Source = field(repr=False)
    kind: str
    name: str
    data: dict[str, Any] = field(repr=False)
    default_tags: Mapping[str, Any] = field(default_factory=dict, repr=False)
    overlays: Overlays = field(default_factory=dict, repr=False)
    broken: frozenset[str] | None = None

    @property
    def address(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def run(self) -> int:
        return int(self.data["metadata"].get("run", 1))

    @property
    def fields(self) -> Traced:
        """The kind's own fields; what they are made into remembers them."""
        fields = self.data["spec"]
        if self.broken:
            fields = {name: value for name, value in fields.items() if name not in self.broken}
        return Traced(fields, ("spec",))

    def tags(self) -> dict[str, Traced]:
        """The spec's tags over the project's."""
        merged = {key: Traced(value, ("defaults", "tags", key)) for key, value in self.default_tags.items()}
        for key, value in tag_items(self.fields.tags):
            merged[key] = value
        return merged

    def refs(self) -> Iterator[tuple[str, str]]:
        """The fields that refer to other specs, with the addresses."""
        for name, value in self.fields.value.items():
            if isinstance(value, dict) and set(value) == {"ref"}:
                yield name, value["ref"]

    def locate(self, problem: Problem) -> Diagnostic:
        return _locate(self.source, self.overlays, problem, self.address)


def _locate(found: Source, overlays: Overlays, problem: Problem, address: str) -> Diagnostic:
    for length in range(len(problem.path), 0, -1):
        if problem.path[:length] in overlays:
            other, prefix = overlays[problem.path[:length]]
            moved = Problem(**{**problem.__dict__, "path": (*prefix, *problem.path[length:])})
            return other.locate(moved, address)
    return found.locate(problem, address)


def read(found: Source, settings: Settings) -> tuple[Spec | None, list[Diagnostic]]:
    """Read one document as a spec."""
    problems = Problems()
    kind = _envelope(found.data, problems)
    if kind is None:
        return None, [found.locate(p) for p in problems]
    data = _with_metadata(found.data, settings, problems)
    data, overlays = _with_defaults(data, settings, schema.load(kind))
    name = data["metadata"].get("name") if isinstance(data.get("metadata"), dict) else None
    tags, tag_overlays = _default_tags(settings)
    overlays.update(tag_overlays)
    known = {**settings.values, "spec.name": name, "spec.run": _run(data)}
    tags = values.substitute(tags, known, problems, ("defaults", "tags"))
    if "spec" in data:
        data["spec"] = values.substitute(data["spec"], known, problems, ("spec",))
    address = f"{kind}/{name}" if isinstance(name, str) else kind
    broken = {p.path for p in problems}
    problems += [p for p in schema.validate(kind, data) if p.path not in broken]
    diagnostics = [_locate(found, overlays, p, address) for p in problems]
    if not isinstance(name, str) or not isinstance(data.get("spec"), dict):
        return None, diagnostics
    return Spec(found, kind, name, data, tags, overlays, _broken_fields(data, problems)), diagnostics


def _broken_fields(data: dict[str, Any], problems: Problems) -> frozenset[str] | None:
    """The fields that the schema refuses, which nothing more can be said about; None where all is well."""
    if not problems:
        return None
    return frozenset(
        str(p.path[1]) for p in problems if len(p.path) > 1 and p.path[0] == "spec" and p.path[1] in data["spec"]
    )


def _envelope(data: Any, problems: Problems) -> str | None:
    if not isinstance(data, dict):
        problems.error("wrong-type", "a spec is a mapping with apiVersion, kind, metadata and spec")
        return None
    kind = data.get("kind")
    if kind is None:
        problems.error("missing-field", "'kind' is required", (), f"one of: {', '.join(schema.kinds())}")
        return None
    if not isinstance(kind, str) or kind not in schema.kinds():
        hint = did_you_mean(str(kind), schema.kinds())
        problems.error("unknown-kind", f"there is no kind {kind!r}", ("kind",), hint)
        return None
    return kind


def _with_metadata(data: dict[str, Any], settings: Settings, problems: Problems) -> dict[str, Any]:
    """Fill values into everything but the fields, which may use the metadata's result."""
    return {
        key: value if key == "spec" else values.substitute(value, settings.values, problems, (key,))
        for key, value in data.items()
    }


def _run(data: dict[str, Any]) -> Any:
    return data["metadata"].get("run", 1) if isinstance(data.get("metadata"), dict) else 1


def _with_defaults(
    data: dict[str, Any], settings: Settings, kind_schema: dict[str, Any]
) -> tuple[dict[str, Any], dict[Path, tuple[Source, Path]]]:
    """Lay the project's defaults under the fields that the kind has; the spec's own win."""
    overlays: dict[Path, tuple[Source, Path]] = {}
    fields, project = data.get("spec"), settings.project.source
    if not isinstance(fields, dict) or project is None:
        return data, overlays
    known = kind_schema["properties"]["spec"]["properties"]
    laid = dict(fields)
    for name, layers in settings.defaults.items():
        if name in known and name not in fields and name != "tags":
            laid[name] = layers[-1].value
            overlays["spec", name] = (project, layers[-1].path)
    return {**data, "spec": laid}, overlays


def _default_tags(settings: Settings) -> tuple[dict[str, Any], dict[Path, tuple[Source, Path]]]:
    """Merge the layers of default tags; the stronger layer wins."""
    tags: dict[str, Any] = {}
    overlays: dict[Path, tuple[Source, Path]] = {}
    for layer in settings.defaults.get("tags", ()):
        for key, value in tag_items(Traced(layer.value, layer.path)):
            tags[key] = value.value
            if settings.project.source:
                overlays["defaults", "tags", key] = (settings.project.source, value.path)
    return tags, overlays


def tag_items(tags: Traced) -> Iterator[tuple[str, Traced]]:
    """Go through tags in any of their spellings, as the schema lets them pass."""
    if isinstance(tags.value, dict):
        yield from tags.entries()
    else:
        for tag in tags:
            lower = tag["key"].given
            yield tag["key" if lower else "Key"].value, tag["value" if lower else "Value"]
