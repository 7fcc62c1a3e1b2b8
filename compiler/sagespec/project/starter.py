"""Write a first spec of a kind that explains every field.

In: a kind and a name. Out: YAML that compiles, with the specs that it refers to, as soon as role and bucket are
replaced by the reader's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sagespec.checking import schema
from sagespec.documents.compiled import API_VERSION

LONGEST_NAME = 40
_PLAIN = re.compile(r"[A-Za-z][\w./:-]*(?<!:)|s3://[\w./${}-]+")


def write(kind: str, name: str, known: Collection[str] = ()) -> str:
    """Write a starter spec: the fields of the schema's `x-starter`, and all other fields as comments.

    It refers to specs of the same name where `known`, the addresses of the project, has them; missing ones are
    appended as further documents.
    """
    return "---\n".join(_documents(kind, name, name, set(known)))


def _documents(kind: str, name: str, first: str, known: set[str]) -> Iterator[str]:
    """Yield a starter and those that it refers to; `first` is the requested name."""
    given: dict[str, Any] = dict(schema.load(kind).get("x-starter", {}))
    missing = []
    for field, value in given.items():
        if isinstance(value, dict) and set(value) == {"ref"}:
            target = value["ref"].partition("/")[0]
            other = first if f"{target}/{first}" in known else _beside(first, target)
            given[field] = {"ref": f"{target}/{other}"}
            if f"{target}/{other}" not in known:
                missing.append((target, other))
    known.update(f"{target}/{other}" for target, other in missing)
    yield _document(kind, name, given)
    for target, other in missing:
        yield from _documents(target, other, first, known)


def _beside(name: str, kind: str) -> str:
    """Return the name of a spec that another one needs: `hello-lambda`, `hello-trainer`."""
    words: list[str] = re.findall(r"[A-Z][a-z]+", kind)
    ending = f"-{words[-1].lower()}"
    return name[: LONGEST_NAME - len(ending)].rstrip("-") + ending


def _document(kind: str, name: str, given: Mapping[str, Any]) -> str:
    document = schema.load(kind)
    fields = document["properties"]["spec"]["properties"]
    lines = [
        f"# yaml-language-server: $schema={document['$id']}",
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
