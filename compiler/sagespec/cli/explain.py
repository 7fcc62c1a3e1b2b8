"""`sagespec explain`: all that is known of a kind, a field or a rule."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from sagespec.cli import exits, options, output
from sagespec.compiling import workspace
from sagespec.diagnostics import did_you_mean
from sagespec.diagnostics.report import Line
from sagespec.diagnostics.rules import AREAS, RULES
from sagespec.diagnostics.rules.rule import Rule
from sagespec.project.facts import MissingFact
from sagespec.review import examples, explain, explained, fields, reference
from sagespec.review.explain import Explanation
from sagespec.sagemaker import catalog, recipes


class Name(click.ParamType):  # type: ignore[type-arg]  # generic in its stubs alone
    """The name of a kind, of a field or of a rule."""

    name = "name"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:  # noqa: ARG002
        from click.shell_completion import CompletionItem  # rarely needed, and start-up counts

        level, start = incomplete.count("."), incomplete.lower()
        return [
            CompletionItem(name)
            for name in explain.names()
            if name.lower().startswith(start) and name.count(".") == level
        ]


@click.command("explain")
@click.argument("name", type=Name(), required=False)
@click.option("--recursive", is_flag=True, help="Show the fields below it as well.")
@click.option(
    "--depth", metavar="N", type=click.IntRange(1), help="How many levels, with --recursive; by default all."
)
@click.option(
    "--all", "everything", is_flag=True, help="Explain all kinds with their fields, the project file, rules."
)
@click.option("--example", is_flag=True, help="Print the full example of a kind or of the project file.")
@options.PROJECT
@options.forms("text", "json", "markdown")
def command(
    name: str | None,
    recursive: bool,
    depth: int | None,
    everything: bool,
    example: bool,
    project_file: Path | None,
    form: str,
) -> int:
    """Explain a kind, a field or a rule.

    NAME is KIND, KIND.field, metadata.field, Project.field or the id of a rule. Says of a field what may stand there,
    where it goes in the request, and whether a change of it starts a new run. KIND.hyperparameters lists those of the
    models in the lock. Exit code 2: there is nothing of this name.
    """
    if everything and name:
        raise click.UsageError("--all explains everything: leave NAME out")
    if depth and not recursive:
        raise click.UsageError("--depth needs --recursive")
    if everything:
        return _everything(form)
    if not name:
        if recursive or example:
            raise click.UsageError("which kind or field? Give its NAME")
        return _overview(form)
    try:
        found = explain.named(name)
    except explain.Unknown as unknown:
        hint = f": {unknown.hint}" if unknown.hint else ""
        raise click.BadParameter(f"{unknown.message}{hint}", param_hint="NAME") from None
    if example:
        return _example(found, name)
    if isinstance(found, Rule):
        return _rule(found, form)
    rows = _hyperparameters(found, name.rpartition(".")[2], project_file)
    return _field(found, form, (depth or reference.DEEPEST) if recursive else 1, rows)


def _field(found: Explanation, form: str, depth: int, rows: list[dict[str, Any]] | None) -> int:
    if form == "json":
        tree = explained.data(found, depth)
        output.as_json(tree if rows is None else {**tree, "hyperparameters": rows})
    elif form == "markdown" and not found.field.path:
        output.document("\n".join(reference.page(found.field.document)))
    elif form == "markdown":
        lines = [*reference.field(found, "##")]
        for _, one in explain.below(found, depth if depth > 1 else 0):
            lines += reference.field(one, "###")
        output.document("\n".join(lines))
    else:
        output.result(*explained.text(found, depth))
        columns = ("model", "recipe", "name", "type", "default", "min", "max", "enum")
        if rows:
            cells = [[_cell(row.get(column)) for column in columns] for row in rows]
            output.result("", *(f"  {line}" for line in output.columns([columns, *cells])))
    return exits.DONE


def _cell(value: Any) -> str:
    return "" if value is None else explained.inline(value).strip('[]"')


def _hyperparameters(found: Explanation, name: str, project_file: Path | None) -> list[dict[str, Any]] | None:
    """Return the hyperparameters of each model in the lock, or the one of a name.

    None where the field has none or nothing is locked.
    """
    kind, path = found.field.document, found.field.path
    if path[:2] != ("spec", "hyperparameters") or kind not in recipes.kinds():
        return None
    settings = options.settings(None, (), project_file, "text", None)
    locked, diagnostics, texts = workspace.read_lock(settings.project)
    if locked is None:
        if diagnostics:  # it is there, and wrong
            options.show(diagnostics, texts, settings.project.root)
            sys.exit(exits.INVALID)
        output.tell("there is no lock, so the hyperparameters of models are not known: run `sagespec lock`")
        return None
    rows: dict[str, dict[str, Any]] = {}
    for facts in locked.contexts.values():
        context = locked.context(facts["account"], facts["region"])
        for model in facts.get("hub_models", {}):
            try:
                listed = catalog.hyperparameters_of(context, model, kind)
            except MissingFact as missing:
                output.tell(f"warning: {missing.message}")
                continue
            rows.update({f"{model} {row['recipe']} {row['name']}": {"model": model, **row} for row in listed})
    wanted = [row for row in rows.values() if len(path) == 2 or row["name"] == name]
    if rows and not wanted:
        hint = did_you_mean(name, sorted({row["name"] for row in rows.values()}))
        output.tell(f"no model in the lock has a hyperparameter {name!r} for a {kind}{f': {hint}' if hint else ''}")
    return wanted


def _rule(found: Rule, form: str) -> int:
    if form == "json":
        output.as_json(explained.rule_data(found))
    elif form == "markdown":
        output.document("\n".join(reference.rule(found)))
    else:
        output.result(*explained.rule(found))
    return exits.DONE


def _example(found: Explanation | Rule, name: str) -> int:
    if isinstance(found, Rule) or found.field.path:
        raise click.UsageError(f"--example is for kinds and the project file, and {name} is neither")
    output.document(examples.text(found.field.document))
    return exits.DONE


def _overview(form: str) -> int:
    """List the kinds and the rules."""
    described = {one: fields.of(one)[()].description for one in explain.documents()}
    if form == "json":
        output.as_json({"kinds": described, "rules": {id: one.title for id, one in RULES.items()}})
        return exits.DONE
    if form == "markdown":
        output.document("\n".join(f"- `{name}`: {text}" for name, text in described.items()))
        return exits.DONE
    lines: list[Line] = [("Kinds, and the project file",)]
    lines += output.columns([(f"  {name}", text) for name, text in described.items()])
    lines += ["", f"Rules: the {len(RULES)} ids in brackets of diagnostics, such as {next(iter(RULES))}.", ""]
    lines += [
        "`sagespec explain KIND` lists its fields, `explain KIND.field` says all of one, `explain RULE` why and"
    ]
    lines += ["how to mend it; `--recursive` shows what is below, `--all` everything, `--example` a whole spec."]
    output.result(*lines)
    return exits.DONE


def _everything(form: str) -> int:
    wholes = [one for one in map(explain.named, explain.documents()) if isinstance(one, Explanation)]
    if form == "json":
        kinds = [explained.data(one, reference.DEEPEST) for one in wholes]
        output.as_json({"documents": kinds, "rules": [explained.rule_data(one) for one in RULES.values()]})
    elif form == "markdown":
        pages = ["\n".join(reference.page(one)) for one in explain.documents()]
        output.document("\n\n".join([*pages, "# Rules\n", "\n".join(reference.rules(AREAS))]))
    else:
        for whole in wholes:
            for one in (whole, *(inner for _, inner in explain.below(whole, reference.DEEPEST))):
                output.result(*explained.text(one, 0), "")
        for rule in RULES.values():
            output.result(*explained.rule(rule), "")
    return exits.DONE
