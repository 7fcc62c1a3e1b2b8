"""What becomes of a field in its project: the value that is filled in or sent, and what the lock knows of it.

In: a `Place`, and a document there. Out: lines, in which values stand as `Code`. Values of environment variables, and
what looks like a secret, are masked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from sagespec import disk
from sagespec.compiling import location, workspace
from sagespec.compiling.build import Build
from sagespec.compiling.workspace import Checked
from sagespec.diagnostics import KeyPath, Problems, secrets
from sagespec.diagnostics.escapes import cut
from sagespec.documents import compiled
from sagespec.project import settings, values
from sagespec.project import spec as specs
from sagespec.project.facts import Context, MissingFact
from sagespec.project.settings import Settings
from sagespec.project.spec import Spec
from sagespec.reading import source
from sagespec.reading.document import as_data
from sagespec.reading.source import Source
from sagespec.sagemaker import catalog, model
from sagespec.sagemaker.inputs import Resolved
from sagespec.server.examination import Examination


class Code(str):
    """A part of a line that is a value, a name or a path."""


Line = tuple[str, ...]
_LONGEST = 200
"""The most characters of one value."""
_NO_NAMES = ("code", "job_schemas")
"""Sections of the lock whose names no spec writes."""
_MOST = 6
"""The most values that are listed for one field."""


@dataclass(frozen=True)
class Outcome:
    """A document of a project, as it would be compiled; of a document with errors, what is known of it."""

    examined: Examination = field(repr=False)
    checked: Checked = field(repr=False)
    document: Source = field(repr=False)

    @property
    def settings(self) -> Settings:
        return self.checked.settings

    @cached_property
    def spec(self) -> Spec | None:
        """The document as a spec, with values and defaults filled in."""
        with disk.through(self.examined.buffers):
            return specs.read(self.document, self.settings)[0]

    @cached_property
    def resolved(self) -> Resolved | None:
        """The spec without mistakes; None where it has some, or was changed since it was checked."""
        known = self.checked.resolved.get(self.spec.address) if self.spec else None
        return known if known and known.spec.source.data == self.document.data else None

    @cached_property
    def build(self) -> Build | None:
        """What the spec compiles to, if it compiles."""
        if self.resolved is None:
            return None
        address = self.resolved.spec.address
        with disk.through(self.examined.buffers), self.examined.builds.used():
            return workspace.compile(replace(self.checked, targets=(address,))).builds.get(address)

    @cached_property
    def context(self) -> Context | None:
        """The facts of the account and region of the document."""
        return location.known(self.spec, self.settings, self.examined.lock)

    def of_field(self, path: KeyPath) -> Iterator[Line]:
        """Yield what is filled in, what is sent, what the recipe says, and which default the spec overrides."""
        if self.spec is None or secrets.is_secret(path):
            return
        written, filled = source.get(self.document.data, path), source.get(self.spec.data, path)
        if filled != written and not isinstance(filled, dict | list):
            yield "With values filled in: ", shown(filled, path)
        if path == ("spec",):
            yield from self._filled_in()
            yield from self._left_out()
        elif len(path) == 2 and path[0] == "spec":
            yield from self._overridden(str(path[1]))
        if path[:2] == ("spec", "hyperparameters") and len(path) == 3:
            yield from self._recipes(str(path[2]))
        yield from self._sent(path, filled)
        if path[:1] == ("spec",) and isinstance(filled, str):
            yield from self._locked(filled)

    def of_default(self, path: KeyPath) -> Iterator[Line]:
        """Yield what the lock knows of a default of the project file."""
        value = source.get(self.document.data, path)
        if isinstance(value, str) and not secrets.is_secret(path):
            yield from self._locked(value)

    def _filled_in(self) -> Iterator[Line]:
        """Yield the fields that the project's defaults fill in."""
        for path, (file, there) in (self.spec.overlays if self.spec else {}).items():
            if path[:1] == ("spec",) and len(path) == 2 and there[:1] in (("defaults",), ("environments",)):
                value = shown(source.get(self.spec.data, path), path) if self.spec else ""
                yield Code(path[1]), ": ", value, ", the default of ", Code(line_of(file, there))
        for path, (file, there) in (self.spec.overlays if self.spec else {}).items():
            if path[:2] == ("defaults", "tags") and self.spec:
                value = shown(self.spec.default_tags.get(str(path[2])), path)
                yield "tag ", Code(path[2]), ": ", value, ", the default of ", Code(line_of(file, there))

    def _left_out(self) -> Iterator[Line]:
        """Yield the fields that are left out, with what is sent for each: facts and defaults."""
        given = self.spec.data["spec"] if self.spec else {}
        found: dict[str, Line] = {}
        for request in self._requests():
            for member, origin in self.build.provenance[request.id].items() if self.build else ():
                value = source.get(request.parameters, member)
                if (
                    len(origin) == 2
                    and origin[0] == "spec"
                    and origin[1] not in given
                    and value not in (None, {}, [])
                ):
                    sent = Code(f"{request.operation}.{_member(member)}"), ": ", shown(value, member)
                    found.setdefault(str(origin[1]), (Code(origin[1]), " is left out; sent as ", *sent))
        yield from found.values()

    def _locked(self, name: str) -> Iterator[Line]:
        """Yield what the lock knows by a name: a role, a model, a judge, a group."""
        for section, facts in (self.context.facts if self.context else {}).items():
            if not isinstance(facts, dict) or section in _NO_NAMES:
                continue
            known = facts.get(model.alias(name) if section == "hub_models" else name)
            if known is None and section == "evaluators":
                known = next((one for one in facts.values() if one.get("name") == name), None)
            if known is None:
                continue
            about = known if isinstance(known, dict) else {"arn": known}
            said = [
                f"{key.replace('_', ' ')} {one if isinstance(one, str) else json.dumps(one)}"
                for key, one in about.items()
                if one is not None and not isinstance(one, dict | list)
            ]
            yield f"In the lock, {section.replace('_', ' ')}: ", shown(", ".join(said), ("spec",))

    def _overridden(self, name: str) -> Iterator[Line]:
        file = self.settings.project.source
        for default in self.settings.defaults.get(name, ())[-1:] if file else ():
            value = as_data(default.value)
            if file and name != "tags" and name in source.get(self.document.data, ("spec",)):
                yield "In place of the default of ", Code(line_of(file, default.path)), ": ", shown(value, (name,))

    def _recipes(self, name: str) -> Iterator[Line]:
        """Yield what the lock says of a hyperparameter of this model."""
        if self.spec is None or self.context is None:
            return
        given = self.spec.data["spec"].get("model")
        target = given.get("ref") if isinstance(given, dict) else None
        known = self.checked.resolved.get(target) if isinstance(target, str) else None
        try:
            if known is not None and known.exports.model is not None:
                rows = catalog.of_recipes(known.exports.model, self.spec.kind)
            elif isinstance(given, str):
                rows = catalog.hyperparameters_of(self.context, given, self.spec.kind)
            else:
                return
        except MissingFact:
            return
        for row in [row for row in rows if row["name"] == name][:_MOST]:
            limits = [f"{key} {json.dumps(row[key])}" for key in ("default", "min", "max", "enum") if key in row]
            yield "In the recipe ", Code(row["recipe"]), f": {', '.join([row.get('type', 'any'), *limits])}"

    def _sent(self, path: KeyPath, filled: Any) -> Iterator[Line]:
        """Yield the members of requests that are made from a field, where they differ from it."""
        seen: dict[str, Line] = {}
        for request in self.build.compiled.requests if self.build else ():
            for member, origin in self.build.provenance[request.id].items() if self.build else ():
                value = source.get(request.parameters, member)
                if origin != path or value == filled or (isinstance(filled, dict | list) and not filled):
                    continue
                name = _member(member)
                if name and not secrets.is_secret(member):
                    sent = shown(value, member)
                    seen.setdefault(sent, ("Sent as ", Code(f"{request.operation}.{name}"), ": ", sent))
        yield from [*seen.values()][:_MOST]
        if len(seen) > _MOST:
            yield (f"... and {len(seen) - _MOST} members more",)

    def of_name(self) -> Iterator[Line]:
        """Yield address, names and compiled file of the spec."""
        if self.spec is None:
            return
        yield "Address: ", Code(self.spec.address)
        yield "Qualified name: ", Code(self.settings.qualified_name(self.spec.name))
        if self.build is not None:
            made = self.build.compiled
            file = self.settings.output / made.path
            root = self.settings.project.root
            named = file.relative_to(root) if file.is_relative_to(root) else file
            yield "Compiled file: ", Code(named.as_posix())
            yield "Identity: ", Code(made.identity[: compiled.DIGITS])
        else:
            yield ("It does not compile.",)

    def of_ref(self, target: str) -> Iterator[Line]:
        """Yield where the spec of an address is, what it offers, and what of it is used here."""
        known = self.checked.resolved.get(target)
        if known is None:
            yield f"{'It has errors' if target in self.checked.following else 'There is no valid spec of it'}.", ""
            return
        there = known.spec.source
        yield "Defined at ", Code(f"{there.file}:{there.span(('metadata', 'name')).line}")
        made = known.exports
        if made.model is not None:
            yield "It trains the model ", Code(made.model.name)
        if made.agent is not None:
            yield ("It has an agent",)
        if made.function is not None:
            yield ("It makes a Lambda function",)
        if made.config is not None:
            yield ("It starts processes",)
        used = {name for request in self._requests() for name in compiled.outputs_in(request.parameters)}
        for output in sorted(name for name in used if name.rpartition(".")[0] == target):
            yield "Used here: ", Code(output.rpartition(".")[2])

    def _requests(self) -> tuple[compiled.Request, ...]:
        return self.build.compiled.requests if self.build else ()

    def of_value(self, name: str) -> Iterator[Line]:
        """Yield what `${name}` is: in the environment that the project is checked in, and in the others."""
        if name in values.OF_SPEC:
            value = self._values(self.settings)[name]
            if value != "" and self.document.file != settings.FILE:
                yield "In this spec: ", shown(value, (name,))
            return
        project, chosen = self.settings.project, self.settings.environment
        others = [one for one in project.environments() if one != chosen]
        for environment in [chosen, *others]:
            here, _ = settings.choose(project, environment, {}) if environment != chosen else (self.settings, [])
            said = f"In {environment}: " if environment else "Without an environment: "
            known = self._values(here) if here else {}
            if name not in known:
                yield f"{said}no value", ""
                continue
            value = known[name]
            path: KeyPath = ("environments", environment or "", "values", name)
            place = f" ({line_of(project.source, path)})" if project.source and path in project.source.keys else ""
            yield said, shown(value, (name,)), place

    def _values(self, here: Settings) -> dict[str, Any]:
        """Return the values that the document may use in an environment; in a project file the name is empty."""
        metadata = source.get(self.document.written, ("metadata",)) if self.document.file != settings.FILE else None
        known, _ = values.of_spec(here.values, here.pending, metadata, Problems())
        return {name: as_data(value) for name, value in known.items()}


def line_of(file: Source, path: KeyPath) -> str:
    return f"{file.file}:{file.span(path, on_key=True).line}"


def shown(value: Any, path: KeyPath) -> Code:
    """Write a value on one line, secrets masked."""
    kept: Any = value
    for step in reversed(path):
        kept = {str(step): kept}
    hidden: Any = secrets.hidden(kept)
    for step in path:
        hidden = hidden[str(step)] if isinstance(hidden, dict) else hidden
    text = hidden if isinstance(hidden, str) else json.dumps(hidden, ensure_ascii=False)
    return Code(cut(" ".join(text.split()), _LONGEST))


def _member(path: KeyPath) -> str:
    """Write a member of a request; '' for parts of markers and for entries of lists that are made."""
    return ".".join(str(step) for step in path if step != "$json")
