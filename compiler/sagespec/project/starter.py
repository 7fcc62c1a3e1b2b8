"""Write a first spec of a kind that explains every field.

In: a kind, a name, and what the project has. Out: YAML that compiles, with the specs that it refers to, as soon as
role and bucket are replaced by the reader's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagespec.checking import schema
from sagespec.documents.compiled import API_VERSION

LONGEST_NAME = 40
_PLAIN = re.compile(r"[A-Za-z][\w./:-]*(?<!:)|s3://[\w./${}-]+")


def write(
    kind: str, name: str, known: Collection[str] = (), defaults: Collection[str] = (), schemas: str | None = None
) -> str:
    """Write a starter spec: the fields of the schema's `x-starter`, and all other fields as comments.

    It refers to specs in `known`, the addresses of the project, first to one of the same name; missing ones are
    appended as further documents. Fields with `defaults` in the project are comments, too. `schemas` is the path of
    the folder of schemas for editors, relative to the file; without one, no line names a schema.
    """
    return "---\n".join(_Starters(name, set(known), defaults, schemas).write(kind, name))


@dataclass(frozen=True)
class _Starters:
    """A starter and those that it refers to; `first` is the requested name."""

    first: str
    known: set[str]
    defaults: Collection[str]
    schemas: str | None

    def write(self, kind: str, name: str) -> Iterator[str]:
        given = {f: v for f, v in schema.load(kind).get("x-starter", {}).items() if f not in self.defaults}
        own, missing = f"{kind}/{name}", []
        for field, value in given.items():
            if isinstance(value, dict) and set(value) == {"ref"}:
                target = value["ref"].partition("/")[0]
                found = self._existing((target,), own)
                given[field] = {"ref": found or f"{target}/{_beside(self.first, target)}"}
                if found is None:
                    missing.append((target, _beside(self.first, target)))
            elif _evaluates(kind, field) and (found := self._existing(schema.fields(kind)[field]["x-ref"], own)):
                given[field] = {"ref": found}
        self.known.update(f"{target}/{other}" for target, other in missing)
        line = f"# yaml-language-server: $schema={self.schemas}/{kind}.json\n" if self.schemas else ""
        yield line + _document(kind, name, given)
        for target, other in missing:
            yield from self.write(target, other)

    def _existing(self, kinds: Sequence[str], own: str) -> str | None:
        """Return a known spec of one of some kinds, one of the requested name first, but not the spec itself."""
        found = [a for kind in kinds for a in sorted(self.known - {own}) if a.startswith(f"{kind}/")]
        named = [address for address in found if address.endswith(f"/{self.first}")]
        return next(iter(named + found), None)


def _evaluates(kind: str, field: str) -> bool:
    """Return whether a field of a starter is the model that a kind evaluates."""
    return field == "model" and schema.runs(kind).startswith("execution/")


def _beside(name: str, kind: str) -> str:
    """Return the name of a spec that another one needs: `hello-lambda`, `hello-trainer`."""
    words: list[str] = re.findall(r"[A-Z][a-z]+", kind)
    ending = f"-{words[-1].lower()}"
    return name[: LONGEST_NAME - len(ending)].rstrip("-") + ending


def _document(kind: str, name: str, given: Mapping[str, Any]) -> str:
    document = schema.load(kind)
    fields = document["properties"]["spec"]["properties"]
    lines = [
        f"# {document['description']}",
        f"apiVersion: {API_VERSION}",
        f"kind: {kind}",
        "metadata:",
        f"  name: {name}",
        "  # run: 1  # raise it to run the same content once more",
        "spec:",
    ]
    for field, value in given.items():
        lines += _field(field, value, name, fields[field].get("description", ""))
    for field, shape in fields.items():
        if field not in given:
            lines.append(f"  # {field}:{_default(shape)}  # {_sentence(shape)}")
    return "\n".join(lines) + "\n"


def _field(field: str, value: Any, name: str, description: str) -> Iterator[str]:
    if isinstance(value, str) and "\n" in value:
        yield f"  {field}: |  # {description}"
        yield from (f"    {line}" for line in value.splitlines())
    elif isinstance(value, dict):
        inner = ", ".join(f"{key}: {_scalar(item).replace('${spec.name}', name)}" for key, item in value.items())
        yield f"  {field}: {{{inner}}}  # {description}"
    elif isinstance(value, list):
        yield f"  {field}: [{', '.join(map(_scalar, value))}]  # {description}"
    else:
        yield f"  {field}: {_scalar(value)}  # {description}"


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)


def _default(shape: dict[str, Any]) -> str:
    return f" {json.dumps(shape['default'], ensure_ascii=False)}" if "default" in shape else ""


def _sentence(shape: dict[str, Any]) -> str:
    return str(shape.get("description", "")).replace("\n", " ")
