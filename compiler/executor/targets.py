"""What commands are about: a job, an execution or a function, ours or that of others.

In: an address, a compiled file, a job name, an ARN. Out: a `Target`. Refuses names that nothing has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from compiler.executor import runs
from compiler.executor.cloud import Cloud, CloudError
from compiler.executor.files import File

CATEGORIES = (
    "AgentRFT",
    "AgentRFTEvaluation",
    "SyntheticDataGeneration",
    "DataQualityEvaluation",
    "DataTransformation",
)
"""Categories of the Job API, those that sagespec submits first."""
_EXECUTION = re.compile(r"arn:[^:]+:sagemaker:(?P<region>[^:]+):\d+:pipeline/(?P<name>[^/]+)/execution/[^/]+")
_JOB = re.compile(r"arn:[^:]+:sagemaker:(?P<region>[^:]+):\d+:job/(?P<category>[^/]+)/(?P<name>[^/]+)")
_TRAINING_JOB = re.compile(r"arn:[^:]+:sagemaker:(?P<region>[^:]+):\d+:training-job/(?P<name>[^/]+)")


class UnknownTarget(Exception):
    """Nothing runs, or has run, under this name."""


@dataclass(frozen=True)
class Target:
    """Something that runs: exactly one of a job, a training job, an execution, a function."""

    kind: str
    name: str
    arn: str = ""
    category: str = ""
    region: str | None = None
    file: File | None = field(default=None, repr=False)


def find(cloud: Cloud, text: str, files: Mapping[str, File]) -> Target:
    """Find what a name or ARN stands for; `files` are the compiled files by address.

    A run that was named otherwise than by its address belongs to the file with its identity, where there is one.
    Raises UnknownTarget, CloudError.
    """
    if text in files:
        return of_file(cloud, files[text])
    target = _named(cloud, text)
    file = next((f for f in files.values() if target.name.endswith(runs.suffix(f.content))), None)
    return replace(target, file=file)


def _named(cloud: Cloud, text: str) -> Target:
    if found := _EXECUTION.fullmatch(text):
        execution = cloud.call("sagemaker", "DescribePipelineExecution", found["region"], PipelineExecutionArn=text)
        name = str(execution.get("PipelineExecutionDisplayName", found["name"]))
        return Target("execution", name, text, region=found["region"])
    if target := of_arn(text):
        return target
    job = _unless_missing(cloud, "DescribeTrainingJob", TrainingJobName=text)
    if job is not None:
        return Target("training-job", text, job["TrainingJobArn"])
    for category in CATEGORIES:
        job = _unless_missing(cloud, "DescribeJob", JobName=text, JobCategory=category)
        if job is not None:
            return Target("job", text, job["JobArn"], category)
    raise UnknownTarget(f"nothing is called {text!r}: give an address, a compiled file, a job name or an ARN")


def of_arn(arn: str) -> Target | None:
    """The job or training job that an ARN names, such as that of a step; None for any other text."""
    if found := _JOB.fullmatch(arn):
        return Target("job", found["name"], arn, found["category"], found["region"])
    if found := _TRAINING_JOB.fullmatch(arn):
        return Target("training-job", found["name"], arn, region=found["region"])
    return None


def of_file(cloud: Cloud, file: File) -> Target:
    """Find the run of a compiled file."""
    run = runs.find(cloud, [file]).runs.get(file.address)
    if run is None:
        raise UnknownTarget(f"{file.address} has not run: `sagespec apply {file.path}` submits it")
    return of_run(file, run)


def of_run(file: File, run: runs.Run) -> Target:
    """The target that a known run is."""
    request = runs.main_request(file.content)
    operation = request.operation if request else ""
    kind = {"CreateJob": "job", "CreateTrainingJob": "training-job", "CreateFunction": "function"}.get(
        operation, "execution"
    )
    category = request.parameters.get("JobCategory", "") if request else ""
    return Target(kind, run.name, run.arn, category, file.content.region, file)


def _unless_missing(cloud: Cloud, operation: str, **parameters: Any) -> dict[str, Any] | None:
    """A text that is no name, and a category that this region does not have yet, name nothing either."""
    try:
        return cloud.call("sagemaker", operation, **parameters)
    except CloudError as error:
        if error.is_missing or error.code == "ValidationException":
            return None
        raise
