"""Stopping and deleting what runs, or has run.

In: a target. Out: one word for what was done. Refuses what the service has no operation for.
"""

from __future__ import annotations

import hashlib

from compiler.executor.cloud import Cloud
from compiler.executor.track import Target


class CannotSteer(Exception):
    """Something that cannot be stopped or deleted."""


def stop(cloud: Cloud, target: Target) -> str:
    """Stop a job or an execution; what it has produced so far stays.

    Raises CannotSteer, CloudError.
    """
    if target.kind == "job":
        cloud.call("sagemaker", "StopJob", target.region, JobName=target.name, JobCategory=target.category)
    elif target.kind == "training-job":
        cloud.call("sagemaker", "StopTrainingJob", target.region, TrainingJobName=target.name)
    elif target.kind == "execution":
        token = hashlib.sha256(f"stop {target.arn}".encode()).hexdigest()
        parameters = {"PipelineExecutionArn": target.arn, "ClientRequestToken": token}
        cloud.call("sagemaker", "StopPipelineExecution", target.region, **parameters)
    else:
        raise CannotSteer(f"{target.name} is a function: there is nothing to stop")
    return "stopping"


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
        token = hashlib.sha256(f"delete {target.arn}".encode()).hexdigest()
        cloud.call("sagemaker", "DeletePipeline", target.region, PipelineName=name, ClientRequestToken=token)
        return f"deleted pipeline {name}"
    else:
        cloud.call("lambda", "DeleteFunction", target.region, FunctionName=target.name)
    return "deleted"


def pipeline(target: Target) -> str:
    """The pipeline that an execution belongs to."""
    return target.arn.partition(":pipeline/")[2].partition("/")[0]
