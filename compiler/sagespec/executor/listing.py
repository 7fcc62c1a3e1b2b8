"""List the runs of an account: jobs of every category, training jobs, executions of evaluations.

In: a filter. Out: `Entry`s.
"""

from __future__ import annotations

from dataclasses import replace

from sagespec.checking import schema
from sagespec.executor.cloud import Cloud
from sagespec.executor.runs import job, sorts
from sagespec.executor.runs.entries import Entry, Filter

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
