"""Stopping and deleting what runs, or has run.

In: a target. Out: one word for what was done. Refuses what the service has no operation for, and what the spec's
identity has not made.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any

from sagespec.executor import ownership, runs, track
from sagespec.executor.cloud import Cloud
from sagespec.executor.files import File
from sagespec.executor.ownership import NotOurs
from sagespec.executor.patience import UNKNOWN_SECONDS, Patience, look_for
from sagespec.executor.targets import Target


class CannotSteer(Exception):
    """Something that cannot be stopped or deleted."""


def stop(cloud: Cloud, target: Target) -> str:
    """Stop a job or an execution; what it has produced so far stays. What is over, or stopping, is left alone.

    Raises CannotSteer, NotOurs where something else stands under the name of a spec's run, CloudError.
    """
    if target.kind == "function":
        raise CannotSteer(f"{target.name} is a function: there is nothing to stop")
    if target.file is not None:
        ownership.check(cloud, target, target.file)
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


def removed(cloud: Cloud, target: Target) -> tuple[str, ...]:
    """Say what a deletion would remove, one line a thing.

    Raises NotOurs, CloudError.
    """
    if target.file is None:
        raise NotOurs(f"no compiled file has the identity of {target.name}: only what one has made is deleted")
    ownership.check(cloud, target, target.file)
    status = track.status(cloud, target)
    run = f"{target.kind.replace('-', ' ')} {target.name} ({status.status})"
    if target.kind != "execution":
        return (run,)
    ownership.check_alone(cloud, target, target.file)
    return (f"pipeline {ownership.pipeline(target)}", f"its only {run}")


def delete(cloud: Cloud, target: Target) -> str:
    """Delete a job, a function, or an execution with its pipeline, and nothing that others have made.

    Gives what was done, and how the same content runs again. Raises NotOurs, CloudError (also for what still runs).
    """
    removed(cloud, target)  # once more: between question and answer, others may have started something
    if target.kind == "job":
        cloud.call("sagemaker", "DeleteJob", target.region, JobName=target.name, JobCategory=target.category)
    elif target.kind == "training-job":
        cloud.call("sagemaker", "DeleteTrainingJob", target.region, TrainingJobName=target.name)
    elif target.kind == "execution":
        parameters = {"PipelineName": ownership.pipeline(target), "ClientRequestToken": _token("delete", target.arn)}
        cloud.call("sagemaker", "DeletePipeline", target.region, **parameters)
    else:
        cloud.call("lambda", "DeleteFunction", target.region, FunctionName=target.name)
    shown = target.file and not look_for(partial(_is_gone, cloud, target.file), patience=Patience(UNKNOWN_SECONDS))
    what, again = "deleted", "`sagespec apply` runs the same content again"
    if target.kind == "execution":
        what = f"deleted pipeline {ownership.pipeline(target)}"
        again = "AWS remembers its start for a while: raise metadata.run to run the same content again"
    return f"{what}{', which AWS shows for some time still' if shown else ''}; {again}"


def _is_gone(cloud: Cloud, file: File) -> bool | None:
    """Whether what was deleted is shown no longer: a plan made before would keep it."""
    return True if file.address not in runs.find(cloud, [file]).runs else None


def _token(*of: Any) -> str:
    return hashlib.sha256(" ".join(map(str, of)).encode()).hexdigest()
