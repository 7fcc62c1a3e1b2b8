"""What commands are about: a job, an execution or a function, ours or that of others.

In: an address, a compiled file, a job name, an ARN. Out: a `Target`. Refuses names that nothing has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from sagespec.diagnostics import did_you_mean
from sagespec.executor import runs
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.files import File
from sagespec.executor.patience import UNKNOWN_SECONDS, Patience, look_for

CATEGORIES = (
    "AgentRFT",
    "AgentRFTEvaluation",
    "SyntheticDataGeneration",
    "DataQualityEvaluation",
    "DataTransformation",
)
"""Categories of the Job API, those that sagespec submits first."""
NOT_SHOWN = "has not run, or was started so lately that AWS does not show it yet"
"""What can be said of a run that is not there: reads trail writes."""
T = TypeVar("T")
_EXECUTION = re.compile(r"arn:[^:]+:sagemaker:(?P<region>[^:]+):\d+:pipeline/(?P<name>[^/]+)/execution/[^/]+")
_JOB = re.compile(r"arn:[^:]+:sagemaker:(?P<region>[^:]+):\d+:job/(?P<category>[^/]+)/(?P<name>[^/]+)")
_TRAINING_JOB = re.compile(r"arn:[^:]+:sagemaker:(?P<region>[^:]+):\d+:training-job/(?P<name>[^/]+)")
_FUNCTION = re.compile(r"arn:[^:]+:lambda:(?P<region>[^:]+):\d+:function:(?P<name>[\w-]+)(:(?P<qualifier>[\w$-]+))?")
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,81}")
"""What a job or an execution can be called."""


class UnknownTarget(Exception):
    """Nothing runs, or has run, under this name."""


@dataclass(frozen=True)
class Late:
    """For commands that wait: what may have been started a moment ago is looked for, for all targets together."""

    tell: Callable[[str], None]
    patience: Patience = field(default_factory=lambda: Patience(UNKNOWN_SECONDS))

    def look_for(self, name: str, look: Callable[[], T | None]) -> T | None:
        def tell() -> None:
            self.tell(f"AWS does not show {name}: looking again for {self.patience.seconds:g} seconds, it may be new")

        return look_for(look, patience=self.patience, on_wait=tell)


@dataclass(frozen=True)
class Target:
    """Something that runs: exactly one of a job, a training job, an execution, a function."""

    kind: str
    name: str
    arn: str = ""
    category: str = ""
    region: str | None = None
    file: File | None = field(default=None, repr=False)


def find(cloud: Cloud, text: str, files: Mapping[str, File], late: Late | None = None) -> Target:
    """Find what a name or ARN stands for; `files` are the compiled files by address.

    A run that was named otherwise than by its address belongs to the file with its identity, where there is one.
    Raises UnknownTarget, CloudError.
    """
    if text in files:
        return of_file(cloud, files[text], late)
    target = _named(cloud, text)
    if target is None and late and _may_be_new(cloud, text, files.values()):
        target = late.look_for(text, lambda: _named(cloud, text))
    if target is None:
        hint = did_you_mean(text, tuple(files)) or "give an address, a compiled file, a name or an ARN"
        raise UnknownTarget(f"nothing is called {text!r}: {hint}")
    file = next((f for f in files.values() if target.name.endswith(runs.suffix(f.content))), None)
    return replace(target, file=file)


def _may_be_new(cloud: Cloud, text: str, files: Iterable[File]) -> bool:
    """Whether what is not shown may be a run of ours that was started a moment ago."""
    if arn := _EXECUTION.fullmatch(text) or _JOB.fullmatch(text) or _TRAINING_JOB.fullmatch(text):
        return text.split(":")[4] == cloud.account(arn["region"])
    return any(text.endswith(runs.suffix(file.content)) for file in files)


def _named(cloud: Cloud, text: str) -> Target | None:
    if found := _EXECUTION.fullmatch(text):
        try:
            answer = cloud.call("sagemaker", "DescribePipelineExecution", found["region"], PipelineExecutionArn=text)
        except CloudError as error:
            if error.is_missing:
                return None
            raise
        name = str(answer.get("PipelineExecutionDisplayName", found["name"]))
        return Target("execution", name, text, region=found["region"])
    if found := _FUNCTION.fullmatch(text):
        qualifier = {"Qualifier": found["qualifier"]} if found["qualifier"] else {}
        return _function(cloud, text, found["region"], FunctionName=found["name"], **qualifier)
    if named := of_arn(text):
        # a job is asked for by its name alone: that of another account's may be one of ours, too
        described = _job(cloud, named.name, named.category, named.region)
        return described if described and described.arn.lower() == text.lower() else None
    if not _NAME.fullmatch(text):
        return None
    denied: CloudError | None = None
    looks = [partial(_job, cloud, text, category) for category in ("", *CATEGORIES)]
    for look in (*looks, partial(_evaluation, cloud, text)):
        try:
            if target := look():
                return target
        except CloudError as error:  # who may see only some of it finds what is there
            if not error.is_denied:
                raise
            denied = error
    if denied is not None:
        raise denied
    return None


def _job(cloud: Cloud, name: str, category: str, region: str | None = None) -> Target | None:
    """The job, or without a category the training job, of a name; a category that a region has not yet has none."""
    try:
        if category:
            found = cloud.call("sagemaker", "DescribeJob", region, JobName=name, JobCategory=category)
            return Target("job", name, found["JobArn"], category, region)
        found = cloud.call("sagemaker", "DescribeTrainingJob", region, TrainingJobName=name)
        return Target("training-job", name, found["TrainingJobArn"], region=region)
    except CloudError as error:
        if error.is_missing or error.code == "ValidationException":
            return None
        raise


def _function(cloud: Cloud, arn: str, region: str, **named: str) -> Target | None:
    """The function of an ARN, by its name and qualifier: one of another account may be called like one of ours."""
    try:
        found = cloud.call("lambda", "GetFunction", region, **named)["Configuration"]
    except CloudError as error:
        if error.is_missing:
            return None
        raise
    there = str(found["FunctionArn"])
    is_it = there.split(":")[:7] == arn.split(":")[:7]
    return Target("function", str(found["FunctionName"]), there, region=region) if is_it else None


def _evaluation(cloud: Cloud, name: str) -> Target | None:
    for summary in evaluations(cloud, "SagemakerEvaluation"):
        if summary.get("PipelineExecutionDisplayName") == name:
            return Target("execution", name, summary["PipelineExecutionArn"])
    return None


def evaluations(cloud: Cloud, prefix: str, **given: Any) -> Iterator[dict[str, Any]]:
    """List the executions of all pipelines whose names start with a prefix; a pipeline deleted meanwhile has none.

    Raises CloudError.
    """
    named: dict[str, Any] = {"PipelineNamePrefix": prefix, "MaxResults": 100}
    for pipelines in cloud.pages("sagemaker", "ListPipelines", "PipelineSummaries", **named):
        for pipeline in pipelines:
            parameters = {"PipelineName": pipeline["PipelineName"], "MaxResults": 100, **given}
            key = "PipelineExecutionSummaries"
            try:
                for page in cloud.pages("sagemaker", "ListPipelineExecutions", key, **parameters):
                    yield from page
            except CloudError as error:
                if not error.is_missing:
                    raise


def of_arn(arn: str) -> Target | None:
    """The job or training job that an ARN names, such as that of a step; None for any other text."""
    if found := _JOB.fullmatch(arn):
        return Target("job", found["name"], arn, found["category"], found["region"])
    if found := _TRAINING_JOB.fullmatch(arn):
        return Target("training-job", found["name"], arn, region=found["region"])
    return None


def of_file(cloud: Cloud, file: File, late: Late | None = None) -> Target:
    """Find the run of a compiled file.

    Raises UnknownTarget, InvalidFiles for a file of another account, CloudError.
    """

    def look() -> runs.Run | None:
        return runs.find(cloud, [file]).runs.get(file.address)

    if not file.content.requests:
        raise UnknownTarget(f"{file.address} runs nothing itself")
    run = look()
    if run is None:
        runs.check_account(cloud, [file])
        run = late.look_for(file.address, look) if late else None
    if run is None:
        what = "" if file.content.depends_on else f" {file.path}"  # what it depends on may not have run either
        raise UnknownTarget(f"{file.address} {NOT_SHOWN}: `sagespec apply{what}` submits what has not run")
    return of_run(file, run)


def of_run(file: File, run: runs.Run) -> Target:
    """The target that a known run is."""
    request = runs.main_request(file)
    operation = request.operation if request else ""
    kind = {"CreateJob": "job", "CreateTrainingJob": "training-job", "CreateFunction": "function"}.get(
        operation, "execution"
    )
    category = request.parameters.get("JobCategory", "") if request else ""
    return Target(kind, run.name, run.arn, category, file.content.region, file)
