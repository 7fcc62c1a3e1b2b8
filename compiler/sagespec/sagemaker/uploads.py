"""Draft the uploads of a job's files to S3.

In: files, or named contents. Out: PutObject requests, one for each file, whose keys contain a hash of all of them, so
that unchanged files are not uploaded again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagespec import assets, disk
from sagespec.documents import identity
from sagespec.documents.compiled import PACKAGED, Request
from sagespec.documents.traced import Traced

IGNORED = (".env", ".git", "__pycache__", ".DS_Store", ".cache", ".ipynb_checkpoints")
"""The default patterns of ignored files. Source: the SDK's own list."""
FILE_BYTES = 5 * 1024**3
"""The longest file: the most that S3 accepts in one request."""


@dataclass(frozen=True)
class Upload:
    """One file: its name below the prefix, and its content as a marker or a document."""

    name: str
    body: Any
    sha256: str
    size: int | None = None


def status(path: Path) -> os.stat_result | None:
    """What a path leads to, if it leads somewhere: a name may also be too long for one, or hold a NUL."""
    return disk.status(path)


def packaged() -> list[Upload]:
    """Return the drivers of this package: Python below `drivers/`, the entry point beside it."""
    folder = assets.drivers()
    listed = []
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".py", ".sh", ".json")):
        name = path.name if path.suffix == ".sh" else f"drivers/{path.name}"
        listed.append(of_file(name, path, f"{PACKAGED}{path.name}"))
    return listed


def document(name: str, content: Any) -> Upload:
    """Return the upload of a generated JSON document."""
    body = {"$json": content}
    return Upload(name, body, identity.content_hash(body))


def of_file(name: str, path: Path, shown: str) -> Upload:
    """Return the upload of a file as `name`; `shown` is its path in the compiled file.

    Raises OSError.
    """
    digest, size = hashlib.sha256(), 0
    for chunk in disk.chunks(path, FILE_BYTES):  # in chunks: a folder of code may contain weights of some GB
        digest.update(chunk)
        size += len(chunk)
    sha256 = digest.hexdigest()
    return Upload(name, {"$file": {"path": shown, "sha256": sha256}}, sha256, size)


def prefix(uploads: Iterable[Upload], channel: str, key_id: str = "") -> str:
    """Return the key prefix of a set of files: the same for the same names and contents."""
    return f"sagespec/{channel}/{identity.of_files({upload.name: upload.sha256 for upload in uploads}, key_id)}"


def protection(owner: str, key_id: Traced) -> dict[str, Any]:
    """Return the members of an upload that protect it: the bucket's required owner, and the KMS key."""
    members = {"ExpectedBucketOwner": owner} if owner else {}
    return members | ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id} if key_id else {})


def requests(
    uploads: Iterable[Upload], label: str, bucket: str | Traced, key_prefix: str, **members: Any
) -> list[Request]:
    """Draft the uploads, sorted by name; `members` are additional members of each request."""
    return [
        Request(
            f"{label}/{upload.name}",
            "s3",
            "PutObject",
            {"Bucket": bucket, "Key": f"{key_prefix}/{upload.name}", "Body": upload.body, **members},
        )
        for upload in sorted(uploads, key=lambda u: u.name)
    ]
