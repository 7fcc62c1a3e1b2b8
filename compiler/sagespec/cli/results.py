"""`sagespec results`: show the scores of evaluations, and whether they meet the thresholds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple
from xml.etree import ElementTree

import click

from sagespec.cli import completing, exits, output, session
from sagespec.cli.session import Session
from sagespec.diagnostics.escapes import printable
from sagespec.executor import results, staleness, thresholds
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.files import File
from sagespec.executor.metrics import MlflowMissing, MlflowTrouble, NoMetrics
from sagespec.executor.results import NoResults, Outcome, Page, Score
from sagespec.executor.runs import targets, track
from sagespec.executor.runs.run import Run
from sagespec.executor.runs.status import Status
from sagespec.executor.thresholds import Verdict
from sagespec.review.comment import code

PAGE = 10


@click.command("results")
@click.argument("target", shell_complete=completing.offering(completing.addresses, "file"))
@session.opened
@click.option("-o", "--output", "form", type=click.Choice(["table", "json", "junit", "markdown"]), default="table")
@click.option("--check", is_flag=True, help="Exit 4 when the spec's thresholds are missed.")
@click.option("--limit", metavar="N", type=click.IntRange(1), help="Show so many of a judge's judgements.")
@click.option("--offset", metavar="N", type=click.IntRange(0), default=0, help="Leave out the first ones.")
@click.option("--explanations", is_flag=True, help="Show what the judge explains, too.")
def command(
    opened: Session,
    target: str,
    form: str,
    check: bool,
    limit: int | None,
    offset: int,
    explanations: bool,
) -> int:
    """Show the scores of an evaluation: an address, a compiled file or an execution ARN."""
    paged = limit is not None or offset or explanations
    if paged and form not in ("table", "json"):
        raise click.UsageError(f"judgements are shown as a table or as JSON, not as {form}")
    cloud = opened.regional
    with session.trouble():
        run = opened.find_one(target)
        if check and run.file is None:
            raise exits.Stop("--check needs a compiled file: thresholds are in there", exits.INVALID)
        status = track.status(cloud, run)
        if check and status.state == "running":
            raise exits.Stop(
                f"{status.name} is {status.status}: there is nothing to check before its end", exits.INVALID
            )
        trained = None if paged or check else results.of_training(cloud, status, run.region)
        if trained is not None:
            return _show_training(target, status, trained, form)
        try:
            scores = results.read(cloud, status, run.region)
        except NoResults:
            if not check or status.state != "failed":
                raise
            scores = ()
        wanted = run.file.content.thresholds if run.file else ()
        verdicts = thresholds.judge(wanted, scores)
        if check and status.state == "failed":
            verdicts += (Verdict(status.name, "succeeds", False, _ended(status)),)
        stale = staleness.of_file(cloud, run.file) if run.file else ()
        if check:
            verdicts += tuple(Verdict(x.output, "as it is now", False, f"{x}; {staleness.AGAIN}") for x in stale)
        page = results.judgements(cloud, status, run.region, offset, limit or PAGE) if paged else None
        if paged and page is None:
            raise exits.Stop(f"{status.name} has no judge: there are no judgements to page through", exits.INVALID)
    if form == "json":
        document: dict[str, Any] = {"target": target, "arn": status.arn}
        document["scores"] = [asdict(score) for score in scores]
        document["thresholds"] = [asdict(v) for v in verdicts]
        document["stale"] = [asdict(x) for x in stale]
        if page is not None:
            document["judgements"] = asdict(page)
        output.as_json(document)
    elif form == "junit":
        output.document(_junit(status.address or status.name, scores, verdicts))
    elif form == "markdown":
        output.result(*_markdown(status.address or status.name, scores, verdicts))
    else:
        show(scores, verdicts)
        if page is not None:
            _show_page(page, explanations)
    if status.state != "done":
        output.tell(f"these are not all its results: {status.name} {_ended(status)}")
    if not check:
        output.tell(*(f"{status.name} is {x}; {staleness.AGAIN}" for x in stale))
    if check and not wanted:
        output.tell(f"{status.name} has no thresholds to check")
    return exits.FAILED if check and not all(v.met for v in verdicts) else exits.DONE


def _show_training(target: str, status: Status, trained: Outcome, form: str) -> int:
    """Print a training's output package and the last value of each metric."""
    if form == "json":
        output.as_json({"target": target, "arn": status.arn, **asdict(trained)})
    elif form == "table":
        output.result(trained.output_model_package_arn or f"{status.name} has put out no model package")
        rows = [(name, f"{value:.6g}") for name, value in trained.metrics.items()]
        output.result(*(f"  {line}" for line in output.columns(rows, right=1, least=(28, 8))))
    else:
        raise click.UsageError(f"what a training has put out is shown as a table or as JSON, not as {form}")
    if trained.note:
        output.tell(trained.note)
    return exits.DONE


def _ended(status: Status) -> str:
    return f"is {status.status}" + (f": {status.failure_reason}" if status.failure_reason else "")


def show(scores: Iterable[Score], verdicts: Iterable[Verdict] = (), to: Callable[..., None] = output.result) -> None:
    """Print scores as columns (metric, base model, custom model), then the thresholds."""
    rows = [(score.metric, _cell(score.base), _cell(score.custom)) for score in scores]
    table = output.columns([("metric", "base", "custom"), *rows], right=1, least=(28, 8, 8))
    to(*(f"  {line}" for line in table))
    for verdict in verdicts:
        to(f"  {'met' if verdict.met else 'MISSED'}: {_sentence(verdict)}")


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _sentence(verdict: Verdict) -> str:
    return f"{verdict.metric} {verdict.wanted}" + (f", but {verdict.reason}" if verdict.reason else "")


def _show_page(page: Page, explanations: bool) -> None:
    last = page.offset + len(page.judgements)
    output.result(
        f"  judgements {page.offset + 1} to {last} of {page.total}" if page.judgements else "  no more judgements"
    )
    for number, judgement in enumerate(page.judgements, page.offset + 1):
        output.result(f"  {number}. {judgement.side}: {judgement.prompt}")
        output.result(f"     {judgement.response}")
        for opinion in judgement.opinions:
            output.result(f"     {opinion.metric}: {_cell(opinion.score)}")
            if explanations and opinion.explanation:
                output.result(f"       {opinion.explanation}")


def _markdown(title: str, scores: Iterable[Score], verdicts: Sequence[Verdict]) -> Iterable[str]:
    yield from (f"### {code(title)}", "", "| metric | base | custom |", "|---|---:|---:|")
    for score in scores:
        yield f"| {code(score.metric)} | {_cell(score.base)} | {_cell(score.custom)} |"
    if verdicts:
        yield ""
    for verdict in verdicts:
        yield f"- {'met' if verdict.met else '**missed**'}: {code(_sentence(verdict))}"


def _junit(title: str, scores: Sequence[Score], verdicts: Sequence[Verdict]) -> str:
    """Format as JUnit XML: a test case for each threshold, and one that passes for each metric without one."""
    suite = ElementTree.Element("testsuite", name=printable(title))
    for verdict in verdicts:
        name = f"{verdict.metric} {verdict.wanted}"
        case = ElementTree.SubElement(suite, "testcase", classname=printable(title), name=printable(name))
        if not verdict.met:
            ElementTree.SubElement(case, "failure", message=printable(verdict.reason))
    judged = {verdict.metric for verdict in verdicts}
    for score in scores:
        if score.metric not in judged:
            name = printable(score.metric)
            case = ElementTree.SubElement(suite, "testcase", classname=printable(title), name=name)
            ElementTree.SubElement(
                case, "system-out"
            ).text = f"base {_cell(score.base)}, custom {_cell(score.custom)}"
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(sum(not v.met for v in verdicts)))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


class Told(NamedTuple):
    """What a finished run has put out: a package or scores, with the thresholds; `note` says why there are none."""

    package: str | None = None
    scores: Sequence[Score] = ()
    verdicts: Sequence[Verdict] = ()
    note: str = ""


def show_all(
    cloud: Cloud,
    files: Iterable[File],
    done: dict[str, Run],
    told: dict[str, Told] | None = None,
    to: Callable[..., None] = output.result,
) -> bool:
    """Print the result of each finished run, and add it to `told`; return whether all thresholds are met.

    Raises CloudError, MlflowMissing and MlflowTrouble after everything readable is printed.
    """
    all_met = True
    trouble: CloudError | MlflowMissing | MlflowTrouble | None = None
    for file in files:
        run = done.get(file.address)
        if run is None or run.state != "done":
            continue
        try:
            result = _show_one(cloud, file, run, to)
        except (CloudError, MlflowMissing, MlflowTrouble) as error:
            trouble = error
            result = Told(note=str(error))
        all_met &= all(v.met for v in result.verdicts)
        if told is not None:
            told[file.address] = result
    if trouble is not None:
        raise trouble
    return all_met


def _show_one(cloud: Cloud, file: File, run: Run, to: Callable[..., None]) -> Told:
    target = targets.of_run(file, run)
    status = track.status(cloud, target, is_over=True)
    package = status.details.get("output_model_package_arn")
    if package:
        to(f"{file.address}: {package}")
    if not status.has_steps:
        return Told(package)
    to(f"{file.address}:")
    note = ""
    try:
        scores = results.read(cloud, status, target.region)
    except (NoResults, NoMetrics, MlflowMissing) as error:
        note = str(error)
        to(f"  {note}")
        if file.content.thresholds and isinstance(error, MlflowMissing):
            raise  # it is unknown whether they are met
        scores = ()
    verdicts = thresholds.judge(file.content.thresholds, scores)
    show(scores, verdicts, to)
    return Told(package, scores, verdicts, note)
