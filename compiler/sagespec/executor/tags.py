"""Tags of what exists, against those of the compiled files.

Tags start nothing and are not part of the identity, so they can drift; `apply --sync-tags` corrects them. Tags that
others have put on a resource are theirs and stay, and so does a resource that others have made. The tags by which
ours are known are set once, at creation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

from sagespec.documents import submitted
from sagespec.documents.compiled import Request
from sagespec.executor.cloud import Cloud
from sagespec.executor.files import File
from sagespec.executor.patience import insist
from sagespec.executor.resources import tags_of
from sagespec.executor.runs import sorts
from sagespec.executor.runs.run import Run

_TAGGED = {sort.TAGGED for sort in sorts.BY_OPERATION.values()}


@dataclass(frozen=True)
class Drift:
    """Tags that a resource lacks or has otherwise: `wanted` by key."""

    address: str
    region: str
    arn: str
    wanted: dict[str, str]


def drifts(cloud: Cloud, file: File, run: Run) -> list[Drift]:
    """Compare the tags of a run, and of its pipeline, with those of its file.

    Raises CloudError.
    """
    drifting = []
    shared = any(map(submitted.names_its_function, file.content.requests))  # it carries no tag that says whose it is
    for request in file.requests:
        if request.operation in _TAGGED:
            arn = run.arn.partition("/execution/")[0]
            have = insist(partial(tags_of, cloud, file.content.region, arn))
            missing = {key: value for key, value in _wanted(request).items() if have.get(key) != value}
            if missing and (shared or have.get(submitted.ADDRESS) == file.address):
                drifting.append(Drift(file.address, file.content.region, arn, missing))
    return drifting


def _wanted(request: Request) -> dict[str, str]:
    """The tags of a request, which Lambda has as a map."""
    given: Any = request.parameters.get("Tags", ())
    return dict(given) if isinstance(given, Mapping) else dict(map(itemgetter("Key", "Value"), given))


def repair(cloud: Cloud, drifts: Iterable[Drift]) -> None:
    """Put the tags right.

    Raises CloudError.
    """
    for drift in drifts:
        if ":lambda:" in drift.arn:
            cloud.call("lambda", "TagResource", drift.region, Resource=drift.arn, Tags=drift.wanted)
            continue
        listed = [{"Key": key, "Value": value} for key, value in sorted(drift.wanted.items())]
        cloud.call("sagemaker", "AddTags", drift.region, ResourceArn=drift.arn, Tags=listed)
