"""Write explanations: as text for a terminal, and as data for machines.

In: an `Explanation` or a `Rule`. Out: lines, or a tree of plain data. `reference` writes Markdown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sagespec.diagnostics.escapes import cut
from sagespec.diagnostics.report import Line, Styled
from sagespec.diagnostics.rules.rule import Rule
from sagespec.review import explain, fields
from sagespec.review.explain import Explanation

STARTS = "changing it starts a new run"
_LABEL = 10
_EXAMPLE = 100
"""The most characters of an example on one line."""


def text(explanation: Explanation, depth: int = 1) -> Iterator[Line]:
    """Write a field or a kind, and the fields below it down to `depth`."""
    field = explanation.field
    yield Styled(field.address, "bold"), f"    {properties(explanation)}"
    if field.description:
        yield f"  {field.description}"
    if field.choice:
        yield f"  One of them: {field.choice}."
    yield from _labelled("refs", [f"{{ref: {kind}/NAME}}" for kind in field.refs])
    yield from _labelled("goes to", goes_to(explanation))
    yield from _labelled("SDK", [", ".join(explanation.sdk)] if explanation.sdk else [])
    yield from _labelled("example", [example(explanation)] if explanation.has_example else [])
    yield from _labelled("rules", [", ".join(explanation.rules)] if explanation.rules else [])
    if rows := [*_below(explanation, depth)]:
        yield ""
        yield from _table(rows)


def _below(whole: Explanation, depth: int) -> Iterator[tuple[int, Explanation]]:
    """Yield the fields below one with their depth; of a kind, its own fields without the `spec` that they are in."""
    for one in whole.members if depth else ():
        if one.field.path == ("spec",):
            yield from explain.below(one, depth)
        else:
            yield 1, one
            yield from ((level + 1, inner) for level, inner in explain.below(one, depth - 1))


def _labelled(label: str, values: Iterable[str]) -> Iterator[Line]:
    for number, value in enumerate(values):
        yield f"  {'' if number else label:<{_LABEL}}{value}"


def _table(rows: list[tuple[int, Explanation]]) -> Iterator[Line]:
    names = [
        f"{'  ' * level}{one.field.name}{'*' if one.field.required == 'required' else ''}" for level, one in rows
    ]
    width = max(map(len, names))
    for name, (_, one) in zip(names, rows, strict=True):
        yield f"{name:<{width}}  {one.field.type}{f'. {one.field.description}' if one.field.description else ''}"
    if any(one.field.required == "required" for _, one in rows):
        yield ""
        yield "  * required"


def properties(explanation: Explanation) -> str:
    """Write what stands beside the name of a field: type, default, whether values are filled in, whether required."""
    field = explanation.field
    if not field.path:
        return "project file" if field.document == explain.PROJECT else "kind"
    said = [field.type, f"default {field.default}" if field.default else ""]
    said += ["${value} allowed" if field.takes_values else "", field.required]
    return ", ".join(filter(None, said))


def goes_to(explanation: Explanation) -> list[str]:
    """Write where a field goes, or what it does instead, a line for each place; the first says if it starts a run."""
    use = explanation.use
    exact = [str(one) for one in use.to if one.is_exact]
    made = [str(one) for one in use.to if not one.is_exact and str(one) not in exact]
    has_parts = bool(explanation.field.members)
    lines = [*exact, *(made if has_parts else [f"{one}, made from it" for one in made])]
    lines = lines or ([f"no request: it {use.instead}"] if use.instead else [])
    if lines:
        width = max(map(len, lines))
        lines[0] = f"{lines[0]:<{width}}   ({STARTS if use.starts_run else 'changing it starts nothing'})"
    return lines


def example(explanation: Explanation) -> str:
    """Write the example of a field as one line of YAML."""
    return cut(inline(explanation.example), _EXAMPLE)


def inline(value: Any) -> str:
    """Write a value in one line as YAML reads it."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{inline(key)}: {inline(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(inline, value))}]"
    is_plain = isinstance(value, str) and value and value[0].isalpha() and not set(value) & set("\n,[]{}#'\"&*!|>%@`")
    if is_plain and ": " not in value and not value.endswith(":") and value.lower() not in ("true", "false", "null"):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def rule(one: Rule) -> Iterator[Line]:
    """Write a rule: what it means, how to mend what it reports, and what is wrong and right."""
    yield Styled(one.id, "bold"), f"    {one.severity}"
    yield f"  {one.title}."
    yield from _labelled("Why", [one.meaning])
    yield from _labelled("Mend", [one.mend])
    yield from _labelled("In", [one.where])
    yield from _labelled("Bad", one.bad.splitlines())
    yield from _labelled("Good", one.good.splitlines())


def data(explanation: Explanation, depth: int = 0) -> dict[str, Any]:
    """Return a field, and those below it down to `depth`, as plain data."""
    field, use = explanation.field, explanation.use
    return {
        "address": field.address,
        "document": field.document,
        "path": fields.dotted(field.path),
        "type": field.type,
        "description": field.description,
        "required": field.required,
        "default": json.loads(field.default) if field.default else None,
        "values": list(field.values),
        "takes_values": field.takes_values,
        "refs": list(field.refs),
        "choice": field.choice,
        "goes_to": [
            {"operation": one.operation, "member": fields.dotted(one.member), "exact": one.is_exact} for one in use.to
        ],
        "instead": use.instead,
        "starts_run": use.starts_run,
        "sdk": list(explanation.sdk),
        "example": explanation.example if explanation.has_example else None,
        "rules": list(explanation.rules),
        "fields": [data(one, depth - 1) if depth > 1 else one.field.address for one in explanation.members],
    }


def rule_data(one: Rule) -> dict[str, Any]:
    """Return a rule as plain data."""
    names = ("id", "severity", "title", "meaning", "mend", "where", "bad", "good")
    return {name: getattr(one, name) for name in names}
