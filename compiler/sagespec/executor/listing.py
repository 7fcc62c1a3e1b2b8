"""What there is in an account: jobs of every category, training jobs, executions of evaluations.

In: a filter. Out: `Entry`s, page by page as the API gives them, then sorted as one list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sagespec.checking import schema
from sagespec.executor import targets
from sagespec.executor.cloud import Cloud, CloudError

STATUSES = {
    "ListJobs": {"InProgress", "Completed", "Failed", "Stopping", "Stopped", "Deleting", "DeleteFailed"},
    "ListTrainingJobs": {"InProgress", "Completed", "Failed", "Stopping", "Stopped", "Deleting"},
    "ListPipelineExecutions": {"Executing", "Stopping", "Stopped", "Failed", "Succeeded", "CompletedWithFailures"},
}
"""The statuses that there are, by the operation that lists what has them; it refuses to filter by others."""
_TEXT = re.compile(r"[a-zA-Z0-9-]{1,63}")
"""The text that NameContains takes."""
_OF_A_STEP = re.compile(r"pipelines-[a-z0-9]{12}-.*-[a-zA-Z0-9]{10}")
"""Names of jobs behind steps, with the id of their execution: it is listed itself."""

SORTS = {"Name": "name", "CreationTime": "creation_time", "Status": "status"}


@dataclass(frozen=True)
class Entry:
    """One job or execution; `kind` is the kind of spec that makes such a thing, else the job's category."""

    kind: str
    name: str
    status: str
    creation_time: datetime
    arn: str


@dataclass(frozen=True)
class Filter:
    """Which entries; None and empty text take any."""

    kinds: tuple[str, ...]
    status: str | None = None
    name_contains: str = ""
    after: datetime | None = None
    before: datetime | None = None

    def takes(self, entry: Entry) -> bool:
        return (
            self.status in (None, entry.status)
            and self.name_contains in entry.name
            and (self.after is None or entry.creation_time > self.after)
            and (self.before is None or entry.creation_time < self.before)
        )

    def excludes(self, operation: str) -> bool:
        """Whether nothing that an operation lists can have the status; one that nobody knows may be new."""
        return self.status not in STATUSES[operation] and any(self.status in known for known in STATUSES.values())

    def api(self, operation: str) -> dict[str, Any]:
        """The part of the filter that ListJobs or ListTrainingJobs takes over."""
        given = {
            "StatusEquals": self.status if self.status in STATUSES[operation] else None,
            "NameContains": self.name_contains if _TEXT.fullmatch(self.name_contains) else None,
            "CreationTimeAfter": self.after,
            "CreationTimeBefore": self.before,
        }
        return {name: value for name, value in given.items() if value is not None}


def find(cloud: Cloud, wanted: Filter) -> list[Entry]:
    """List what a filter takes, in no order.

    Raises CloudError.
    """
    found: list[Entry] = []
    for kind in wanted.kinds:
        made, _, name = schema.runs(kind).partition("/") if kind in schema.kinds() else ("job", "", kind)
        if made == "job":
            found += _jobs(cloud, kind, name, wanted)
        elif made == "training-job":
            found += _training_jobs(cloud, kind, wanted)
        elif made == "pipeline":
            found += _executions(cloud, kind, name, wanted)
    return [entry for entry in found if wanted.takes(entry)]


def kinds() -> tuple[str, ...]:
    """The kinds that run as something that AWS lists, and the categories of jobs that no kind makes."""
    made = {kind: schema.runs(kind) for kind in schema.kinds()}
    listed = tuple(kind for kind, what in made.items() if what not in ("", "function"))
    return listed + tuple(category for category in targets.CATEGORIES if f"job/{category}" not in made.values())


def _jobs(cloud: Cloud, kind: str, category: str, wanted: Filter) -> Iterator[Entry]:
    if wanted.excludes("ListJobs"):
        return
    parameters = {"JobCategory": category, "MaxResults": 100, **wanted.api("ListJobs")}
    try:
        for page in cloud.pages("sagemaker", "ListJobs", "JobSummaries", **parameters):
            for job in page:
                if not _OF_A_STEP.fullmatch(job["JobName"]):
                    yield Entry(kind, job["JobName"], job["JobStatus"], job["CreationTime"], job["JobArn"])
    except CloudError as error:
        # a region that does not have the category yet has no such jobs
        if not (kind == category and error.code == "ValidationException"):
            raise


def _training_jobs(cloud: Cloud, kind: str, wanted: Filter) -> Iterator[Entry]:
    if wanted.excludes("ListTrainingJobs"):
        return
    parameters = {"MaxResults": 100, **wanted.api("ListTrainingJobs")}
    for page in cloud.pages("sagemaker", "ListTrainingJobs", "TrainingJobSummaries", **parameters):
        for job in page:
            name, status = job["TrainingJobName"], job["TrainingJobStatus"]
            if not _OF_A_STEP.fullmatch(name):
                yield Entry(kind, name, status, job["CreationTime"], job["TrainingJobArn"])


def _executions(cloud: Cloud, kind: str, evaluation: str, wanted: Filter) -> Iterator[Entry]:
    if wanted.excludes("ListPipelineExecutions"):
        return
    times = {"CreatedAfter": wanted.after, "CreatedBefore": wanted.before}
    given = {name: value for name, value in times.items() if value is not None}
    for run in targets.evaluations(cloud, f"SagemakerEvaluation-{evaluation}", **given):
        name = run.get("PipelineExecutionDisplayName", run["PipelineExecutionArn"].rpartition("/")[2])
        yield Entry(kind, name, run["PipelineExecutionStatus"], run["StartTime"], run["PipelineExecutionArn"])
