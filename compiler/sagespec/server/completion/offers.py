"""The values that a field may have: what its schema lists, specs that it may refer to, what is known by name, files.

In: a document without the value that is typed, and the path of the value. Out: offers, those that are values of the
field alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sagespec.checking import schema
from sagespec.compiling import location
from sagespec.diagnostics import KeyPath
from sagespec.project import references
from sagespec.review import explain, fields
from sagespec.review.fields import Shape
from sagespec.sagemaker.inputs import Resolved
from sagespec.server.completion import file_offers, forms, keys, lock_offers
from sagespec.server.completion.offer import Offer
from sagespec.server.completion.subject import Subject


def of_field(subject: Subject, path: KeyPath, typed: str) -> Iterator[Offer]:
    """Offer the values of the field at a path."""
    if path == ("kind",):
        yield from kinds(subject.document)
        return
    if path[:1] == ("exceptions",) and subject.document == "Project":
        yield from _of_exception(subject, path)
        return
    owner = keys.in_kind(subject.document, path, subject.data)
    document, inner, data = owner or (subject.document, path, subject.data)
    shapes = forms.at(document, data, inner)
    if not inner or not shapes:
        return
    known = [*_refs(subject, document, inner), *lock_offers.of_field(subject, inner)]
    listed = [*_listed(shapes)]
    details = {_key(offer.value): offer for offer in known}
    for offer in () if inner == ("spec", "benchmark") else listed:  # not every benchmark is for every model
        yield details.pop(_key(offer.value), offer)
    yield from details.values()
    yield from file_offers.of_field(subject, path, typed)


def kinds(document: str) -> Iterator[Offer]:
    """Offer the kinds with their descriptions; in a project file its own."""
    for name in [explain.PROJECT] if document == explain.PROJECT else schema.kinds():
        yield Offer(name, "kind", str(schema.load(name).get("description", "")))


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _listed(shapes: list[Shape]) -> Iterator[Offer]:
    """Offer what the schema lists: constants, enumerations, true and false, the default."""
    for shape in shapes:
        default = shape.get("default")
        about = str(shape.get("description", "")) if "const" in shape else ""
        values = [*shape.get("enum", ()), *([shape["const"]] if "const" in shape else ())]
        if shape.get("type") == "boolean":
            values = [True, False]
        if default is not None and not isinstance(default, dict | list) and default not in values:
            values.append(default)
        for value in values:
            yield Offer(value, "value", about or ("default" if value == default else ""), rank=4)


def _refs(subject: Subject, document: str, path: KeyPath) -> Iterator[Offer]:
    """Offer the specs that a field may refer to, as `{ref: ADDRESS}`, or the addresses within a ref."""
    is_inside = path[-1:] == ("ref",)
    field = fields.find(document, path[:-1] if is_inside else path)
    if field is None or not field.refs or subject.checked is None:
        return
    for address, detail in _targets(subject, field.refs, path):
        yield Offer(address if is_inside else {"ref": address}, "ref", detail, rank=3)


def _targets(subject: Subject, allowed: tuple[str, ...], path: KeyPath) -> Iterator[tuple[str, str]]:
    resolved: Mapping[str, Resolved] = subject.checked.resolved if subject.checked else {}
    own = subject.spec.address if subject.spec else ""
    cyclic = {own, *references.users([own], subject.checked.edges if subject.checked else {})}
    here = subject.context
    for address, there in resolved.items():
        if there.spec.kind not in allowed or address in cyclic:
            continue
        if here is not None and location.is_elsewhere(there, here):
            continue
        if path[:2] == ("spec", "model") and not lock_offers.can_be_used(subject, {"ref": address}):
            continue
        description = there.spec.data["metadata"].get("description", "")
        yield address, " ".join(str(description).split()) or there.spec.source.file


def _of_exception(subject: Subject, path: KeyPath) -> Iterator[Offer]:
    """Offer ids of policies and names of limits, or the addresses of specs."""
    if subject.checked is None or len(path) != 3:
        return
    project = subject.checked.settings.project
    if path[2] == "policy":
        for name, policy in subject.checked.policies.items():
            yield Offer(name, "value", policy.title or policy.id)
        for name, most in project.limits.items():
            yield Offer(name, "value", f"limit of {most:g}")
    elif path[2] == "address":
        for address, there in subject.checked.resolved.items():
            yield Offer(address, "ref", there.spec.source.file)
