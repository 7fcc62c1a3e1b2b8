"""List the runs of an account: jobs of every category, training jobs, executions of evaluations.

In: a filter. Out: `Entry`s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from sagespec.checking import schema
from sagespec.executor import concurrently
from sagespec.executor.cloud import Cloud
from sagespec.executor.cloud_errors import CloudError
from sagespec.executor.runs import job, sorts
from sagespec.executor.runs.entries import Entry, Filter
from sagespec.executor.runs.run import Target, state_of

MOST_ASKED = 100
"""The most runs that are described for the time of their end."""
SORTS = {"Name": "name", "CreationTime": "creation_time", "Status": "status"}


def find(cloud: Cloud, wanted: Filter) -> list[Entry]:
    """List the runs that a filter accepts, unordered.

    Raises CloudError.
    """
    entries: list[Entry] = []
    by_sort: dict[str, dict[str, str]] = {}
    for kind in wanted.kinds:
        name, _, which = (schema.runs(kind) if kind in schema.kinds() else f"{job.NAME}/{kind}").partition("/")
        by_sort.setdefault(name, {})[which] = kind
    for name, kinds in by_sort.items():
        if (sort := sorts.BY_NAME.get(name)) and not _excludes(wanted, sort):
            entries += sort.listed(cloud, kinds, wanted)
    entries = [entry for entry in entries if wanted.takes(entry)]
    return [replace(entry, address=wanted.address(entry.name)) for entry in entries]


def with_ends(cloud: Cloud, entries: Sequence[Entry]) -> list[Entry]:
    """Add when runs ended whose list does not say it, of the newest `MOST_ASKED`: each is described, concurrently.

    What was deleted meanwhile, or may not be described, has no end. Raises CloudError.
    """
    unknown = [(entry, target) for entry in entries if (target := _unlisted(entry))]
    newest = sorted(unknown, key=lambda one: one[0].creation_time, reverse=True)[:MOST_ASKED]
    ends = concurrently.ask(partial(_end, cloud), [target for _, target in newest])
    known = dict(zip((entry.arn for entry, _ in newest), ends, strict=True))
    return [replace(entry, end_time=known.get(entry.arn, entry.end_time)) for entry in entries]


def _unlisted(entry: Entry) -> Target | None:
    """Return the target of an entry that has ended, and whose list does not say when."""
    target = sorts.of_arn(entry.arn) if entry.end_time is None and state_of(entry.status) != "running" else None
    return target if target and isinstance(sorts.of(target), sorts.EndsUnlisted) else None


def _end(cloud: Cloud, target: Target) -> datetime | None:
    sort = sorts.of(target)
    assert isinstance(sort, sorts.EndsUnlisted)
    try:
        return sort.ended(cloud, target)
    except CloudError as error:
        if error.is_missing or error.is_denied:
            return None
        raise


def _excludes(wanted: Filter, sort: sorts.Sort) -> bool:
    """Return whether no run of a sort can have the wanted status.

    An unknown status may be new and excludes nothing.
    """
    return wanted.status not in sort.STATUSES and any(wanted.status in s.STATUSES for s in sorts.BY_NAME.values())


def kinds() -> tuple[str, ...]:
    """Return the kinds whose runs AWS lists, and the job categories without a kind."""
    made = {kind: schema.runs(kind) for kind in schema.kinds()}
    listed = tuple(k for k, what in made.items() if what and sorts.BY_NAME[what.partition("/")[0]].STATUSES)
    return listed + tuple(category for category in job.CATEGORIES if f"{job.NAME}/{category}" not in made.values())
