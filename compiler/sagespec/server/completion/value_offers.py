"""The values that may stand after `${`: those of the environment, and the name and run of the spec.

In: a place in a text. Out: the range of what is typed of a reference, and offers; none where nothing is filled in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sagespec.checking import schema
from sagespec.diagnostics import KeyPath, Problems
from sagespec.project import references, values
from sagespec.project import settings as project_settings
from sagespec.project.settings import Settings
from sagespec.reading.document import as_data
from sagespec.review import fields
from sagespec.review.fields import Shape
from sagespec.server.completion import forms
from sagespec.server.completion.offer import Offer
from sagespec.server.completion.subject import Subject
from sagespec.server.outcome import shown
from sagespec.server.positions import Text

_OPEN_VALUE = re.compile(r"\$\{([^{}]*)\Z")
_REST_OF_VALUE = re.compile(r"[\w.-]*\}?")
_LATER: dict[KeyPath, tuple[str, ...]] = {
    ("metadata", "run"): ("spec.run", "spec.name"),
    ("metadata", "name"): ("spec.name",),
}
"""What the run and the name of a spec cannot use, besides the values that wait for them."""


def value_name(text: Text, offset: int) -> tuple[int, int] | None:
    """Return the range of the name that is being typed after `${`, with the `}` that follows; None where none is."""
    line_start = text.line_start(offset)
    found = _OPEN_VALUE.search(text.text[line_start:offset])
    if found is None or text.text[line_start + found.start() - 1 : line_start + found.start()] == "$":
        return None
    rest = _REST_OF_VALUE.match(text.text, offset)
    return line_start + found.start(1), rest.end() if rest else offset


def of_field(subject: Subject, path: KeyPath, *, is_whole: bool) -> Iterator[Offer]:
    """Offer the values that a field may use.

    With `is_whole` the value is all that the field has, and must be one that it accepts; else it is a part of a text,
    which mappings and lists cannot be.
    """
    field = fields.find(subject.document, path)
    if field is None or not field.takes_values:
        return
    shapes = forms.at(subject.document, subject.data, path)
    for name, value in _known(subject, path).items():
        if _is_accepted(shapes, value) if is_whole else not isinstance(value, dict | list):
            detail = str(shown(value, (name,))) if value is not None else "differs by spec"
            yield Offer(name, "variable", detail, rank=8 if name in values.BUILT_IN else 5)


def _is_accepted(shapes: list[Shape], value: Any) -> bool:
    alternatives = [one for one in shapes if forms.has_content(one)]
    return value is None or not alternatives or any(not schema.validate_against(one, value) for one in alternatives)


def _known(subject: Subject, path: KeyPath) -> Mapping[str, Any]:
    """Return the values that are known at a field; None stands for one that depends on the spec."""
    settings = subject.settings
    if settings is None:
        return {}
    if subject.document == "Project":
        return _of_project(settings, path)
    known, own = values.of_spec(settings.values, settings.pending, subject.get("metadata"), Problems())
    if not isinstance(own.get("name"), str):
        known |= dict.fromkeys(("spec.name", *settings.pending))
    later = {*settings.pending, *_LATER[path]} if path in _LATER else ()
    return {key: as_data(value) for key, value in known.items() if key not in later}


def _of_project(settings: Settings, path: KeyPath) -> Mapping[str, Any]:
    """Return what a value or a default of a project may use: what its environment has, or all of them have."""
    own = path[1] if path[:1] == ("environments",) and len(path) > 1 else None
    names = [str(own)] if own is not None else settings.project.environments()
    chosen = [one for name in names if (one := project_settings.choose(settings.project, name, {})[0])]
    if not chosen:
        return {"spec.name": None, "spec.run": 1}
    common = set.intersection(*({*one.values, *one.pending} for one in chosen))
    itself = str(path[3]) if "values" in path[2:3] and len(path) > 3 else None
    known = {name: as_data(chosen[0].values.get(name)) for name in sorted(common - _users(chosen[0], itself))}
    of_spec = {} if path[-1:] in (("account",), ("region",)) else {"spec.name": None, "spec.run": 1}
    return {**known, **of_spec}


def _users(settings: Settings, name: str | None) -> set[str]:
    """Return a value and all that use it, which it must not use in turn."""
    data = settings.project.source.data if settings.project.source else {}
    written = data.get("environments", {}).get(settings.environment or "", {}).get("values", {})
    graph = {one: values.names(value) for one, value in written.items()} if isinstance(written, dict) else {}
    return {name, *references.users([name], graph)} if name else set()
