"""What really ran, against what was reviewed.

In: what a run is called, and a compiled file. Out: the differences, one line each; none when they are the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from compiler.executor import functions, markers, runs
from compiler.executor.cloud import Cloud
from compiler.executor.differences import differences
from compiler.executor.existing import Shelf
from compiler.executor.files import File
from compiler.project import Project


class CannotVerify(Exception):
    """Something that keeps no record of what it ran, or files that have changed since they were compiled."""


def verify(cloud: Cloud, file: File, ran: str, project: Project) -> Iterator[str]:
    """Compare a job's document, a training job's parameters, an execution's definition or a function with a file.

    `ran` is the name, or the execution's ARN. Raises CannotVerify, CloudError.
    """
    request, region = runs.main_request(file), file.content.region
    operation = request.operation if request else ""
    wanted: Any
    if request and operation == "CreateJob":
        category = request.parameters["JobCategory"]
        answer = cloud.call("sagemaker", "DescribeJob", region, JobName=ran, JobCategory=category)
        found = json.loads(answer["JobConfigDocument"])
        found.pop("ServiceOutput", None)
        wanted = request.parameters["JobConfigDocument"]["$json"]
    elif request and operation == "CreateTrainingJob":
        found = cloud.call("sagemaker", "DescribeTrainingJob", region, TrainingJobName=ran)
        wanted = {k: v for k, v in request.parameters.items() if k not in ("TrainingJobName", "Tags")}
    elif operation == "StartPipelineExecution":
        api = "DescribePipelineDefinitionForExecution"
        found = json.loads(cloud.call("sagemaker", api, region, PipelineExecutionArn=ran)["PipelineDefinition"])
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
    yield from differences(found, wanted, defaults=operation == "CreateTrainingJob")
