"""What there is in an account: jobs of every category, training jobs, executions of evaluations.

In: a filter. Out: `Entry`s, page by page as the API gives them, then sorted as one list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compiler import schema
from compiler.executor.cloud import Cloud

SORTS = {"Name": "name", "CreationTime": "creation_time", "Status": "status"}


@dataclass(frozen=True)
class Entry:
    """One job or execution; `kind` is the kind of spec that makes such a thing."""

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

    def api(self) -> dict[str, Any]:
        """The part of the filter that ListJobs and ListTrainingJobs take over."""
        given = {
            "StatusEquals": self.status,
            "NameContains": self.name_contains or None,
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
        made, _, name = schema.runs(kind).partition("/")
        if made == "job":
            found += _jobs(cloud, kind, name, wanted)
        elif made == "training-job":
            found += _training_jobs(cloud, kind, wanted)
        elif made == "pipeline":
            found += _executions(cloud, kind, name, wanted)
    return [entry for entry in found if wanted.takes(entry)]


def kinds() -> tuple[str, ...]:
    """The kinds that run as something that AWS lists."""
    return tuple(k for k in schema.kinds() if schema.runs(k) not in ("", "function"))


def _jobs(cloud: Cloud, kind: str, category: str, wanted: Filter) -> Iterator[Entry]:
    parameters = {"JobCategory": category, "MaxResults": 100, **wanted.api()}
    for page in cloud.pages("sagemaker", "ListJobs", "JobSummaries", **parameters):
        for job in page:
            yield Entry(kind, job["JobName"], job["JobStatus"], job["CreationTime"], job["JobArn"])


def _training_jobs(cloud: Cloud, kind: str, wanted: Filter) -> Iterator[Entry]:
    for page in cloud.pages("sagemaker", "ListTrainingJobs", "TrainingJobSummaries", MaxResults=100, **wanted.api()):
        for job in page:
            if job["TrainingJobName"].startswith("pipelines-"):
                continue  # a step of an evaluation, which is listed itself
            name, status = job["TrainingJobName"], job["TrainingJobStatus"]
            yield Entry(kind, name, status, job["CreationTime"], job["TrainingJobArn"])


def _executions(cloud: Cloud, kind: str, evaluation: str, wanted: Filter) -> Iterator[Entry]:
    prefix: dict[str, Any] = {"PipelineNamePrefix": f"SagemakerEvaluation-{evaluation}", "MaxResults": 100}
    times = {"CreatedAfter": wanted.after, "CreatedBefore": wanted.before}
    given = {name: value for name, value in times.items() if value is not None}
    for pipelines in cloud.pages("sagemaker", "ListPipelines", "PipelineSummaries", **prefix):
        for pipeline in pipelines:
            parameters = {"PipelineName": pipeline["PipelineName"], "MaxResults": 100, **given}
            for page in cloud.pages(
                "sagemaker", "ListPipelineExecutions", "PipelineExecutionSummaries", **parameters
            ):
                for run in page:
                    name = run.get("PipelineExecutionDisplayName", run["PipelineExecutionArn"].rpartition("/")[2])
                    arn, status = run["PipelineExecutionArn"], run["PipelineExecutionStatus"]
                    yield Entry(kind, name, status, run["StartTime"], arn)
