"""Check that a spec's identity made the existing job, execution or function of its name.

In: a target. Out: nothing. Refuses what others have made, or may have made: the SDK runs evaluations through any
pipeline with the prefix and the tag of evaluations, ours included.
"""

from __future__ import annotations

from sagespec.documents import submitted
from sagespec.executor import resources
from sagespec.executor.cloud import Cloud
from sagespec.executor.files import File
from sagespec.executor.patience import insist
from sagespec.executor.runs import sorts
from sagespec.executor.runs.run import NotOurs, Target


def check(cloud: Cloud, target: Target, file: File) -> None:
    """Refuse a target that a file's identity has not made.

    Raises NotOurs, CloudError.
    """
    if any(map(submitted.names_its_function, file.content.requests)):
        message = f"{target.name} has its name from function_name: others may have made it, or use it too"
        raise NotOurs(message, "delete it with `aws lambda delete-function`")
    have = insist(lambda: resources.tags_of(cloud, target.region, _resource(target)))
    wanted = {submitted.ADDRESS: file.address}
    if sorts.of(target).TAGGED == sorts.of(target).OPERATION:  # a pipeline belongs to all identities of its spec
        wanted[submitted.IDENTITY] = file.content.identity
    for key, value in wanted.items():
        if have.get(key) != value:
            said = f"has {key}={have[key]}" if key in have else f"has no tag {key}"
            raise NotOurs(f"{_resource(target)} {said}: {file.address} has not made it, and it is left alone")


def _resource(target: Target) -> str:
    return target.arn.partition("/execution/")[0]
