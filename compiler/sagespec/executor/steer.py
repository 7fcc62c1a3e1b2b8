"""Stop and delete runs.

In: a target. Out: what was done, as text. Refuses what the service cannot stop, and what the spec's identity has not
made.
"""

from __future__ import annotations

from functools import partial

from sagespec.executor import ownership
from sagespec.executor.cloud import Cloud
from sagespec.executor.files import File
from sagespec.executor.patience import UNKNOWN_SECONDS, Patience, look_for
from sagespec.executor.runs import finding, sorts, track
from sagespec.executor.runs.run import NotOurs, Target


def stop(cloud: Cloud, target: Target) -> str:
    """Stop a job or an execution; its output so far stays. One that has ended or is stopping is left unchanged.

    Raises CannotStop, NotOurs where a foreign resource has the name of the spec's run, and CloudError.
    """
    sort, status = sorts.of(target), track.status(cloud, target)
    if sort.ACTION == "start":  # what is only created, such as a function, does not end
        if target.file is not None:
            ownership.check(cloud, target, target.file)
        if status.state != "running" or status.status == "Stopping":
            return f"is already {status.status}"
    sort.stop(cloud, target, status)
    return "is stopping"


def removed(cloud: Cloud, target: Target) -> tuple[str, ...]:
    """Return what a deletion would remove, one line for each resource.

    Raises NotOurs, CloudError.
    """
    if target.file is None:
        raise NotOurs(f"no compiled file has the identity of {target.name}: only what one has made is deleted")
    ownership.check(cloud, target, target.file)
    return tuple(sorts.of(target).removed(cloud, target, target.file, track.status(cloud, target)))


def delete(cloud: Cloud, target: Target) -> str:
    """Delete a job, a function, or an execution with its pipeline, and nothing of others.

    Returns what was done, and how the same content can run again. Raises NotOurs, and CloudError, also for what is
    running.
    """
    removed(cloud, target)  # again, because others may have started something since the user was asked
    what = sorts.of(target).delete(cloud, target)
    late = target.file and not look_for(partial(_is_gone, cloud, target.file), patience=Patience(UNKNOWN_SECONDS))
    shown = ", which AWS shows for some time still" if late else ""
    return f"{what}{shown}; {sorts.of(target).AGAIN}"


def _is_gone(cloud: Cloud, file: File) -> bool | None:
    """Return whether a deleted run is no longer shown; else a plan made now would keep it."""
    return True if file.address not in finding.find(cloud, [file]).runs else None
