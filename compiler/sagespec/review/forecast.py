"""What `apply` would do with each spec, grouped by what happens to the reader's money.

In: a plan, the prices and files of its project. Out: a `Forecast`: a `Row` for each address, what is prepared
besides, and the sums. Text, Markdown and JSON show the same one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from sagespec.documents.compiled import DIGITS, Request
from sagespec.executor import markers
from sagespec.executor.differences import Difference
from sagespec.executor.plan import Action, FilePlan, Line, Plan
from sagespec.executor.runs import sorts
from sagespec.project.settings import Project
from sagespec.review import cost, words
from sagespec.review.entry import Change, Cost

Group = Literal[
    "start", "then", "running", "failed", "refused", "blocked", "stale", "changed", "unchanged", "prepare", "nothing"
]
_GROUPS: Mapping[Action, Group] = {
    "start": "start",
    "wait": "then",
    "running": "running",
    "failed": "failed",
    "refused": "refused",
    "blocked": "blocked",
    "stale": "stale",
    "changed": "changed",
    "keep": "unchanged",
    "create": "prepare",
    "update": "prepare",
}
_NOUNS = {"CreateModelPackageGroup": "group", "ImportHubContent": "hub entry", "PutObject": "upload"}
_FEW = 3
"""Changes since the earlier run that a row names; it counts the rest."""


class Earlier(NamedTuple):
    """The newest earlier run of an address: its name, the end of its name, and how many there are."""

    name: str
    identity: str
    number: int


class Row(NamedTuple):
    """What becomes of one address.

    `waits` are the dependencies that are not done, `earlier` is the run before the one that would start, `changes`
    are the differences from that, and `note` is what else there is to know.
    """

    address: str
    group: Group
    cost: Cost | None = None
    waits: tuple[str, ...] = ()
    earlier: Earlier | None = None
    changes: tuple[Difference, ...] = ()
    note: str = ""
    tags: tuple[str, ...] = ()


class Prepared(NamedTuple):
    """Resources that are created or updated before anything starts, counted by their nouns, and bytes to upload.

    `later` counts those of specs that wait, of which some may exist.
    """

    created: Mapping[str, int]
    updated: Mapping[str, int]
    later: Mapping[str, int]
    upload_bytes: int


class Forecast(NamedTuple):
    """A plan as a reader wants it; rows are in the order in which apply goes."""

    projects: tuple[str, ...]
    environments: tuple[str, ...]
    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    rows: Sequence[Row]
    prepared: Prepared

    def of(self, *groups: Group) -> list[Row]:
        return [row for row in self.rows if row.group in groups]

    @property
    def starting(self) -> list[Row]:
        """What starts now or later."""
        return self.of("start", "then")


def of(made: Plan, project: Project) -> Forecast:
    """Group a plan."""
    targets = made.targets()
    contents = [planned.file.content for planned in targets]
    return Forecast(
        projects=tuple(sorted({one.project for one in contents if one.project})),
        environments=tuple(sorted({one.environment for one in contents if one.environment})),
        accounts=tuple(sorted({one.account for one in contents})),
        regions=tuple(sorted({one.region for one in contents})),
        rows=[_row(planned, project) for planned in targets],
        prepared=_prepared(targets, project),
    )


def _row(planned: FilePlan, project: Project) -> Row:
    group = _group(planned)
    starts = group in ("start", "then")
    requests = planned.file.requests
    return Row(
        address=planned.address,
        group=group,
        cost=cost.of(requests, {}, project.prices) if starts or group == "running" else None,
        waits=planned.waits,
        earlier=_earlier(planned) if starts else None,
        changes=tuple(one for one in planned.differences if isinstance(one, Difference)),
        note=_note(planned, group),
        tags=tuple(_tags(planned)),
    )


def _group(planned: FilePlan) -> Group:
    if not planned.file.requests:
        return "nothing"
    group = _GROUPS[planned.lines[-1].action]
    is_changed = group == "unchanged" and any(line.action == "changed" for line in planned.lines)
    return "changed" if is_changed else group


def _note(planned: FilePlan, group: Group) -> str:
    notes = [line.note for line in planned.lines if line.note]
    if group == "then":  # its lines say what they wait for, which the row has
        waiting = f"for {', '.join(planned.waits)}"
        notes = [note.removeprefix(waiting).removeprefix("; ") for note in notes]
    if group == "unchanged":
        return ""
    if group == "changed":
        notes = [line.note for line in planned.lines if line.action == "changed"]
    return "; ".join(dict.fromkeys(note for note in notes if note))


def _earlier(planned: FilePlan) -> Earlier | None:
    if planned.earlier is None:
        return None
    name = planned.earlier.name
    return Earlier(name, name[-DIGITS:], max(1, planned.before))


def _tags(planned: FilePlan) -> Iterator[str]:
    for drift in planned.drifts:
        wanted = ", ".join(f"{key}={value}" for key, value in sorted(drift.wanted.items()))
        yield f"{drift.arn.rpartition(':')[2]} {wanted}"


def _prepared(targets: Sequence[FilePlan], project: Project) -> Prepared:
    counts: dict[str, Counter[str]] = {word: Counter() for word in ("create", "update", "wait")}
    seen: set[tuple[str, ...]] = set()
    size = 0
    for planned in targets:
        for line, request in _requests(planned):
            key = _key(planned, line, request)
            if line.action not in counts or _starts(request) or key in seen:
                continue
            seen.add(key)
            counts[line.action][_NOUNS.get(request.operation) or words.thing(request.operation)] += 1
            if request.operation == "PutObject" and line.action == "create":
                size += markers.size(request.parameters["Body"], project)
    return Prepared(counts["create"], counts["update"], counts["wait"], size)


def _requests(planned: FilePlan) -> Iterator[tuple[Line, Request]]:
    requests = {request.id: request for request in planned.file.requests}
    return ((line, requests[line.request]) for line in planned.lines if line.request in requests)


def _starts(request: Request) -> bool:
    sort = sorts.BY_OPERATION.get(request.operation)
    return sort is not None and sort.ACTION == "start"


def _key(planned: FilePlan, line: Line, request: Request) -> tuple[str, ...]:
    """The key of a request's resource: several specs may share one, if it has a name."""
    own = (planned.address, request.id) if line.what == request.operation else ()
    return (planned.file.content.region, request.operation, line.what, *own)


def since(row: Row) -> str:
    """Whether a row's address has run before, and what differs since, in few words."""
    if row.earlier is None:
        return "first run"
    text = f"run {row.earlier.number + 1}; since {row.earlier.identity}"
    names = labels(row.changes)
    told = [
        f"{name} {words.values(Change(name, one.old, one.new, '', 0, True, 'spec'))}"
        for name, one in zip(names[:_FEW], row.changes[:_FEW], strict=True)
    ]
    more = f" and {len(row.changes) - _FEW} more" if len(row.changes) > _FEW else ""
    return f"{text}: {', '.join(told)}{more}" if told else text


def labels(changes: Sequence[Difference]) -> list[str]:
    """The shortest ends of the key paths that tell changes apart."""
    paths = [[str(step) for step in one.path] for one in changes]
    shown = []
    for path in paths:
        length = next(
            (
                n
                for n in range(1, len(path))
                if not path[-n].isdigit() and sum(p[-n:] == path[-n:] for p in paths) == 1
            ),
            len(path),
        )
        shown.append(".".join(path[-length:]))
    return shown


def preparation(prepared: Prepared) -> str:
    """What is created, updated and uploaded, in one line; '' where nothing is."""
    created = {noun: count for noun, count in prepared.created.items() if noun != "upload"}
    parts = [", ".join(words.count(count, noun) for noun, count in created.items())]
    parts += [f"{words.count(count, noun)} updated" for noun, count in prepared.updated.items()]
    if uploads := prepared.created.get("upload"):
        parts.append(f"{words.count(uploads, 'upload')} ({words.size(prepared.upload_bytes)})")
    if prepared.later:
        parts.append(f"later {', '.join(words.count(count, noun) for noun, count in prepared.later.items())}")
    return "; ".join(part for part in parts if part)


class Totals(NamedTuple):
    """What all starts take at most; `usd` is None where an instance has no price."""

    now: int
    later: int
    hours: float
    usd: float | None
    serverless: int


def totals(forecast: Forecast) -> Totals:
    """Add up what starts now and later."""
    costs = [row.cost for row in forecast.starting if row.cost]
    on_instances = [one for one in costs if one.instances]
    priced = [one.usd for one in on_instances if one.usd is not None]
    return Totals(
        now=len(forecast.of("start")),
        later=len(forecast.of("then")),
        hours=sum(one.hours or 0 for one in on_instances),
        usd=sum(priced) if on_instances and len(priced) == len(on_instances) else None,
        serverless=len(costs) - len(on_instances),
    )


def verdict(forecast: Forecast) -> str:
    """What starts, what that takes at most, and what has gone wrong, in one line without a full stop."""
    wrong = [f"{len(rows)} {group}" for group in _WRONG if (rows := forecast.of(group))]
    text = "; ".join([_starting(forecast), *([", ".join(wrong)] if wrong else [])])
    if not (refused := len(forecast.of("refused"))):
        return text
    sent = f"nothing is sent, since {refused} {'is' if refused == 1 else 'are'} refused"
    return sent if text == _NOTHING else f"{sent}; otherwise {text}"


_WRONG: Sequence[Group] = ("failed", "blocked", "stale")
_NOTHING = "nothing to do"


def _starting(forecast: Forecast) -> str:
    total = totals(forecast)
    if not forecast.starting:
        rest = forecast.prepared
        if tagged := sum(len(row.tags) for row in forecast.rows):
            return f"nothing starts; {words.count(tagged, 'resource')} to tag"
        return "nothing starts" if rest.created or rest.updated or rest.later else _NOTHING
    started = [f"{total.now} start{'s' if total.now == 1 else ''} now"] if total.now else []
    if total.later:
        verb = "" if total.now else "starts " if total.later == 1 else "start "
        started.append(f"{total.later} {verb}later")
    takes = []
    if total.hours:
        usd = "" if total.usd is None else f" ({words.number(total.usd)} USD)"
        takes.append(f"at most {words.instance_hours(total.hours)}{usd}")
    if total.serverless:
        takes.append(f"{words.count(total.serverless, 'serverless run')}, billed by use")
    return f"{', '.join(started)}: {'; '.join(takes)}" if takes else ", ".join(started)


def data(row: Row) -> dict[str, Any]:
    """A row as data, without what `summary` of a plan has."""
    before = row.earlier
    changes = [{"path": list(one.path), "old": one.old, "new": one.new} for one in row.changes]
    return {
        "group": row.group,
        "waits_for": list(row.waits),
        "since": None if before is None else {**before._asdict(), "changes": changes},
        "note": row.note,
    }
