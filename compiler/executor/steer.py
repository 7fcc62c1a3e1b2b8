"""Stopping and deleting what runs, or has run.

In: a target. Out: one word for what was done. Refuses what the service has no operation for.
"""

from __future__ import annotations

import hashlib
from typing import Any

from compiler.executor import track
from compiler.executor.cloud import Cloud
from compiler.executor.targets import Target


class CannotSteer(Exception):
    """Something that cannot be stopped or deleted."""


def stop(cloud: Cloud, target: Target) -> str:
    """Stop a job or an execution; what it has produced so far stays. What is over, or stopping, is left alone.

    Raises CannotSteer, CloudError.
    """
    if target.kind == "function":
        raise CannotSteer(f"{target.name} is a function: there is nothing to stop")
    status = track.status(cloud, target)
    if status.state != "running" or status.status == "Stopping":
        return f"is already {status.status}"
    if target.kind == "job":
        cloud.call("sagemaker", "StopJob", target.region, JobName=target.name, JobCategory=target.category)
    elif target.kind == "training-job":
        cloud.call("sagemaker", "StopTrainingJob", target.region, TrainingJobName=target.name)
    else:
        # an execution that was retried is another one to stop: a token of the ARN alone would stop it only once
        token = _token("stop", target.arn, status.last_modified_time)
        parameters = {"PipelineExecutionArn": target.arn, "ClientRequestToken": token}
        cloud.call("sagemaker", "StopPipelineExecution", target.region, **parameters)
    return "is stopping"


def delete(cloud: Cloud, target: Target) -> str:
    """Delete a job, a function, or an execution's pipeline with all that it has run.

    Raises CloudError: what still runs cannot be deleted.
    """
    if target.kind == "job":
        cloud.call("sagemaker", "DeleteJob", target.region, JobName=target.name, JobCategory=target.category)
    elif target.kind == "training-job":
        cloud.call("sagemaker", "DeleteTrainingJob", target.region, TrainingJobName=target.name)
    elif target.kind == "execution":
        name = pipeline(target)
        parameters = {"PipelineName": name, "ClientRequestToken": _token("delete", target.arn)}
        cloud.call("sagemaker", "DeletePipeline", target.region, **parameters)
        return f"deleted pipeline {name}"
    else:
        cloud.call("lambda", "DeleteFunction", target.region, FunctionName=target.name)
    return "deleted"


def pipeline(target: Target) -> str:
    """The pipeline that an execution belongs to."""
    return target.arn.partition(":pipeline/")[2].partition("/")[0]


def _token(*of: Any) -> str:
    return hashlib.sha256(" ".join(map(str, of)).encode()).hexdigest()
