"""The keys that a mapping may still get: fields of its schema, and names that the lock or the project knows.

In: a document without the key that is typed, and the path of the mapping. Out: offers, required ones first, fields
with an explanation. Alternatives that what is written excludes are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sagespec.checking import schema
from sagespec.diagnostics import KeyPath
from sagespec.project import values
from sagespec.reading import source
from sagespec.review import explain
from sagespec.review.explain import Explanation
from sagespec.review.fields import Required, Shape
from sagespec.server.completion import forms, lock_offers
from sagespec.server.completion.offer import Block, Offer
from sagespec.server.completion.subject import Subject

_RANKS: dict[Required, int] = {"required": 0, "required in its form": 2, "": 5}
_BLOCKS: dict[str, Block] = {"object": "mapping", "array": "list"}
_EXCLUDING: dict[str, dict[str, tuple[str, ...]]] = {
    "source_code": {"entry_script": ("command",)},
    "compute": {
        "instance_groups": ("instance_type", "instance_count", "instance_preferences"),
        "instance_preferences": ("instance_type", "instance_placement_config", "enable_managed_spot_training"),
    },
}
"""Fields that exclude others by rules beside the schema, by the field that they are in."""


def of_mapping(subject: Subject, path: KeyPath) -> Iterator[Offer]:
    """Offer the keys that a mapping does not have yet."""
    present = subject.get(*path)
    written = set(present) if isinstance(present, dict) else set()
    for offer in _all(subject, path):
        if offer.value not in written:
            yield offer


def _all(subject: Subject, path: KeyPath) -> Iterator[Offer]:
    owner = in_kind(subject.document, path, subject.data)
    if owner is not None:
        document, inner, data = owner
        if not inner:
            yield from _defaults()
            return
        yield from _fields(document, data, inner)
        return
    unfit = _unfit(subject)
    for offer in _fields(subject.document, subject.data, path):
        if (*path, offer.value) not in unfit:
            yield offer
    yield from _free(subject, path)


def _unfit(subject: Subject) -> set[KeyPath]:
    """Return the fields that do not go with the model, or with another field."""
    unfit: set[KeyPath] = set()
    if subject.get("spec", "distributed"):  # it starts an entry_script
        unfit.add(("spec", "source_code", "command"))
    if subject.model is not None and not subject.model.data_mixing:
        unfit.add(("spec", "data_mixing_config"))
    return unfit


def _fields(document: str, data: object, path: KeyPath) -> Iterator[Offer]:
    here, beside = forms.at(document, data, path), source.get(data, path)
    present = set(beside) if isinstance(beside, dict) else set()
    excluding = _EXCLUDING.get(str(path[-1]), {}) if len(path) == 2 else {}
    shut = {other for name, others in excluding.items() if name in present for other in others}
    shut |= {name for name, others in excluding.items() if present.intersection(others)}
    for name, required in forms.missing(here, beside):
        if name not in shut:
            yield field(document, (*path, name), required, forms.below(here, document, name))


def field(document: str, path: KeyPath, required: Required, shapes: Iterable[Shape]) -> Offer:
    """Offer a field by its path."""
    about = explain.at(document, path)
    detail = _detail(about) if about else ""
    if path == ("kind",) and document != explain.PROJECT:  # it may be another one
        detail = "one of the kinds"
    types = [form.get("type") for form in shapes if "type" in form]
    first = types[0] if types else ""
    block = _BLOCKS.get(first, "") if isinstance(first, str) else ""
    return Offer(
        path[-1], "key", f"{detail}, required" if required == "required" else detail, about, _RANKS[required], block
    )


def _detail(about: Explanation) -> str:
    default = about.field.default
    return about.field.type + (f", default {default}" if default else "")


def in_kind(document: str, path: KeyPath, data: object) -> tuple[str, KeyPath, object] | None:
    """Return the kind and path of a field that is in the defaults of a project file; () for the defaults themselves.

    None for all other fields. Fields that several kinds have are those of the first of them.
    """
    if document != "Project":
        return None
    start = 1 if path[:1] == ("defaults",) else 3 if "environments" in path[:1] and "defaults" in path[2:3] else 0
    if not start:
        return None
    rest = path[start:]
    if not rest:
        return document, (), data
    own = schema.load("Project")["properties"]["defaults"]["properties"]
    kind = next((one for one in schema.kinds() if rest[0] in schema.fields(one)), None)
    if kind is None or (rest[0] in own and rest[0] != "role"):
        return None
    return kind, ("spec", *rest), {"spec": source.get(data, path[:start])}


def _defaults() -> Iterator[Offer]:
    """Offer what may have a default: the project's own names, and the fields of all kinds."""
    whole = schema.load("Project")["properties"]["defaults"]
    seen = set()
    for name in whole["properties"]:
        seen.add(name)
        yield field("Project", ("defaults", name), "", forms.below([whole], "Project", name))._replace(rank=3)
    for kind in schema.kinds():
        for name, shape in schema.fields(kind).items():
            if name not in seen:
                seen.add(name)
                yield field(kind, ("spec", name), "", forms.below([{"properties": {name: shape}}], kind, name))


def _free(subject: Subject, path: KeyPath) -> Iterator[Offer]:
    """Offer the names of mappings with free keys, where they are known."""
    if path == ("spec", "hyperparameters"):
        yield from lock_offers.hyperparameters(subject)
    elif path == ("spec", "data_mixing_config", "nova_data_percentages"):
        yield from lock_offers.categories(subject)
    elif subject.document == "Project" and path == ("prices",):
        yield from (offer._replace(sort="key") for offer in lock_offers.instances(subject))
    elif subject.document == "Project" and path[:1] == ("environments",) and path[2:] == ("values",):
        used = subject.checked.uses if subject.checked else frozenset()
        for name in sorted(used - set(values.BUILT_IN)):
            yield Offer(name, "key", "value that specs use")
