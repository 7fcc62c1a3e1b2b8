"""Look up the status of a run, once or until AWS shows it completely."""

from __future__ import annotations

from sagespec.executor.cloud import Cloud
from sagespec.executor.patience import look_for
from sagespec.executor.runs import sorts
from sagespec.executor.runs.run import Target
from sagespec.executor.runs.status import Status


def status(cloud: Cloud, target: Target, is_over: bool = False) -> Status:
    """Return the status of an existing target, looked up until AWS shows it with all its parts.

    With `is_over` the run is known to have ended, whatever AWS shows at first. Raises CloudError.
    """
    seen: list[Status] = []

    def shown() -> Status | None:
        seen.append(look(cloud, target))
        whole = sorts.is_whole(seen[-1]) and not (is_over and seen[-1].state == "running")
        return seen[-1] if whole else None

    return look_for(shown) or seen[-1]


def look(cloud: Cloud, target: Target) -> Status:
    """Return the status of a target, looked up once: a new one may not be shown yet.

    Raises CloudError.
    """
    return sorts.of(target).status(cloud, target)
