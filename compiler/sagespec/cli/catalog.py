"""`sagespec catalog`: list the values that a spec can choose from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from sagespec.cli import completing, exits, options, output, session
from sagespec.cli.session import Session
from sagespec.compiling import workspace
from sagespec.diagnostics import did_you_mean
from sagespec.executor.lock import offers
from sagespec.project.facts import Context, MissingFact
from sagespec.project.settings import Settings
from sagespec.sagemaker import catalog, recipes


@click.group("catalog")
def command() -> None:
    """List what a spec can choose from.

    Benchmarks, scorers, judge metrics, judges, reward prompts, hyperparameters, models, AgentCore runtimes.
    """


@command.command("benchmarks")
@click.argument("name", required=False, shell_complete=completing.offering(completing.benchmarks))
@session.OUTPUT
def benchmarks(name: str | None, form: str) -> int:
    """List the benchmarks, or show one with its subtasks."""
    rows = catalog.benchmarks()
    if name is None:
        return _table(rows, ("name", "modality", "metrics", "strategy", "nova", "description"), form)
    benchmark = next((row for row in rows if row["name"] == name), None)
    if benchmark is None:
        hint = did_you_mean(name, [row["name"] for row in rows])
        raise click.BadParameter(f"there is no benchmark {name!r}: {hint}")
    if form == "json":
        output.as_json(benchmark)
        return exits.DONE
    for key, value in benchmark.items():
        output.result(f"{key}: {_cell(value)}")
    return exits.DONE


@command.command("scorers")
@session.OUTPUT
def scorers(form: str) -> int:
    """List the built-in scorers."""
    return _table(catalog.scorers(), ("name", "description"), form)


@command.command("judge-metrics")
@session.OUTPUT
def judge_metrics(form: str) -> int:
    """List the metrics of LLM judges."""
    return _table(catalog.judge_metrics(), ("name", "description"), form)


@command.command("hyperparameters")
@click.argument("model", shell_complete=completing.offering(completing.models))
@click.option("--kind", type=click.Choice(recipes.kinds()), help="Only those of one kind.")
@options.project_options
@session.OUTPUT
def hyperparameters(
    model: str,
    kind: str | None,
    environment: str | None,
    given: tuple[str, ...],
    project_file: Path | None,
    region: str | None,
    form: str,
) -> int:
    """List the hyperparameters of a model that a spec may set, from the lock.

    MODEL is an id, an alias or an ARN, as in specs.
    """
    settings = options.settings(environment, given, project_file, "text", None)
    with _locked(settings, region) as context:
        rows = catalog.hyperparameters_of(context, model, kind)
    if not rows:
        output.tell(f"{model} has no recipe{f' for a {kind}' if kind else ''} in the lock")
    return _table(rows, ("kind", "recipe", "name", "type", "default", "min", "max", "enum"), form)


@command.command("judges")
@click.option("--region", metavar="REGION", help="Only those of one region.")
@session.OUTPUT
def judges(region: str | None, form: str) -> int:
    """List the judges of an RLAIFTrainer, for reward_model_id."""
    return _table(catalog.judges(region), ("name", "regions"), form)


@command.command("reward-prompts")
@click.argument("model", required=False, shell_complete=completing.offering(completing.models))
@options.project_options
@session.OUTPUT
def reward_prompts(
    model: str | None,
    environment: str | None,
    given: tuple[str, ...],
    project_file: Path | None,
    region: str | None,
    form: str,
) -> int:
    """List the prompts of an RLAIFTrainer, for reward_prompt: presets of MODEL or of all models, from the lock."""
    with _locked(options.settings(environment, given, project_file, "text", None), region) as context:
        rows = catalog.reward_prompts(context, model)
    if not rows:
        output.tell(f"{model or 'no model'} has {'no' if model else 'a'} recipe for RLAIF in the lock")
    return _table(rows, ("model", "name", "value"), form)


@contextmanager
def _locked(settings: Settings, region: str | None) -> Iterator[Context]:
    """Open the lock of a project; what it lacks ends the command."""
    locked, diagnostics, texts = workspace.read_lock(settings.project)
    if locked is None:
        options.show(diagnostics, texts, settings.project.root)
        raise exits.Stop("there is no lock that can be read: run `sagespec lock`", exits.INVALID)
    try:
        yield locked.context(settings.account, settings.region or region)
    except MissingFact as missing:
        raise exits.Stop(missing.message, exits.INVALID, missing.hint) from None


@command.command("models")
@click.option("--technique", metavar="NAME", help="Only models with a recipe for it, such as MTRL or SFT.")
@session.opened
@session.OUTPUT
def models(
    opened: Session,
    technique: str | None,
    form: str,
) -> int:
    """List the models of the hub, from AWS."""
    cloud = opened.regional
    with session.trouble():
        rows = list(offers.models(cloud, technique))
    if not rows:
        output.tell(f"the hub has no model with a recipe{f' for {technique}' if technique else ''}")
    return _table(rows, ("name", "version", "recipes"), form)


@command.command("runtimes")
@session.opened
@session.OUTPUT
def runtimes(opened: Session, form: str) -> int:
    """List the AgentCore runtimes of the account, from AWS."""
    cloud = opened.regional
    with session.trouble():
        return _table(list(offers.runtimes(cloud)), ("id", "status", "version", "arn"), form)


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...], form: str) -> int:
    """Print rows as aligned columns, or as JSON with all fields."""
    if form == "json":
        output.as_json(rows)
    if form == "json" or not rows:
        return exits.DONE
    output.result(*output.columns([columns, *([_cell(row.get(column)) for column in columns] for row in rows)]))
    return exits.DONE


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return (
        ", ".join(str(v) for v in value)
        if isinstance(value, list)
        else value
        if isinstance(value, str)
        else json.dumps(value)
    )
