"""What really ran, against what was reviewed.

In: a target and its compiled file. Out: the differences, one line each; none when they are the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from compiler.executor import runs
from compiler.executor.cloud import Cloud
from compiler.executor.differences import differences
from compiler.executor.files import File
from compiler.executor.targets import Target


class CannotVerify(Exception):
    """Something that keeps no record of what it ran."""


def verify(cloud: Cloud, target: Target, file: File) -> Iterator[str]:
    """Compare a job's document, a training job's parameters or an execution's definition with a compiled file.

    Raises CannotVerify, CloudError.
    """
    request = runs.main_request(file.content)
    if request is None or target.kind == "function":
        raise CannotVerify(f"{file.address} runs nothing that could be compared")
    wanted: Any
    if target.kind == "job":
        parameters = {"JobName": target.name, "JobCategory": target.category}
        found = json.loads(cloud.call("sagemaker", "DescribeJob", target.region, **parameters)["JobConfigDocument"])
        found.pop("ServiceOutput", None)
        wanted = request.parameters["JobConfigDocument"]["$json"]
    elif target.kind == "training-job":
        answer = cloud.call("sagemaker", "DescribeTrainingJob", target.region, TrainingJobName=target.name)
        wanted = {k: v for k, v in request.parameters.items() if k != "Tags"}
        found = {k: v for k, v in answer.items() if k in wanted}
    else:
        api = "DescribePipelineDefinitionForExecution"
        answer = cloud.call("sagemaker", api, target.region, PipelineExecutionArn=target.arn)
        found = json.loads(answer["PipelineDefinition"])
        wanted = next(r for r in file.content.requests if r.id == "pipeline").parameters["PipelineDefinition"][
            "$json"
        ]
    yield from differences(found, wanted)
