"""Write `docs/reference/formats.md` from the schemas of what commands write as JSON, `schemas/v1/outputs/`.

python -m tools.write_formats            write the page
python -m tools.write_formats --check    exit 1 where it is not what the schemas say

The prose of the page is `tools/formats.md`. Of a schema, `title` is the heading, `description` says what the document
is, and `x-commands` which commands write it. A definition with a title has a section of its own; one without stands
where it is used. Objects may have more members than a schema names, so that a program that checks documents accepts
those of a later version.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sagespec import assets
from sagespec.checking import schema

from tools import generated

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "formats.md"
SHARED, COMPILED = "common", "Compiled"
Shape = Mapping[str, Any]
SEE = {
    "see Review": "see [Review](../concepts/review.md#reading-diff)",
    "see Rules": "see [Rules](rules.md)",
    "see Stale runs": "see [Stale runs](../concepts/stale.md)",
    "the members of a run": "the members of [a run](#a-run)",
}
"""What descriptions refer to, and where the site has it."""
PROSE = Path(__file__).parent / "formats.md"


def folder() -> Path:
    """Return the folder of the schemas."""
    return assets.schemas() / "outputs"


@cache
def load(name: str) -> Shape:
    """Read a schema by its name."""
    read: dict[str, Any] = schema.load(name) if name == COMPILED else assets.document(folder() / f"{name}.json")
    return read


def names() -> list[str]:
    """Return the names of the documents that commands write."""
    return sorted(file.stem for file in folder().glob("*.json") if file.stem != SHARED)


def referred(name: str, reference: str) -> tuple[str, str]:
    """Return which schema has what a schema refers to, and under which name among its definitions."""
    file, _, definition = reference.partition("#/$defs/")
    return file.removesuffix(".json") or name, definition


def text() -> str:
    """Write the page: its prose with a list of the documents, a section for each, then parts that several have."""
    page = PROSE.read_text("utf-8").rstrip()
    page = page.replace("<!-- documents -->", "\n".join(_documents()))
    page = page.replace("<!-- compiled -->", "\n".join(_table(COMPILED, load(COMPILED)["$defs"]["envelope"])))
    parts = [(name, load(name)) for name in names()] + [(SHARED, part) for part in load(SHARED)["$defs"].values()]
    lines = [line for name, shape in parts for line in _section(name, shape, "##")]
    return f"{page}\n" + "\n".join(lines).rstrip() + "\n"


def _documents() -> Iterator[str]:
    yield from ("| document | schema |", "|---|---|")
    yield "| [Compiled files](#compiled-files) | `schemas/v1/Compiled.json` |"
    yield from (f"| {_link(load(name)['title'])} | `schemas/v1/outputs/{name}.json` |" for name in names())


def _section(name: str, shape: Shape, level: str) -> Iterator[str]:
    """Write a document, or one of its forms that have a title."""
    yield from (f"{level} {shape['title']}", "")
    if "description" in shape:
        yield from (_described(shape), "")
    if "properties" in shape or "items" in shape:
        yield from _table(name, shape.get("items", shape))
        return
    for form in (_resolved(name, one) for one in shape["oneOf"] if "$ref" in one):
        yield from _section(name, form, f"{level}#") if "title" in form else _table(name, form)


def _table(name: str, shape: Shape) -> Iterator[str]:
    yield from ("| member | type | |", "|---|---|---|", *_rows(name, shape, ""), "")


def _rows(name: str, shape: Shape, before: str) -> Iterator[str]:
    for member, given in shape.get("properties", {}).items():
        whole = _resolved(name, given)
        optional = "" if member in shape.get("required", ()) else ", optional"
        yield f"| `{before}{member}` | {_type(name, given)}{optional} | {_described(whole).removesuffix('.')} |"
        entries = _resolved(name, whole.get("items", {}))
        if "title" not in whole:
            yield from _rows(name, whole, f"{before}{member}.")
        if "title" not in entries:
            yield from _rows(name, entries, f"{before}{member}[].")


def _described(shape: Shape) -> str:
    text = str(shape["description"])
    for words, link in SEE.items():
        text = text.replace(words, link)
    return text


def _resolved(name: str, shape: Shape) -> Shape:
    """Return a shape with what it refers to."""
    if "$ref" not in shape:
        return shape
    file, definition = referred(name, shape["$ref"])
    return {**load(file)["$defs"][definition], **shape}


def _type(name: str, given: Shape) -> str:
    """Write the type of a member in words."""
    shape = _resolved(name, given)
    if "title" in shape:
        title = shape["title"]
        return f"object: {_link(title, title[0].lower() + title[1:])}"
    if values := shape.get("enum", [shape["const"]] if "const" in shape else []):
        return ", ".join(f"`{value if value and isinstance(value, str) else json.dumps(value)}`" for value in values)
    if alternatives := shape.get("oneOf"):
        return " or ".join(_type(name, one) for one in alternatives)
    types = shape.get("type", "any")
    first, *others = [types] if isinstance(types, str) else types
    return " or ".join([_of_entries(name, first, shape), *others])


def _of_entries(name: str, word: str, shape: Shape) -> str:
    """Write a type with that of what is in it: `list of strings`, `object of integers`."""
    inner = shape.get("items") if word == "array" else shape.get("additionalProperties")
    word = "list" if word == "array" else word
    if not isinstance(inner, Mapping) or not (entry := _type(name, inner)).startswith(_MANY):
        return word
    return f"{word} of {_WORD.sub(lambda match: f'{match[0]}s', entry)}"


_MANY = ("string", "integer", "number", "object", "list")
_WORD = re.compile(rf"\b({'|'.join(_MANY)})\b(?!-)")


def _link(title: str, words: str = "") -> str:
    """Link to a section by its title, from other words if given; headings get the same anchors in the site."""
    anchor = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower())
    return f"[{words or title}](#{anchor})"


if __name__ == "__main__":
    sys.exit(generated.write({PAGE: text()}))
