"""Explain kinds, fields and rules: all that is known of one, as data.

In: a name such as `ModelTrainer.compute.instance_count`, `Project.defaults` or `unknown-key`, or the key path of a
field. Out: an `Explanation` of a field, of a kind (the field with the path `()`), or a `Rule`. Refuses unknown names
with a hint. `explained` writes explanations as text, Markdown and data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sagespec.checking import schema
from sagespec.diagnostics import did_you_mean, nearest
from sagespec.diagnostics.rules import RULES
from sagespec.diagnostics.rules.rule import Rule
from sagespec.review import destinations, examples, field_rules, fields, sdk_names
from sagespec.review.destinations import NO_USE, Use
from sagespec.review.fields import ANY_KEY, ENTRY, Field, Steps, dotted

PROJECT = "Project"
_TOP = ("apiVersion", "kind", "metadata", "spec")


class Unknown(Exception):
    """A name that stands for nothing; `hint` is the nearest that does."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True)
class Explanation:
    """All that is known of a field, or of a kind.

    `use` is empty for fields of the project file. `sdk` are the SDK's names for it, `rules` the ids of the rules that
    concern it. `example` is a value that compiles, where `has_example`.
    """

    field: Field
    use: Use = NO_USE
    sdk: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    example: Any = None
    has_example: bool = False

    @property
    def members(self) -> tuple[Explanation, ...]:
        """The fields directly below."""
        return tuple(_explained(self.field.document, path) for path in self.field.members)


def documents() -> tuple[str, ...]:
    """Return what has fields: the kinds, and the project file."""
    return (*schema.kinds(), PROJECT)


def at(document: str, path: Iterable[str | int]) -> Explanation | None:
    """Explain the field at a key path of a spec or of the project file; None where its schema has none."""
    field = fields.find(document, path)
    return None if field is None else _explained(document, field.path)


def below(explanation: Explanation, depth: int) -> Iterator[tuple[int, Explanation]]:
    """Yield all fields below one, each with its depth, which begins at 1 and ends at `depth`."""
    for member in explanation.members if depth > 0 else ():
        yield 1, member
        yield from ((level + 1, inner) for level, inner in below(member, depth - 1))


def named(name: str) -> Explanation | Rule:
    """Explain what a name stands for: `KIND`, `KIND.field`, `metadata.field`, `Project.field` or the id of a rule.

    `spec` may be left out, and so may `[]`. Raises Unknown.
    """
    if name in RULES:
        return RULES[name]
    first, *rest = destinations.parsed(re.sub(r"\[\w*\]", ENTRY, name.strip()).removesuffix(".")) or ("",)
    document = next((one for one in documents() if one.lower() == first.lower()), None)
    if document is None and first == "metadata":
        return _in_metadata(rest)
    if document is None:
        raise Unknown(f"there is no kind and no rule {name!r}", _nearest(name))
    return _explained(document, _resolved(document, rest))


def _in_metadata(rest: list[str]) -> Explanation:
    """Explain a field of the metadata: of the first kind that has it."""
    unknown: Unknown | None = None
    for kind in schema.kinds():
        try:
            return _explained(kind, _resolved(kind, ["metadata", *rest]))
        except Unknown as error:
            unknown = unknown or error
    raise unknown or Unknown("there is no kind")


def _resolved(document: str, given: list[str]) -> Steps:
    """Find the path that a name means; raises Unknown."""
    known = fields.of(document)
    start: Steps = () if document == PROJECT or not given or given[0] in _TOP else ("spec",)
    path: Steps = start
    for number, step in enumerate(given):
        ways = [(*path, step), (*path, ENTRY, step), (*path, ANY_KEY)]
        found = next((way for way in ways if way in known), None)
        if found is None or (step == ENTRY and found[-1] != ENTRY):
            raise Unknown(_has_no(document, path, dotted(given[number:])), _meant(document, path, step))
        path = found
    return path


def _has_no(document: str, path: Steps, rest: str) -> str:
    owner = fields.of(document)[path].address if path not in ((), ("spec",)) else document
    return f"{owner} has no field {rest!r}"


def _meant(document: str, path: Steps, step: str) -> str:
    """Return a hint with the nearest field: beside the wrong one, else one of that name elsewhere in the document."""
    known = fields.of(document)
    inner = known[path].members
    entries = known[(*path, ENTRY)].members if (*path, ENTRY) in known else ()
    beside = [one[-1] for one in (*inner, *entries) if one[-1] not in (ENTRY, ANY_KEY)]
    elsewhere = [short(document, one) for one in known if one and one[-1] == step]
    otherwise = f"did you mean {elsewhere[0]!r}?" if elsewhere else did_you_mean(step, beside)
    return nearest(step, beside) or otherwise


def _nearest(name: str) -> str:
    """Return a hint for an unknown first name: kinds that have a field of that name, else a kind or a rule."""
    having = [one for one in documents() if any(path[-1:] == (name,) for path in fields.of(one))]
    found = [short(one, next(path for path in fields.of(one) if path[-1:] == (name,))) for one in having]
    if found:
        return f"did you mean {' or '.join(map(repr, found[:3]))}?"
    near = nearest(name.partition(".")[0], [*documents(), *RULES, "metadata"])
    return near or "`sagespec explain` lists what there is"


def short(document: str, path: Steps) -> str:
    """Write a field as briefly as `named` understands it: without `spec`."""
    return ".".join(part for part in (document, dotted(path[1:] if path[:1] == ("spec",) else path)) if part)


def names() -> Iterator[str]:
    """Yield every name that `named` understands, for completion: kinds, fields and rules."""
    for document in documents():
        yield from (short(document, path) for path in fields.of(document) if path != ("spec",))
    yield from RULES


def _explained(document: str, path: Steps) -> Explanation:
    field = fields.of(document)[path]
    below_spec = dotted(path[1:]) if path[:1] == ("spec",) else ""
    written = examples.values(document)
    return Explanation(
        field=field,
        use=destinations.of(document).get(path, NO_USE),
        sdk=sdk_names.of_fields(document).get(below_spec, ()) if below_spec else (),
        rules=field_rules.of(document).get(path, ()),
        example=field.examples[0] if field.examples else written.get(path),
        has_example=bool(path) and (bool(field.examples) or path in written),
    )
