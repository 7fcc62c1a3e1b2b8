"""List the resources that must exist before a file's requests are sent, and that no spec creates.

In: a compiled file. Out: `Need`s, each with its key path in the parameters. Outputs (`$output`) are not known yet,
and texts with a meaning for users only, such as variables, are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from sagespec import arn
from sagespec.diagnostics import KeyPath
from sagespec.executor.files import File

Sort = Literal[
    "bucket",
    "own bucket",
    "object",
    "prefix",
    "role",
    "function",
    "group",
    "package",
    "content",
    "image",
    "runtime",
    "mlflow",
]
_OF_USERS = {"ContainerArguments", "ContainerEntrypoint", "Environment", "HyperParameters", "Tags"}
_FUNCTION = re.compile(r"arn:[^:]+:lambda:[^:]+:\d+:function:[\w-]+(:[\w$-]+)?")
_RUNTIME = re.compile(r"arn:[^:]+:bedrock-agentcore:[^:]+:\d+:runtime/[\w-]+")
_MLFLOW = re.compile(r"arn:[^:]+:sagemaker:[^:]+:\d+:mlflow-(app|tracking-server)/[\w.-]+")
_CONTENT = re.compile(r"arn:[^:]+:sagemaker:[^:]+:[^:]+:hub-content/[^/]+/(DataSet|JsonDoc)/[^/]+(/[^/]+)?")
_PACKAGES = {"InputModelPackageArn", "SourceModelPackageArn"}
_GROUPS = {"IntermediateCheckpointModelPackageGroupArn", "ModelPackageGroupArn", "OutputModelPackageGroupArn"}
_ROLES = {"Role", "RoleArn"}
_LISTED = {"ManifestFile", "AugmentedManifestFile"}
"""Types of S3 data that are always one object."""


@dataclass(frozen=True)
class Need:
    """A required resource: a bucket, an S3 URI, an image or an ARN, and the key path that names it.

    An `own bucket` must belong to the account: someone else may have a bucket of this name.
    """

    sort: Sort
    name: str
    request: str
    path: KeyPath


def of(file: File) -> Iterator[Need]:
    """Yield the needs of a file, without what its own requests create or upload."""
    groups = {name for r in file.requests if (name := r.parameters.get("ModelPackageGroupName"))}
    puts = [request.parameters for request in file.requests if request.operation == "PutObject"]
    uploads = [f"s3://{put['Bucket']}/{put['Key']}" for put in puts]
    own = {put["Bucket"] for put in puts if "ExpectedBucketOwner" in put}
    for request in file.requests:
        for sort, name, path in _in(request.parameters, ()):
            if sort == "bucket" and name in own:
                sort = "own bucket"
            uploaded = sort in ("object", "prefix") and any(upload.startswith(name) for upload in uploads)
            if not uploaded and not (sort == "group" and arn.name(name) in groups):
                yield Need(sort, name, request.id, path)


def _in(tree: Any, at: KeyPath) -> Iterator[tuple[Sort, str, KeyPath]]:
    if isinstance(tree, str):
        yield from _in_text(tree, at)
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from _in(item, (*at, index))
    elif isinstance(tree, dict):
        yield from _s3_objects(tree, at)
        for key, value in tree.items():
            if key not in _OF_USERS and not key.endswith("Description"):
                yield from _in(value, (*at, key))


def _in_text(text: str, at: KeyPath) -> Iterator[tuple[Sort, str, KeyPath]]:
    if text.startswith("s3://"):
        yield "bucket", arn.s3_location(text)[0], at
    elif _FUNCTION.fullmatch(text):
        yield "function", text, at
    elif _RUNTIME.fullmatch(text):
        yield "runtime", text, at
    elif _MLFLOW.fullmatch(text):
        yield "mlflow", text, at
    elif _CONTENT.fullmatch(text):
        yield "content", text, at
    elif at and at[-1] == "TrainingImage":
        yield "image", text, at
    elif at and at[-1] in _ROLES and ":role/" in text:
        yield "role", text, at
    elif at and at[-1] in _GROUPS and ":model-package-group/" in text:
        yield "group", text, at
    elif at and at[-1] in _PACKAGES and ":model-package/" in text:
        yield "package", text, at


def _s3_objects(tree: dict[str, Any], at: KeyPath) -> Iterator[tuple[Sort, str, KeyPath]]:
    """Yield the locations in S3 that several members name together: uploads, code of functions, data of jobs."""
    for bucket in ("Bucket", "S3Bucket"):
        if isinstance(tree.get(bucket), str):
            yield "bucket", tree[bucket], (*at, bucket)
    if isinstance(tree.get("S3Bucket"), str) and isinstance(tree.get("S3Key"), str):
        yield "object", f"s3://{tree['S3Bucket']}/{tree['S3Key']}", (*at, "S3Key")
    uri, sort = tree.get("S3Uri"), tree.get("S3DataType")
    if isinstance(uri, str) and isinstance(sort, str) and uri.startswith("s3://"):
        is_object = sort in _LISTED or bool(PurePosixPath(arn.s3_location(uri)[1]).suffix and not uri.endswith("/"))
        yield "object" if is_object else "prefix", uri, (*at, "S3Uri")
