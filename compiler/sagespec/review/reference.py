"""Write explanations as Markdown: the pages of the reference, one for each kind, the project file, and the rules.

In: an `Explanation` or rules. Out: lines. The pages lie in `docs/reference/` and `docs/reference/rules.md`; the tools
`write_reference` and `write_rules` write them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping

from sagespec.diagnostics.rules.rule import Rule
from sagespec.review import examples, explain, explained, fields
from sagespec.review.explain import Explanation

DEEPEST = 99
"""More levels than any document has."""
_WIDTH = 120


def page(document: str, rules_page: str = "") -> Iterator[str]:
    """Write the page of a kind or of the project file: every field, and the full example.

    `rules_page` is the address of the page of rules, which rules are links to.
    """
    whole = explain.named(document)
    assert isinstance(whole, Explanation)
    yield from _wrapped(f"# {document if document != explain.PROJECT else 'Project file'}")
    yield ""
    yield from _wrapped(whole.field.description)
    yield ""
    yield from field_table(whole)
    yield "## Fields"
    yield ""
    for _, one in explain.below(whole, DEEPEST):
        if one.field.path != ("spec",):
            yield from field(one, "###", rules_page)
    yield "## Full example"
    yield ""
    yield "Every field has a value; fields that exclude each other are in documents of their own."
    yield ""
    yield "```yaml"
    yield from examples.text(document).rstrip("\n").split("\n")
    yield "```"


def field_table(whole: Explanation) -> Iterator[str]:
    """Write a table of the fields at the top of a document, each a link to its section."""
    yield "| field | type | |"
    yield "|---|---|---|"
    shown = [one for _, one in explain.below(whole, 2) if one.field.path != ("spec",)]
    for one in shown:
        if len(one.field.path) == 1 or one.field.path[0] == "spec":
            name = _title(one)
            yield f"| [`{name}`](#{_anchor(name)}) | {_cell(one.field.type)} | {_cell(one.field.description)} |"
    yield ""


def field(one: Explanation, heading: str = "##", rules_page: str = "") -> Iterator[str]:
    """Write a section about a field."""
    yield f"{heading} `{_title(one)}`"
    yield ""
    yield from _wrapped(f"*{_escaped(explained.properties(one))}*")
    yield ""
    if one.field.description:
        yield from _wrapped(_escaped(one.field.description))
        yield ""
    notes = [f"One of them: {_escaped(one.field.choice)}."] if one.field.choice else []
    notes += [f"May be {_or(f'`{{ref: {kind}/NAME}}`' for kind in one.field.refs)}."] if one.field.refs else []
    notes += list(_destinations(one))
    notes += [f"SDK: {', '.join(f'`{name}`' for name in one.sdk)}"] if one.sdk else []
    notes += [f"Example: `` {explained.example(one)} ``"] if one.has_example else []
    rules = [f"[{id}]({rules_page}#{id})" if rules_page else f"`{id}`" for id in one.rules]
    notes += [f"Rules: {', '.join(rules)}"] if rules else []
    for note in notes:
        yield from textwrap.wrap(
            f"- {note}", _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
    if notes:
        yield ""


def _destinations(one: Explanation) -> Iterator[str]:
    use = one.use
    starts = "changing it starts a new run" if use.starts_run else "changing it starts nothing"
    if use.to:
        exact = [f"`{to}`" for to in dict.fromkeys(str(to) for to in use.to if to.is_exact)]
        made = [f"`{to}`" for to in dict.fromkeys(str(to) for to in use.to if not to.is_exact)]
        said = f"Goes to {', '.join(exact)}" if exact else ""
        if made := [one for one in made if one not in exact]:
            said += f"{'; decides' if exact else 'Decides'} {', '.join(made)}"
        yield f"{said}; {starts}"
    elif use.instead:
        yield f"Goes to no request: it {use.instead}; {starts}"


def rules(areas: Mapping[str, Iterable[Rule]]) -> Iterator[str]:
    """Write an index of rules by area, then each rule with its examples."""
    for area, listed in areas.items():
        line = f"- {area}: {', '.join(f'[{one.id}](#{one.id})' for one in listed)}"
        yield from textwrap.wrap(line, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    yield ""
    for area, listed in areas.items():
        yield f"## {area}\n"
        for one in listed:
            yield from rule(one)


def rule(one: Rule) -> Iterator[str]:
    """Write a section about a rule."""
    yield f"### {one.id}\n"
    yield f"*{one.title}* ({one.severity})\n"
    yield from _wrapped(one.meaning)
    yield ""
    yield from _wrapped(one.mend)
    yield ""
    yield f"Bad ({'a spec file' if one.where == 'spec' else one.where}):\n"
    yield f"```yaml\n{one.bad}\n```\n"
    yield "Good:\n"
    yield f"```yaml\n{one.good}\n```\n"


def _title(one: Explanation) -> str:
    path = one.field.path
    return fields.dotted(path[1:] if path[:1] == ("spec",) and len(path) > 1 else path) or one.field.document


def _anchor(title: str) -> str:
    """Return the anchor that Markdown makes of a heading."""
    return "".join(c for c in title.lower() if c.isalnum() or c in "_-")


def _or(words: Iterable[str]) -> str:
    return " or ".join(words)


def _cell(text: str) -> str:
    return _escaped(text).replace("|", "\\|")


def _escaped(text: str) -> str:
    """Keep text from being read as Markdown or HTML."""
    return text.replace("<", "&lt;").replace("*", "\\*").replace("[", "\\[").replace("_", "\\_")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
