"""What really ran, against what was reviewed.

In: what a run is called, and a compiled file. Out: the differences, one line each; none when they are the same. Other
drivers of ours are a note.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sagespec.executor import documents, drivers, functions, markers, runs
from sagespec.executor.cloud import Cloud
from sagespec.executor.differences import differences
from sagespec.executor.files import File
from sagespec.executor.resources import Shelf
from sagespec.project.settings import Project


class CannotVerify(Exception):
    """Something that keeps no record of what it ran, or files that have changed since they were compiled."""


@dataclass(frozen=True)
class Verified:
    """What a run has otherwise than its file, and what is worth a note."""

    differences: tuple[str, ...] = ()
    note: str = ""


def verify(cloud: Cloud, file: File, ran: str, project: Project) -> Verified:
    """Compare a job's document, a training job's parameters, an execution's definition or a function with a file.

    `ran` is the name, or the execution's ARN. Raises CannotVerify, CloudError.
    """
    request = runs.main_request(file)
    if request is None or request.operation != "CreateTrainingJob":
        return Verified(tuple(_differences(cloud, file, ran, project)))
    job = cloud.call("sagemaker", "DescribeTrainingJob", file.content.region, TrainingJobName=ran)
    wanted = {k: v for k, v in request.parameters.items() if k not in ("TrainingJobName", "Tags")}
    if not ran.endswith(runs.suffix(file.content)):
        return Verified(tuple(differences(job, wanted, defaults=True)))
    found = drivers.as_compiled(job, wanted)
    note = "" if found == job else "it ran with the drivers of another version of sagespec"
    return Verified(tuple(differences(found, wanted, defaults=True)), note)


def _differences(cloud: Cloud, file: File, ran: str, project: Project) -> Iterator[str]:
    request, region = runs.main_request(file), file.content.region
    operation = request.operation if request else ""
    wanted: Any
    if request and operation == "CreateJob":
        category = request.parameters["JobCategory"]
        answer = cloud.call("sagemaker", "DescribeJob", region, JobName=ran, JobCategory=category)
        found = documents.read(answer["JobConfigDocument"], "JobConfigDocument")
        found.pop("ServiceOutput", None)
        wanted = request.parameters["JobConfigDocument"]["$json"]
    elif operation == "StartPipelineExecution":
        api = "DescribePipelineDefinitionForExecution"
        answer = cloud.call("sagemaker", api, region, PipelineExecutionArn=ran)
        found = documents.read(answer["PipelineDefinition"], "PipelineDefinition")
        pipeline = next(r for r in file.requests if r.id == "pipeline")
        wanted = pipeline.parameters["PipelineDefinition"]["$json"]
    elif request and operation == "CreateFunction":
        found = cloud.call("lambda", "GetFunction", region, FunctionName=ran)["Configuration"]
        try:
            wanted = markers.fill(request.parameters, {}, project)
        except markers.Unfilled as error:
            raise CannotVerify(str(error)) from None
        yield from functions.compare(Shelf(cloud, region), wanted, found)
        return
    else:
        raise CannotVerify(f"{file.address} runs nothing that could be compared")
    yield from differences(found, wanted)
