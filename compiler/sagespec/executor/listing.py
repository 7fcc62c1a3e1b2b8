"""List the runs of an account: jobs of every category, training jobs, executions of evaluations.

In: a filter. Out: `Entry`s, page by page as the API gives them, then sorted as one list.
"""

from __future__ import annotations

from sagespec.checking import schema
from sagespec.executor.cloud import Cloud
from sagespec.executor.runs import job, sorts
from sagespec.executor.runs.entries import Entry, Filter

SORTS = {"Name": "name", "CreationTime": "creation_time", "Status": "status"}


def find(cloud: Cloud, wanted: Filter) -> list[Entry]:
    """List what a filter takes, in no order.

    Raises CloudError.
    """
    entries: list[Entry] = []
    for kind in wanted.kinds:
        name, _, which = (schema.runs(kind) if kind in schema.kinds() else f"{job.NAME}/{kind}").partition("/")
        if (sort := sorts.BY_NAME.get(name)) and not _excludes(wanted, sort):
            entries += sort.listed(cloud, kind, which, wanted)
    return [entry for entry in entries if wanted.takes(entry)]


def _excludes(wanted: Filter, sort: sorts.Sort) -> bool:
    """Whether nothing that a sort lists can have the status; one that nobody knows may be new."""
    return wanted.status not in sort.STATUSES and any(wanted.status in s.STATUSES for s in sorts.BY_NAME.values())


def kinds() -> tuple[str, ...]:
    """The kinds that run as something that AWS lists, and the categories of jobs that no kind makes."""
    made = {kind: schema.runs(kind) for kind in schema.kinds()}
    listed = tuple(k for k, what in made.items() if what and sorts.BY_NAME[what.partition("/")[0]].STATUSES)
    return listed + tuple(category for category in job.CATEGORIES if f"{job.NAME}/{category}" not in made.values())
