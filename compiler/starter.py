"""A first spec of a kind, with every field explained.

In: a kind and a name. Out: YAML that compiles as it stands, once role and bucket are the reader's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from compiler import schema
from compiler.compiled import API_VERSION

_PLAIN = re.compile(r"[A-Za-z][\w./:-]*(?<!:)|s3://[\w./${}-]+")


def write(kind: str, name: str) -> str:
    """Write a starter spec: what `x-starter` of the schema begins with, all other fields as comments."""
    document = schema.load(kind)
    fields = document["properties"]["spec"]["properties"]
    given: dict[str, Any] = document.get("x-starter", {})
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
