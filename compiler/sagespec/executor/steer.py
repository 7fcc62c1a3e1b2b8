"""Stop and delete runs.

In: a target. Out: one word for what was done. Refuses what the service has no operation for, and what the spec's
identity has not made.
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
    """Stop a job or an execution; what it has produced so far stays. What is over, or stopping, is left alone.

    Raises CannotStop, NotOurs where something else stands under the name of a spec's run, CloudError.
    """
    sort, status = sorts.of(target), track.status(cloud, target)
    if sort.ACTION == "start":  # what is only created stands, and has no end to come to
        if target.file is not None:
            ownership.check(cloud, target, target.file)
        if status.state != "running" or status.status == "Stopping":
            return f"is already {status.status}"
    sort.stop(cloud, target, status)
    return "is stopping"


def removed(cloud: Cloud, target: Target) -> tuple[str, ...]:
    """Say what a deletion would remove, one line a thing.

    Raises NotOurs, CloudError.
    """
    if target.file is None:
        raise NotOurs(f"no compiled file has the identity of {target.name}: only what one has made is deleted")
    ownership.check(cloud, target, target.file)
    return tuple(sorts.of(target).removed(cloud, target, target.file, track.status(cloud, target)))


def delete(cloud: Cloud, target: Target) -> str:
    """Delete a job, a function, or an execution with its pipeline, and nothing that others have made.

    Gives what was done, and how the same content runs again. Raises NotOurs, CloudError (also for what still runs).
    """
    removed(cloud, target)  # once more: between question and answer, others may have started something
    what = sorts.of(target).delete(cloud, target)
    late = target.file and not look_for(partial(_is_gone, cloud, target.file), patience=Patience(UNKNOWN_SECONDS))
    shown = ", which AWS shows for some time still" if late else ""
    return f"{what}{shown}; {sorts.of(target).AGAIN}"


def _is_gone(cloud: Cloud, file: File) -> bool | None:
    """Whether what was deleted is shown no longer: a plan made before would keep it."""
    return True if file.address not in finding.find(cloud, [file]).runs else None
