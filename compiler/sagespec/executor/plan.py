"""Plan what apply would do: compare compiled files with what exists.

In: compiled files in order, and AWS, read only. Out: a `Plan` with one line for each request. Refuses to plan in
another account than the files'.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from sagespec.documents.compiled import API_VERSION, DIGITS, Request
from sagespec.executor import concurrently, lookahead, markers, preflight, rewards, staleness, tags
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.differences import Difference
from sagespec.executor.files import File, InvalidFiles, Order
from sagespec.executor.lookahead import Foresight
from sagespec.executor.preflight import Obstacle
from sagespec.executor.resources import Shelf
from sagespec.executor.runs import finding, sorts
from sagespec.executor.runs.finding import Found
from sagespec.executor.runs.run import Run, State, Target
from sagespec.executor.runs.sorts import Sort
from sagespec.executor.tags import Drift
from sagespec.executor.verified import CannotVerify
from sagespec.project.settings import Project

Action = Literal[
    "stale", "create", "update", "start", "keep", "running", "changed", "wait", "failed", "refused", "blocked"
]
MOST_DIFFERENCES = 12


@dataclass(frozen=True)
class Line:
    """The planned action of one request."""

    request: str
    action: Action
    what: str
    note: str = ""


@dataclass(frozen=True)
class FilePlan:
    """The plan of one file; `run` is its existing run, `earlier` the newest of another identity where it has none.

    `before` is how many of other identities AWS has shown, `waits` the dependencies that are not done.
    """

    file: File
    lines: tuple[Line, ...] = ()
    run: Run | None = None
    differences: tuple[str, ...] = ()
    drifts: tuple[Drift, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    earlier: Target | None = None
    before: int = 0
    waits: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return self.file.address

    @property
    def absent(self) -> frozenset[str]:
        """The ids of requests whose resource does not exist."""
        return frozenset(line.request for line in self.lines if line.action == "create")

    @property
    def is_pending(self) -> bool:
        return bool(self.drifts) or any(line.action in ("create", "update", "start", "wait") for line in self.lines)

    @property
    def is_stale(self) -> bool:
        """Whether the run used an output that its spec has replaced since."""
        return any(line.action == "stale" for line in self.lines)

    @property
    def has_failed(self) -> bool:
        return any(line.action in ("failed", "refused", "blocked") for line in self.lines)


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


def plan(order: Order, cloud: Cloud, project: Project, sync_tags: bool = False) -> Plan:
    """Plan what apply would do; reads only. With `sync_tags`, tags of existing resources are compared, too.

    Raises CloudError, and InvalidFiles where the caller is in another account.
    """
    with concurrently.pool(1) as pool:  # concurrently: the account is nearly always right
        runs = pool.submit(finding.find, cloud, order.files.values())
        finding.check_account(cloud, order.files.values())
        at_aws = finding.with_reasons(cloud, order.files, runs.result())
    fresh = [f for f in order.targets() if f.requests and f.address not in at_aws.runs]
    made = [f for f in order.targets() if f.address in at_aws.runs and _sort(f).ACTION == "create"]
    _check_files([*fresh, *made], project)
    ready = [f for f in fresh if all(_is_done(order.files[a], at_aws) for a in f.content.depends_on)]
    ahead = lookahead.look(cloud, ready, [f for f in fresh if f not in ready], project)
    missing = preflight.check(cloud, fresh, order.files.values())
    evaluations = {
        f.address: (f, at_aws.runs[f.address])
        for f in order.targets()
        if f.address in at_aws.runs and any(r.operation == "CreatePipeline" for r in f.requests)
    }
    redefined = lookahead.redefined(cloud, evaluations)
    stale = staleness.find(cloud, order.files, at_aws.runs)
    since = lookahead.at_once(
        [f.address for f in fresh], lambda a: _since(cloud, order.files[a], at_aws.earlier.get(a), project)
    )
    planned: dict[str, FilePlan] = {}
    for address, file in order.files.items():
        run = at_aws.runs.get(address)
        if run is None:
            lacks = missing.get(address, ())
            told = {obstacle.request for obstacle in lacks}  # one mistake is reported once
            obstacles = (*(o for o in _foreign(ahead, file) if o.request not in told), *lacks)
            made_new = _plan_new(file, planned, ahead, since.get(address, ()), obstacles)
            before, earlier = at_aws.numbers.get(address, 0), at_aws.earlier.get(address)
            planned[address] = replace(made_new, earlier=earlier, before=before)
        else:
            drifts = tuple(tags.drifts(cloud, file, run)) if sync_tags and file.target else ()
            known = _plan_known(cloud, file, run, project, redefined.get(address, ""))
            if address in stale:
                note = "; ".join(f"{x}; {staleness.AGAIN}" for x in stale[address])
                last = replace(known.lines[-1], action="stale", note=note)
                known = replace(known, lines=(*known.lines[:-1], last))
            planned[address] = replace(known, drifts=drifts)
    return Plan(planned)


def _is_done(file: File, at_aws: Found) -> bool:
    run = at_aws.runs.get(file.address)
    return not file.requests or (run is not None and run.state == "done")


def _check_files(fresh: Sequence[File], project: Project) -> None:
    """Refuse files whose uploads have changed since they were compiled.

    Raises InvalidFiles.
    """
    reasons = [
        f"{file.address}: {reason}"
        for file in fresh
        for request in file.requests
        for reason in markers.changed(request.parameters, project)
    ]
    if reasons:
        raise InvalidFiles(*dict.fromkeys(reasons))


def _plan_known(cloud: Cloud, file: File, run: Run, project: Project, redefined: str) -> FilePlan:
    """Return the plan of a file whose run exists; `redefined` notes a change of its pipeline."""
    request, action = file.requests[-1], _ACTIONS[run.state]
    note = run.status + (f": {run.reason}" if run.reason else "")
    sort = _sort(file)
    if sort.ACTION == "create" and file.target:
        wanted = markers.fill(request.parameters, {}, project)
        if other := sorts.conflict(sort, Shelf(cloud, file.content.region), wanted, run):
            hint = "leave function_name out, so that each content has a function of its own, or name another"
            line = Line(request.id, "refused", run.name, other)
            return FilePlan(file, (line,), obstacles=(Obstacle(other, hint, request.id, (sort.MEMBER,)),))
    lines = [Line(r.id, "keep", _what(r)) for r in file.requests[:-1]]
    if redefined:
        lines = [replace(x, action="changed", note=redefined) if x.request == "pipeline" else x for x in lines]
    return FilePlan(file, (*lines, Line(request.id, action, run.name, note)), run)


_ACTIONS: dict[State, Action] = {"done": "keep", "running": "running", "failed": "failed"}


def _foreign(ahead: Foresight, file: File) -> Iterator[Obstacle]:
    for request in file.requests:
        if other := ahead.foreign.get((file.address, request.id)):
            yield Obstacle(other.what, other.hint, request.id, (other.member,))


def _plan_new(
    file: File,
    before: Mapping[str, FilePlan],
    ahead: Foresight,
    since: tuple[str, ...],
    obstacles: tuple[Obstacle, ...],
) -> FilePlan:
    """Return the plan of a file that has not run."""
    requests = file.requests
    if not requests:
        return FilePlan(file, (Line("-", "keep", "nothing to do"),))
    blockers = [a for a in file.content.depends_on if before[a].has_failed or before[a].is_stale]
    waits = [a for a in file.content.depends_on if before[a].is_pending or _is_running(before[a])]
    action: Action | None = None
    note = ""
    if obstacles:
        action, note = "refused", "; ".join(obstacle.reason for obstacle in obstacles)
    elif blockers:
        action, note = "blocked", f"by {', '.join(blockers)}"
    elif waits:
        action, note = "wait", f"for {', '.join(waits)}"
    lines = [
        Line(r.id, action or _action(file, r, ahead), _what(r), note or ahead.notes.get((file.address, r.id), ""))
        for r in requests
    ]
    if (check := rewards.of(file)) and action in (None, "wait"):
        lines[-1] = replace(lines[-1], note="; ".join(filter(None, [note, check.note])))
    waiting = tuple(waits) if action == "wait" else ()
    return FilePlan(file, tuple(lines), differences=since, obstacles=obstacles, waits=waiting)


def _action(file: File, request: Request, ahead: Foresight) -> Action:
    sort = sorts.BY_OPERATION.get(request.operation)
    if sort is not None and sort.ACTION == "start":
        return "start"
    return ahead.words.get((file.address, request.id), "create")


def _sort(file: File) -> Sort:
    return sorts.BY_OPERATION[file.requests[-1].operation]


def _is_running(plan: FilePlan) -> bool:
    return plan.run is not None and plan.run.state == "running"


def _what(request: Request) -> str:
    """Return the name of the resource that a request creates."""
    operation, parameters = request.operation, request.parameters
    if operation == "PutObject":
        return f"s3://{parameters['Bucket']}/{parameters['Key']}"
    sort = sorts.BY_OPERATION.get(operation)
    name = sort.MEMBER if sort else _NAMES.get(operation, "")
    return str(parameters.get(name, operation))


_NAMES = {
    "CreateHub": "HubName",
    "CreateModelPackageGroup": "ModelPackageGroupName",
    "CreatePipeline": "PipelineName",
    "ImportHubContent": "HubContentName",
}


def _since(cloud: Cloud, file: File, earlier: Target | None, project: Project) -> tuple[str, ...]:
    """Return what has changed since an earlier run, which would be paid again."""
    return (f"ran before as {earlier.name}", *_differences(cloud, file, earlier, project)) if earlier else ()


def _differences(cloud: Cloud, file: File, earlier: Target, project: Project) -> Iterator[str]:
    try:
        changed = _sort(file).verify(cloud, file, earlier, project).differences
    except CannotVerify:
        return
    except CloudError as error:
        yield f"what differs cannot be read: {error}"
        return
    changed = tuple(one for one in changed if not _is_own_name(one, earlier.name, _what(file.requests[-1])))
    yield from changed[:MOST_DIFFERENCES]
    if len(changed) > MOST_DIFFERENCES:
        yield f"and {len(changed) - MOST_DIFFERENCES} more"


def _is_own_name(one: str, old: str, new: str) -> bool:
    """Return whether values differ only in what each run is called, as the folder of its own does."""
    if not isinstance(one, Difference) or not isinstance(one.old, str) or not isinstance(one.new, str):
        return False
    if one.old == one.new:  # masked
        return False
    return one.old.replace(old, new).replace(old[-DIGITS:], new[-DIGITS:]) == one.new


def save(made: Plan, project: Project, sync_tags: bool = False) -> str:
    """Write a plan as JSON, so that it can be compared later."""
    content = {"apiVersion": API_VERSION, "kind": "Plan", "syncTags": sync_tags, "files": summary(made, project)}
    return json.dumps(content, indent=2) + "\n"


def moved(saved: Mapping[str, Any], made: Plan, project: Project) -> list[str]:
    """Return what has changed since a plan was saved: files, requests, tags."""
    before = {str(file.get("address")): file for file in saved["files"]}
    now = {file["address"]: file for file in summary(made, project)}
    reasons = [f"{address}: was planned, and is no longer there" for address in before.keys() - now.keys()]
    for address, file in now.items():
        reasons += _moved(before.get(address, {}), file)
    return sorted(reasons)


def _moved(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    address = now["address"]
    if not before:
        yield f"{address}: was not planned"
    elif before.get("digest") != now["digest"]:
        yield f"{address}: {now['path']} has been compiled again"
    elif before != now:
        listed = before.get("requests")
        lines = [x for x in listed if isinstance(x, dict)] if isinstance(listed, list) else []
        known = {str(line.get("request")): line for line in lines}
        pairs = [(known.get(line["request"], {}), line) for line in now["requests"]]
        changed = [f"{address}: {_sentence(old, new)}" for old, new in pairs if old != new]
        yield from changed
        if before.get("tags") != now["tags"]:
            yield f"{address}: the tags to set have changed"
        if before.get("differences") != now["differences"]:
            yield f"{address}: its differences from the earlier run have changed"
        if before.get("path") != now["path"]:
            yield f"{address}: planned as {before.get('path')}, now it is {now['path']}"


def _sentence(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Describe the change of one planned request."""
    was, now = (f"{x.get('action')}" + (f" ({x['note']})" if x.get("note") else "") for x in (old, new))
    return f"{new['request']} {new['what']}: the plan was {was}, now it is {now}"


def summary(made: Plan, project: Project) -> list[dict[str, Any]]:
    """Return a plan as data; paths are relative to the project's folder."""
    return [
        {
            "address": p.address,
            "path": Path(os.path.relpath(p.file.path, project.root)).as_posix(),
            "digest": p.file.content.digest,
            "requests": [line.__dict__ for line in p.lines],
            "differences": list(p.differences),
            "tags": [{"arn": d.arn, "wanted": d.wanted} for d in p.drifts],
        }
        for p in made.targets()
    ]
