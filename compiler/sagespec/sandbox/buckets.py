"""Check the owner of a bucket that a request to S3 expects.

In: a request to S3. Refuses, as S3 does, a bucket of another account than the expected one, and an expected owner
that is not an account id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sagespec.sandbox.service import ServiceError

_ACCOUNT = re.compile(r"[0-9]{12}")
_HEADER = "HTTP_X_AMZ_EXPECTED_BUCKET_OWNER"


def check_owner(environ: Mapping[str, Any]) -> None:
    """Check the bucket's owner that a request expects.

    Raises ServiceError.
    """
    expected = environ.get(_HEADER)
    if expected is None:
        return
    if not _ACCOUNT.fullmatch(expected):
        message = "The value of the expected bucket owner parameter must be an AWS account ID"
        raise ServiceError("InvalidBucketOwnerAWSAccountID", message)
    owner = _owner(_bucket(environ))
    if owner not in (None, expected):
        raise ServiceError("AccessDenied", "Access Denied", 403)


def _bucket(environ: Mapping[str, Any]) -> str:
    """Return the bucket of a request, from its path or its host name."""
    host = str(environ.get("HTTP_HOST", "")).rpartition(":")[0]
    before = next((host[: -len(name) - 1] for name in ("127.0.0.1", "localhost") if host.endswith(f".{name}")), "")
    return before or str(environ["PATH_INFO"]).lstrip("/").partition("/")[0]


def _owner(bucket: str) -> str | None:
    """Return the account that owns a bucket; None where it does not exist."""
    from moto.s3.models import s3_backends

    return s3_backends.bucket_accounts.get(bucket, ("", None))[1]
