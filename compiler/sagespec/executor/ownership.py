"""Whose something is that stands where a spec's job, execution or function would.

In: a target. Out: nothing where the spec's identity has made it. Refuses what others have made, or may have made: the
SDK runs its evaluations through any pipeline that has the prefix and the tag of evaluations, ours included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sagespec.documents import submitted
from sagespec.executor import resources, runs
from sagespec.executor.cloud import Cloud
from sagespec.executor.files import File
from sagespec.executor.patience import insist
from sagespec.executor.targets import Target

MOST_NAMED = 20
"""Executions of others that are named, each after a look at who has started it."""


class NotOurs(Exception):
    """Something that the spec's identity has not made; `others` are lines that name what others have made."""

    def __init__(self, message: str, hint: str = "", others: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.hint, self.others = hint, tuple(others)


def check(cloud: Cloud, target: Target, file: File) -> None:
    """Refuse a target that a file's identity has not made.

    Raises NotOurs, CloudError.
    """
    if any(map(submitted.names_its_function, file.content.requests)):
        message = f"function_name gives {target.name} its name: others may have made it, or use it too"
        raise NotOurs(message, "delete it with `aws lambda delete-function`")
    have = insist(lambda: resources.tags_of(cloud, target.region, _resource(target)))
    wanted = {submitted.ADDRESS: file.address}
    if target.kind != "execution":  # a pipeline is made once, for all the identities of its spec
        wanted[submitted.IDENTITY] = file.content.identity
    for key, value in wanted.items():
        if have.get(key) != value:
            said = f"has {key}={have[key]}" if key in have else f"has no tag {key}"
            raise NotOurs(f"{_resource(target)} {said}: {file.address} has not made it, and it is left alone")


def check_alone(cloud: Cloud, target: Target, file: File) -> None:
    """Refuse an execution whose pipeline has others: AWS deletes a pipeline with all that it has run.

    Raises NotOurs, which says whose they are, and CloudError.
    """
    pages = cloud.pages(
        "sagemaker",
        "ListPipelineExecutions",
        "PipelineExecutionSummaries",
        target.region,
        PipelineName=pipeline(target),
        MaxResults=100,
    )
    others = [e for page in pages for e in page if e["PipelineExecutionArn"] != target.arn]
    if not others:
        return
    lines = [f"    {_whose(cloud, target.region, file, execution)}" for execution in others[:MOST_NAMED]]
    if len(others) > MOST_NAMED:
        lines.append(f"    and {len(others) - MOST_NAMED} more")
    message = (
        f"pipeline {pipeline(target)} has run more than this, and AWS deletes executions only with their pipeline"
    )
    hint = "nothing was deleted; raise metadata.run to run the same content once more"
    raise NotOurs(message, hint, lines)


def pipeline(target: Target) -> str:
    """The pipeline that an execution belongs to."""
    return target.arn.partition(":pipeline/")[2].partition("/")[0]


def _resource(target: Target) -> str:
    return target.arn.partition("/execution/")[0]


def _whose(cloud: Cloud, region: str | None, file: File, summary: Mapping[str, Any]) -> str:
    arn = summary["PipelineExecutionArn"]
    name = summary.get("PipelineExecutionDisplayName", arn.rpartition("/")[2])
    started = f"{name} ({summary['PipelineExecutionStatus']}, {summary['StartTime']:%Y-%m-%d %H:%M})"
    if runs.is_earlier(file, name):
        return f"{started}: an earlier content of this spec"
    found = cloud.call("sagemaker", "DescribePipelineExecution", region, PipelineExecutionArn=arn)
    return f"{started}: started by {resources.user(found.get('CreatedBy')) or 'others'}"
