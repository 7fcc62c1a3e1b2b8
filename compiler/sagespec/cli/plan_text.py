"""Format plans and outcomes as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sagespec.cli import options, output
from sagespec.cli.session import Session
from sagespec.compiling import source_map
from sagespec.compiling.source_map import Sources
from sagespec.diagnostics import Problem, dotted
from sagespec.diagnostics.report import Line, Styled
from sagespec.executor import plan as planning
from sagespec.executor import rewards, thresholds
from sagespec.executor.files import File, Order
from sagespec.executor.outcome import Event, Failure, Outcome
from sagespec.executor.plan import Plan
from sagespec.project.settings import Project
from sagespec.review import data, forecast, forecast_markdown, forecast_text

Printer = Callable[..., None]
NEAR_DAYS = 30
MOST_PLACES = 20
"""Specs that are named of those that fail for the same reason."""
_SIGNS = {
    "create": "+",
    "update": "^",
    "start": ">",
    "keep": "=",
    "changed": "?",
    "stale": "!",
    "running": "~",
    "wait": ".",
    "failed": "!",
    "refused": "!",
    "blocked": "!",
}
_FIRST = {"wait": "waits", "refused": "refused", "blocked": "blocked"}
_COLORS = {
    "create": "green",
    "update": "green",
    "start": "green",
    "changed": "warning",
    "stale": "warning",
    "running": "cyan",
    "failed": "red",
    "refused": "red",
    "blocked": "red",
}


def show(plan: Plan, project: Project, verbose: bool = False, to: Printer = output.result) -> None:
    """Print a plan, one line an address; with `verbose` each request, too."""
    to(*forecast_text.lines(forecast.of(plan, project), verbose))
    if verbose:
        to("", *requests(plan))


def requests(plan: Plan) -> Iterator[Line]:
    """Yield each request on a line of its own, below its address."""
    for planned in plan.targets():
        yield Styled(planned.address, "bold")
        for line in planned.lines:
            sign = f"  {_SIGNS[line.action]} {line.action:<8}"
            text = f" {line.request:<16} {line.what}" + (f"  ({line.note})" if line.note else "")
            known = line.action in _COLORS
            yield (Styled(sign, _COLORS[line.action]) if known else sign, text)
        yield from (f"      {difference}" for difference in planned.differences)


def markdown(plan: Plan, project: Project, most: int) -> str:
    """Return a plan as a comment of at most `most` characters."""
    return forecast_markdown.write(forecast.of(plan, project), most)


def question(plan: Plan, project: Project) -> str:
    """Return what apply asks before it sends anything."""
    return f"{forecast.verdict(forecast.of(plan, project))}. Go on?"


def as_data(plan: Plan, project: Project) -> dict[str, Any]:
    """Return a plan as data: what a saved plan says of each file, its group and what its run takes, and the sums."""
    made = forecast.of(plan, project)
    files = zip(planning.summary(plan, project), plan.targets(), made.rows, strict=True)
    total = forecast.totals(made)
    return {
        "projects": list(made.projects),
        "environments": list(made.environments),
        "accounts": list(made.accounts),
        "regions": list(made.regions),
        "files": [
            {**file, "identity": planned.file.content.identity, **forecast.data(row), "run": data.run(row.cost)}
            for file, planned, row in files
        ],
        "prepare": made.prepared._asdict(),
        "totals": total._asdict(),
    }


def first(plan: Plan) -> Iterator[Event]:
    """Yield the state of each file before anything is sent: its run, or the planned action."""
    for planned in plan.targets():
        if planned.run is not None:
            yield Event(planned.address, planned.run.status, planned.run.name)
        elif planned.file.content.requests:
            line = planned.lines[-1]
            yield Event(planned.address, _FIRST.get(line.action, "planned"), line.note)


def tell_obstacles(plan: Plan, opened: Session) -> bool:
    """Print what prevents files from being applied; return whether anything does."""
    refused = [planned for planned in plan.targets() if planned.obstacles]
    sources = Sources([planned.file.content for planned in refused], Path.cwd(), opened.project_file)
    failures = [
        Failure(planned.address, one.reason, one.hint, True, one.request, one.path, one.problem)
        for planned in refused
        for one in planned.obstacles
    ]
    _tell_failures(failures, {planned.address: planned.file for planned in refused}, sources)
    return bool(refused)


def warn_of_ends(order: Order, opened: Session, today: date) -> None:
    """Warn of judge models that Bedrock ends soon. Compiling cannot, because it does not read the clock.

    `today` is a date in UTC, like the dates in the lock.
    """
    pipelines = ((f, r) for f in order.targets() for r in f.requests if r.operation == "CreatePipeline")
    named = [(file, name) for file, request in pipelines for name in sorted(_judges(request.parameters))]
    contexts = (opened.lock or {}).get("contexts", {}) if named else {}
    for file, name in named:
        context = contexts.get(f"{file.content.account}/{file.content.region}", {})
        ends = context.get("judge_models", {}).get(name, {}).get("end_of_life")
        if ends and ends <= (today + timedelta(days=NEAR_DAYS)).isoformat():
            word = "ends" if ends >= today.isoformat() else "ended"
            output.tell(f"warning: {file.address}: the judge {name} {word} on {ends}; choose another")


def warn_of_thresholds(order: Order) -> None:
    """Warn of thresholds that need a library that is not installed."""
    for file in (file for file in order.targets() if thresholds.are_unreadable(file)):
        output.tell(
            f"warning: {file.address}: its thresholds may be about metrics in MLflow, which cannot be read here",
            f"{output.HINT}pip install 'sagespec[mlflow]', or check them elsewhere: `sagespec results --check`",
        )


def warn_of_rewards(made: Plan) -> None:
    """Warn of reward functions that cannot be verified before their training starts."""
    for planned in made.targets():
        check = rewards.of(planned.file) if planned.is_pending else None
        if check and check.reason:
            output.tell(f"warning: {planned.address}: {check.note}")


def _judges(tree: Any) -> set[str]:
    if isinstance(tree, dict):
        own = {tree["judge_model_id"]} if isinstance(tree.get("judge_model_id"), str) else set()
        return own.union(*(_judges(value) for value in tree.values()))
    return set().union(*(_judges(item) for item in tree)) if isinstance(tree, list) else set()


def tell(outcome: Outcome, files: Mapping[str, File], opened: Session) -> None:
    """Print the failures of apply, at the line of the spec where AWS names a field, and the specs that wait."""
    refused = [files[failure.address].content for failure in outcome.failures if failure.request]
    sources = Sources(refused, Path.cwd(), opened.project_file)
    _tell_failures(outcome.failures, files, sources)
    for address, needed in outcome.waiting.items():
        begun = all(a in outcome.runs or files[a].target for a in needed)
        way = "apply again when that is done, or use --wait" if begun else "apply that, too"
        output.tell(f"{address} waits for {', '.join(needed)}: {way}")


def _tell_failures(failures: Iterable[Failure], files: Mapping[str, File], sources: Sources) -> None:
    """Print failures; those with the same cause once, and then the places of the others."""
    causes: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        causes.setdefault((failure.reason, failure.hint), []).append(failure)
    for (reason, hint), (first, *others) in causes.items():
        where = [*_where(first, files[first.address], sources)]
        also = (_also(failure, files[failure.address], sources) for failure in others[:MOST_PLACES])
        more = [f"    and {len(others) - MOST_PLACES} more"] if len(others) > MOST_PLACES else []
        output.error(f"{first.address}: {reason}", hint, [*where, *also, *more])


def _also(failure: Failure, file: File, sources: Sources) -> str:
    location = next(iter(_where(failure, file, sources)), "")
    place = location if isinstance(location, str) else str(location[0]).removesuffix(":")
    return f"    also {failure.address}{f': {place}' if place else ''}"


def _where(failure: Failure, file: File, sources: Sources) -> Iterator[Line]:
    """Yield the location of the value that AWS refused; nothing where the message names no member."""
    if not failure.request:
        return
    index = next(i for i, request in enumerate(file.content.requests) if request.id == failure.request)
    at = failure.path or source_map.member(file.content.requests[index], failure.reason)
    if not at:
        return
    problem = failure.problem or Problem("aws", failure.reason)
    diagnostic = source_map.locate(file.content, failure.request, at, problem, sources)
    done = sources.compilation(file.content)
    if diagnostic is not None and done is not None:
        yield from options.lines([diagnostic], done.checked.texts, done.checked.settings.project.root)
        return
    steps = ("", "requests", index, "parameters", *at)
    pointer = "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in steps)
    yield f"at {file.path}#{pointer} ({dotted(at)})"
