"""Look at a run, once or until AWS shows all of it."""

from __future__ import annotations

from sagespec.executor.cloud import Cloud
from sagespec.executor.patience import look_for
from sagespec.executor.runs import sorts
from sagespec.executor.runs.run import Target
from sagespec.executor.runs.status import Status


def status(cloud: Cloud, target: Target, is_over: bool = False) -> Status:
    """Look at a target that exists, in full, until AWS shows it and all of it.

    With `is_over` it is known to have come to its end, whatever is shown at first. Raises CloudError.
    """
    seen: list[Status] = []

    def shown() -> Status | None:
        seen.append(look(cloud, target))
        whole = sorts.is_whole(seen[-1]) and not (is_over and seen[-1].state == "running")
        return seen[-1] if whole else None

    return look_for(shown) or seen[-1]


def look(cloud: Cloud, target: Target) -> Status:
    """Look at a target in full, once: what was just made may not be shown yet.

    Raises CloudError.
    """
    return sorts.of(target).status(cloud, target)
