"""Compare tags of existing resources with those of compiled files.

Tags are not part of the identity, so they can drift; `apply --sync-tags` corrects them. Additional tags of others
stay, and so do all tags of foreign resources. The tags that identify our resources are set once, at creation.
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
    """Tags that are missing or different on a resource: `wanted` by key."""

    address: str
    region: str
    arn: str
    wanted: dict[str, str]


def drifts(cloud: Cloud, file: File, run: Run) -> list[Drift]:
    """Compare the tags of a run, and of its pipeline, with those of its file.

    Raises CloudError.
    """
    drifting = []
    shared = any(map(submitted.names_its_function, file.content.requests))  # without a tag that identifies the spec
    for request in file.requests:
        if request.operation in _TAGGED:
            arn = run.arn.partition("/execution/")[0]
            have = insist(partial(tags_of, cloud, file.content.region, arn))
            missing = {key: value for key, value in _wanted(request).items() if have.get(key) != value}
            if missing and (shared or have.get(submitted.ADDRESS) == file.address):
                drifting.append(Drift(file.address, file.content.region, arn, missing))
    return drifting


def _wanted(request: Request) -> dict[str, str]:
    """Return the tags of a request, which Lambda writes as a map."""
    given: Any = request.parameters.get("Tags", ())
    return dict(given) if isinstance(given, Mapping) else dict(map(itemgetter("Key", "Value"), given))


def repair(cloud: Cloud, drifts: Iterable[Drift]) -> None:
    """Set the wanted tags.

    Raises CloudError.
    """
    for drift in drifts:
        if ":lambda:" in drift.arn:
            cloud.call("lambda", "TagResource", drift.region, Resource=drift.arn, Tags=drift.wanted)
            continue
        listed = [{"Key": key, "Value": value} for key, value in sorted(drift.wanted.items())]
        cloud.call("sagemaker", "AddTags", drift.region, ResourceArn=drift.arn, Tags=listed)
