"""Read specs: fill in values, add the project's defaults, and check the result against the kind's schema.

In: a `Source` and the `Settings` of an environment. Out: a `Spec`, or diagnostics: unknown kinds, unknown values,
errors against the schema, keys that have a meaning in compiled files, reserved tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any, NamedTuple

from sagespec.checking import schema
from sagespec.checking.pipeline_graph import EXPRESSIONS
from sagespec.diagnostics import Diagnostic, Hint, KeyPath, Problem, Problems, did_you_mean, dotted, secrets
from sagespec.documents.compiled import MARKERS
from sagespec.documents.traced import Traced
from sagespec.project import advice, tags, values
from sagespec.project import contents as content_files
from sagespec.project.contents import Content
from sagespec.project.settings import Settings
from sagespec.reading.document import Written, as_data, as_texts
from sagespec.reading.source import Source, each, get

Overlays = Mapping[KeyPath, tuple[Source, KeyPath]]


class Ref(NamedTuple):
    """A ref of a spec: the key path of its field below `spec`, the address, and the kinds that the field takes."""

    field: KeyPath
    target: str
    kinds: tuple[str, ...]

    @property
    def path(self) -> KeyPath:
        """The key path of the address in the spec."""
        return ("spec", *self.field, "ref")

    @property
    def name(self) -> str:
        """The field as text."""
        return dotted(self.field)


@dataclass(frozen=True)
class Spec:
    """A spec; `overlays` maps key paths whose values come from the project file to their source.

    `broken` is None for a valid spec, else the names of its wrong fields. An invalid spec is checked further so that
    all its errors are reported at once. `contents` are the files whose content is the value of a field.
    """

    source: Source = field(repr=False)
    kind: str
    name: str
    data: dict[str, Any] = field(repr=False)
    default_tags: Mapping[str, Any] = field(default_factory=dict, repr=False)
    overlays: Overlays = field(default_factory=dict, repr=False)
    broken: frozenset[str] | None = None
    contents: tuple[Content, ...] = field(default=(), repr=False)

    @property
    def address(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def run(self) -> int:
        return int(self.data["metadata"].get("run", 1))

    @property
    def fields(self) -> Traced:
        """The kind's own fields, traced, without the broken ones."""
        fields = self.data["spec"]
        if self.broken:
            fields = {name: value for name, value in fields.items() if name not in self.broken}
        return Traced(fields, ("spec",))

    def tags(self) -> dict[str, Traced]:
        """Merge the spec's tags over the project's, sorted by key, because their order in the file has no meaning."""
        merged = {key: Traced(value, ("defaults", "tags", key)) for key, value in self.default_tags.items()}
        for key, value in tags.items(self.fields.tags):
            merged[key.value] = value
        return dict(sorted(merged.items()))

    @cached_property
    def refs(self) -> tuple[Ref, ...]:
        """The refs to other specs."""
        fields = self.fields.value
        return tuple(
            Ref(path, value["ref"], kinds)
            for field, kinds in ref_kinds(self.kind).items()
            for path, value in each(fields, field)
            if isinstance(value, dict) and set(value) == {"ref"} and isinstance(value["ref"], str)
        )

    def locate(self, problem: Problem) -> Diagnostic:
        return _locate(self.source, self.overlays, problem, self.address, self._variables)

    @cached_property
    def _variables(self) -> Mapping[str, str]:
        return secrets.variables(self.data)


@cache
def ref_kinds(kind: str) -> dict[KeyPath, tuple[str, ...]]:
    """Return the fields of a kind that take refs, by key path below `spec`, with the kinds that each may refer to."""
    return {path: tuple(shape["x-ref"]) for path, shape in schema.shapes(kind) if "x-ref" in shape}


def _locate(
    source: Source, overlays: Overlays, problem: Problem, address: str, given: Mapping[str, str]
) -> Diagnostic:
    """Locate a problem; values of environment variables, which are `given`, are masked in its texts."""
    if given:
        message, hint = secrets.unquoted(problem.message, given), secrets.unquoted(problem.hint, given)
        problem = replace(problem, message=message, hint=hint)
    located = _placed(source, overlays, problem, address)
    return replace(located, path=secrets.unquoted(located.path, given)) if given else located


def _placed(source: Source, overlays: Overlays, problem: Problem, address: str) -> Diagnostic:
    for length in range(len(problem.path), 0, -1):
        if problem.path[:length] in overlays:
            other, prefix = overlays[problem.path[:length]]
            return other.locate(replace(problem, path=(*prefix, *problem.path[length:])), address)
    return source.locate(problem, address)


def read(source: Source, settings: Settings) -> tuple[Spec | None, list[Diagnostic]]:
    """Read one document as a spec.

    Returns None for a document without a valid kind, name or fields.
    """
    problems = Problems()
    kind = _envelope(source.data, problems)
    if kind is None:
        return None, source.diagnose() + [source.locate(p) for p in source.beyond(problems)]
    written, known = _with_metadata(source.written, settings, problems)
    written, overlays = _with_defaults(written, settings, kind)
    if "spec" in written:
        filled = values.substitute(written["spec"], known, problems, ("spec",))
        written["spec"] = _as_texts(kind, filled, problems)
    contents = content_files.read(kind, written.get("spec"), source.file, settings.project, problems)
    for path, content in contents.items():
        if content.source is not None:
            written["spec"] = {**written["spec"], path[1]: content.source.written}
            if content.texts:  # what is said of the field as a whole is said at the spec's own line
                overlays.update({(*path, key): (content.source, (key,)) for key in content.source.data})
    data = as_data(written)
    name = known["spec.name"]
    unfilled = {p.path for p in problems.errors}
    wrong = [p for p in schema.validate(kind, data) if p.path not in unfilled]
    problems += [advice.of(p, get(data, p.path), ref_kinds(kind)) for p in wrong]
    problems += _reserved(kind, data, problems.errors)
    address = f"{kind}/{name}" if name else kind
    default_tags, tag_overlays, diagnostics = _default_tags(settings, known, kind, address)
    overlays.update(tag_overlays)
    diagnostics += source.diagnose(address)
    diagnostics += [replace(d, address=address) for content in contents.values() for d in content.diagnostics]
    given = secrets.variables(data)
    diagnostics += [_locate(source, overlays, p, address, given) for p in source.beyond(problems)]
    if not name or not isinstance(data.get("spec"), dict):
        return None, diagnostics
    refused = _refused_fields(data, [*problems.errors, *(fault.problem for fault in source.faults)])
    refused |= {str(path[1]) for path, content in contents.items() if content.source is None}
    broken = refused if any(d.is_error for d in diagnostics) else None
    return Spec(source, kind, name, data, default_tags, overlays, broken, tuple(contents.values())), diagnostics


def _envelope(data: Any, problems: Problems) -> str | None:
    if not isinstance(data, dict):
        problems.error("wrong-type", "a spec is a mapping with apiVersion, kind, metadata and spec")
        return None
    kind = data.get("kind")
    if kind is None:
        problems.error("missing-field", "'kind' is required", (), f"one of: {', '.join(schema.kinds())}")
        return None
    if not isinstance(kind, str) or kind not in schema.kinds():
        hint = advice.kind(str(kind)) or did_you_mean(str(kind), schema.kinds())
        problems.error("unknown-kind", f"there is no kind {kind!r}", ("kind",), hint)
        return None
    return kind


def _with_metadata(
    data: dict[str, Any], settings: Settings, problems: Problems
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fill values into everything but the fields; return the data, and all values that the fields may use."""
    known, own = values.of_spec(settings.values, settings.pending, data.get("metadata"), problems)
    filled = dict(data)
    for key, value in data.items():
        if key != "spec":
            rest = {k: v for k, v in value.items() if k not in own} if own and key == "metadata" else value
            filled[key] = values.substitute(rest, known, problems, (key,))
    if own:
        filled["metadata"] |= own
    return filled, known


def _with_defaults(
    data: dict[str, Any], settings: Settings, kind: str
) -> tuple[dict[str, Any], dict[KeyPath, tuple[Source, KeyPath]]]:
    """Add the project's defaults for fields that the kind has and the spec leaves out."""
    overlays: dict[KeyPath, tuple[Source, KeyPath]] = {}
    fields, project = data.get("spec"), settings.project.source
    if not isinstance(fields, dict) or project is None:
        return data, overlays
    known = schema.fields(kind)
    laid = dict(fields)
    for name, layers in settings.defaults.items():
        if name in known and name not in fields and name != "tags":
            laid[name] = layers[-1].value
            overlays["spec", name] = (project, layers[-1].path)
    return {**data, "spec": laid}, overlays


def _as_texts(kind: str, fields: Any, problems: Problems) -> Any:
    """Replace scalars by their spelling in the fields that are mappings of texts, such as `environment`."""
    if not isinstance(fields, dict):
        return fields
    result = dict(fields)
    for name, shape in schema.fields(kind).items():
        if name in fields and shape.get("x-texts"):
            problems += _nulls(fields[name], ("spec", name))
            result[name] = as_texts(fields[name])
    return result


def _nulls(texts: Any, path: KeyPath) -> Iterator[Problem]:
    """Warn of a null among texts: it would be sent as a text, while leaving the key out means "no value"."""
    if isinstance(texts, Written) and texts.value is None:
        message = f"null is sent as the text {texts.text!r}"
        yield Problem("null-text", message, path, Hint("quote it, or leave the key out", "quote"), "warning")
    for key, item in texts.items() if isinstance(texts, dict) else ():
        yield from _nulls(item, (*path, key))
    for index, item in enumerate(texts if isinstance(texts, list) else ()):
        yield from _nulls(item, (*path, index))


def _reserved(kind: str, data: dict[str, Any], problems: Problems) -> Iterator[Problem]:
    """Yield keys that have a meaning in compiled files, and reserved tags."""
    if not isinstance(data.get("spec"), dict):
        return
    runs = schema.runs(kind)
    keys = {*MARKERS, *(EXPRESSIONS if runs.startswith("execution/") else ())}
    refused = _refused_fields(data, problems)
    for name, value in data["spec"].items():
        if name == "tags" and name not in refused:
            yield from tags.check(Traced(value, ("spec", name)), runs)
        elif name not in refused:
            yield from _keys_among(keys, value, ("spec", name))


def _keys_among(keys: set[str], data: Any, path: KeyPath) -> Iterator[Problem]:
    if isinstance(data, dict):
        for key, value in data.items():
            if key in keys:
                message = f"the key {key!r} has a meaning of its own in what is sent"
                yield Problem("reserved-key", message, (*path, key), "use another name", on_key=True)
            yield from _keys_among(keys, value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _keys_among(keys, value, (*path, index))


def _refused_fields(data: dict[str, Any], problems: Iterable[Problem]) -> frozenset[str]:
    """Return the fields with errors, which are not checked further."""
    fields = data.get("spec")
    wrong = {str(p.path[1]) for p in problems if p.path[:1] == ("spec",) and len(p.path) > 1}
    return frozenset(wrong.intersection(fields if isinstance(fields, dict) else ()))


def _default_tags(
    settings: Settings, known: Mapping[str, Any], kind: str, address: str
) -> tuple[dict[str, Any], dict[KeyPath, tuple[Source, KeyPath]], list[Diagnostic]]:
    """Merge the layers of default tags; the stronger layer wins."""
    merged: dict[str, Any] = {}
    overlays: dict[KeyPath, tuple[Source, KeyPath]] = {}
    problems = Problems()
    project = settings.project.source
    if project is None:
        return merged, overlays, []
    for layer in settings.defaults.get("tags", ()):
        own = Problems()
        filled = values.substitute(layer.value, known, own, layer.path)
        own += _nulls(filled, layer.path)
        given = Traced(as_data(as_texts(filled)), layer.path)
        if filled != layer.value:
            shape = schema.load("Project")["properties"]["defaults"]["properties"]["tags"]
            wrong = schema.validate_against(shape, given.value)
            own += [replace(p, path=(*layer.path, *p.path)) for p in wrong]
        problems += [*own, *(() if own.errors else tags.check(given, schema.runs(kind)))]
        for key, value in () if own.errors else tags.items(given):
            merged[key.value] = value.value
            overlays["defaults", "tags", key.value] = (project, value.path)
    return merged, overlays, [project.locate(p, address) for p in problems]
