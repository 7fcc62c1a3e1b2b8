"""What really ran, against what was reviewed.

In: what a run is called, and a compiled file. Out: the differences, one line each; none when they are the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from compiler.executor import runs
from compiler.executor.cloud import Cloud
from compiler.executor.differences import differences
from compiler.executor.files import File


class CannotVerify(Exception):
    """Something that keeps no record of what it ran."""


def verify(cloud: Cloud, file: File, ran: str) -> Iterator[str]:
    """Compare a job's document, a training job's parameters or an execution's definition with a compiled file.

    `ran` is the job's name, or the execution's ARN. Raises CannotVerify, CloudError.
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
    else:
        raise CannotVerify(f"{file.address} runs nothing that could be compared")
    yield from differences(found, wanted, defaults=operation == "CreateTrainingJob")
