"""What apply would do: compiled files against what exists.

In: compiled files in order, and AWS, which is only read. Out: a `Plan`, one line a request. Refuses: another
account than the files' own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from compiler.compiled import Request
from compiler.executor import markers, runs, tags
from compiler.executor.cloud import Cloud, CloudError
from compiler.executor.files import File, InvalidFiles, Order
from compiler.executor.runs import Found, Run
from compiler.executor.tags import Drift

Action = Literal["create", "start", "keep", "running", "wait", "failed", "blocked"]
MOST_DIFFERENCES = 12


@dataclass(frozen=True)
class Line:
    """What becomes of one request."""

    request: str
    action: Action
    what: str
    note: str = ""


@dataclass(frozen=True)
class FilePlan:
    """What becomes of one file; `run` is what exists of it already."""

    file: File
    lines: tuple[Line, ...] = ()
    run: Run | None = None
    waits_for: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    drifts: tuple[Drift, ...] = ()

    @property
    def address(self) -> str:
        return self.file.address

    @property
    def is_pending(self) -> bool:
        return bool(self.drifts) or any(line.action in ("create", "start", "wait") for line in self.lines)

    @property
    def has_failed(self) -> bool:
        return any(line.action in ("failed", "blocked") for line in self.lines)


@dataclass(frozen=True)
class Plan:
    """The plans of all files, dependencies first."""

    files: Mapping[str, FilePlan] = field(default_factory=dict)

    def targets(self) -> list[FilePlan]:
        return [plan for plan in self.files.values() if plan.file.target]

    @property
    def is_pending(self) -> bool:
        return any(plan.is_pending for plan in self.targets())

    @property
    def has_failed(self) -> bool:
        return any(plan.has_failed for plan in self.targets())


def plan(order: Order, cloud: Cloud, root: Path, sync_tags: bool = False) -> Plan:
    """Work out what apply would do; reads only. With `sync_tags`, the tags of what exists are compared too.

    Raises CloudError, and InvalidFiles where the caller is in another account.
    """
    accounts = {file.content.account for file in order.files.values()}
    if not accounts:
        return Plan()
    caller = cloud.account(sorted({file.content.region for file in order.files.values()})[0])
    if wrong := sorted(accounts - {caller}):
        raise InvalidFiles(f"compiled for account {', '.join(wrong)}, but the caller is in {caller}")
    found = runs.find(cloud, order.files.values())
    planned: dict[str, FilePlan] = {}
    for address, file in order.files.items():
        made = _plan_file(cloud, file, found, planned, root)
        if sync_tags and made.run is not None and file.target:
            made = replace(made, drifts=tuple(tags.drifts(cloud, file, made.run)))
        planned[address] = made
    return Plan(planned)


def _plan_file(cloud: Cloud, file: File, found: Found, before: Mapping[str, FilePlan], root: Path) -> FilePlan:
    run = found.runs.get(file.address)
    requests = file.content.requests
    if not requests:
        return FilePlan(file, (Line("-", "keep", "nothing to do"),))
    if run is not None:
        action: Action = {"done": "keep", "running": "running", "failed": "failed"}[run.state]  # type: ignore[assignment]  # a literal by its key
        note = run.status + (f": {run.reason}" if run.reason else "")
        if other := _other_function(requests[-1], run, root):
            return FilePlan(file, (Line(requests[-1].id, "failed", run.name, other),))
        rest = tuple(Line(r.id, "keep", _what(r.operation, r.parameters)) for r in requests[:-1])
        return FilePlan(file, (*rest, Line(requests[-1].id, action, run.name, note)), run)
    blockers = [a for a in file.content.depends_on if before[a].has_failed]
    absent = _absent_functions(cloud, file, before)
    waits = [a for a in file.content.depends_on if before[a].is_pending or _is_running(before[a])]
    action, note = "create", ""
    if blockers:
        action, note = "blocked", f"by {', '.join(blockers)}"
    elif absent:
        action, note = "failed", f"there is no function {', '.join(absent)}"
    elif waits:
        action, note = "wait", f"for {', '.join(waits)}"
    lines = []
    for request in requests:
        starts = request.operation.startswith("Start") or request.operation in (
            "CreateJob",
            "CreateTrainingJob",
        )
        word: Action = "start" if starts and action == "create" else action
        lines.append(Line(request.id, word, _what(request.operation, request.parameters), note))
    differences: tuple[str, ...] = ()
    if earlier := found.earlier.get(file.address):
        differences = (f"ran before as {earlier}", *_differences(cloud, file, earlier))
    return FilePlan(file, tuple(lines), None, tuple(waits), differences)


def _other_function(request: Request, run: Run, root: Path) -> str | None:
    """Why an existing function is not the one that the file describes."""
    if request.operation != "CreateFunction":
        return None
    try:
        return runs.other_function(markers.fill(request.parameters, {}, root), run)
    except markers.Unfilled as error:
        return str(error)


def _absent_functions(cloud: Cloud, file: File, before: Mapping[str, FilePlan]) -> list[str]:
    """Functions that a spec says exist, and that AWS does not know."""
    existing = [a for a in file.content.depends_on if not before[a].file.content.requests]
    absent = []
    for arn in sorted(set(_lambda_arns([r.parameters for r in file.content.requests]))) if existing else ():
        try:
            cloud.call("lambda", "GetFunction", file.content.region, FunctionName=arn)
        except CloudError as error:
            if not error.is_missing:
                raise
            absent.append(arn)
    return absent


def _lambda_arns(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        if isinstance(tree.get("LambdaArn"), str):
            yield tree["LambdaArn"]
        for value in tree.values():
            yield from _lambda_arns(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _lambda_arns(value)


def _is_running(plan: FilePlan) -> bool:
    return plan.run is not None and plan.run.state == "running"


def _what(operation: str, parameters: Mapping[str, Any]) -> str:
    """The thing that a request makes, in one word or two."""
    for key in ("JobName", "TrainingJobName", "PipelineExecutionDisplayName", "PipelineName", "FunctionName"):
        if key in parameters:
            return str(parameters[key])
    if operation == "CreateModelPackageGroup":
        return str(parameters["ModelPackageGroupName"])
    if operation == "PutObject":
        return f"s3://{parameters['Bucket']}/{parameters['Key']}"
    return operation


def _differences(cloud: Cloud, file: File, earlier: str) -> Iterator[str]:
    """Say what is different since an earlier run, so that a paid rerun is never a surprise."""
    request, region = runs.main_request(file.content), file.content.region
    operation = request.operation if request else ""
    try:
        if operation == "CreateJob" and request:
            category = request.parameters["JobCategory"]
            found = cloud.call("sagemaker", "DescribeJob", region, JobName=earlier, JobCategory=category)
            old = json.loads(found["JobConfigDocument"])
            old.pop("ServiceOutput", None)
            new = request.parameters["JobConfigDocument"]["$json"]
        elif operation == "StartPipelineExecution":
            api = "DescribePipelineDefinitionForExecution"
            old = json.loads(cloud.call("sagemaker", api, region, PipelineExecutionArn=earlier)["PipelineDefinition"])
            new = next(r for r in file.content.requests if r.id == "pipeline").parameters["PipelineDefinition"][
                "$json"
            ]
        elif operation == "CreateTrainingJob" and request:
            old = cloud.call("sagemaker", "DescribeTrainingJob", region, TrainingJobName=earlier)
            new = {k: v for k, v in request.parameters.items() if k not in ("TrainingJobName", "Tags")}
            old = {k: v for k, v in old.items() if k in new}
        else:
            return
    except CloudError as error:
        yield f"what differs cannot be read: {error}"
        return
    changed = list(differences(old, new))
    yield from changed[:MOST_DIFFERENCES]
    if len(changed) > MOST_DIFFERENCES:
        yield f"and {len(changed) - MOST_DIFFERENCES} more"


def differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """Compare two documents; an output that is not known yet differs from nothing."""
    if isinstance(new, dict) and set(new) == {"$output"}:
        return
    if isinstance(new, dict) and set(new) == {"$json"}:
        yield from differences(json.loads(old) if isinstance(old, str) else old, new["$json"], place)
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            if key not in new:
                yield f"{place}/{key}: was {_short(old[key])}, now absent"
            elif key not in old:
                yield f"{place}/{key}: new, {_short(new[key])}"
            else:
                yield from differences(old[key], new[key], f"{place}/{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, f"{place}/{index}")
    elif old != new:
        yield f"{place}: was {_short(old)}, now {_short(new)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def save(made: Plan) -> str:
    """Write a plan so that it can be told later whether it still holds."""
    return json.dumps({"apiVersion": "sagespec/v1", "kind": "Plan", "files": summary(made)}, indent=2) + "\n"


def summary(made: Plan) -> list[dict[str, Any]]:
    """A plan as data: for a saved plan, and for machines."""
    return [
        {
            "address": p.address,
            "path": p.file.path.as_posix(),
            "digest": p.file.content.digest,
            "requests": [line.__dict__ for line in p.lines],
            "differences": list(p.differences),
            "tags": [{"arn": d.arn, "wanted": d.wanted} for d in p.drifts],
        }
        for p in made.targets()
    ]
