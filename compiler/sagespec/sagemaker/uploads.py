"""Files that a job needs in S3: which ones, under which prefix, as requests.

In: files, or named contents. Out: PutObject requests, one a file, keyed by a hash of all of them, so that nothing
unchanged is uploaded twice.
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
"""What is left out where a spec does not say; the SDK's own list."""
FILE_BYTES = 5 * 1024**3
"""How long a file may be: what S3 takes in one request."""


@dataclass(frozen=True)
class Upload:
    """One file: its name below the prefix, and its content as a marker or a document."""

    name: str
    body: Any
    sha256: str
    size: int | None = None


def status(path: Path) -> os.stat_result | None:
    """What a path leads to, if it leads somewhere: a name may also be too long for one, or hold a NUL."""
    try:
        return path.stat()
    except (OSError, ValueError):
        return None


def packaged() -> list[Upload]:
    """The drivers of this package: Python below `drivers/`, the entry point beside it."""
    folder = assets.drivers()
    listed = []
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".py", ".sh", ".json")):
        name = path.name if path.suffix == ".sh" else f"drivers/{path.name}"
        listed.append(of_file(name, path, f"{PACKAGED}{path.name}"))
    return listed


def document(name: str, content: Any) -> Upload:
    """A JSON document that is made for the job."""
    body = {"$json": content}
    return Upload(name, body, identity.content_hash(body))


def of_file(name: str, path: Path, shown: str) -> Upload:
    """Upload a file as `name`; `shown` is what a compiled file calls it.

    Raises OSError.
    """
    digest, size = hashlib.sha256(), 0
    for chunk in disk.chunks(path, FILE_BYTES):  # there may be weights of some GB among the code
        digest.update(chunk)
        size += len(chunk)
    sha256 = digest.hexdigest()
    return Upload(name, {"$file": {"path": shown, "sha256": sha256}}, sha256, size)


def prefix(uploads: Iterable[Upload], channel: str, key_id: str = "") -> str:
    """The key prefix of a set of files: the same for the same names, contents and KMS key.

    Objects are shared by content between specs, and the role of one may not use the key of another.
    """
    return f"sagespec/{channel}/{identity.of_files({upload.name: upload.sha256 for upload in uploads}, key_id)}"


def protection(owner: str, key_id: Traced) -> dict[str, Any]:
    """What an upload says beside its content: whose bucket it has to be, and the KMS key of the output."""
    members = {"ExpectedBucketOwner": owner} if owner else {}
    return members | ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id} if key_id else {})


def requests(
    uploads: Iterable[Upload], label: str, bucket: str | Traced, key_prefix: str, **members: Any
) -> list[Request]:
    """Draft the uploads, in the order of their names; `members` are what each request has besides."""
    return [
        Request(
            f"{label}/{upload.name}",
            "s3",
            "PutObject",
            {"Bucket": bucket, "Key": f"{key_prefix}/{upload.name}", "Body": upload.body, **members},
        )
        for upload in sorted(uploads, key=lambda u: u.name)
    ]
