"""Look up facts in one account and region.

In: AWS, an account and a region. Out: answers. A resource that does not exist or cannot be used raises `NoFact`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sagespec.executor.cloud import Cloud, CloudError, NotJSON


class NoFact(Exception):
    """A resource that does not exist, or cannot be used."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True)
class Account:
    """The account and region to ask; `caller` is the ARN of the caller's identity."""

    cloud: Cloud
    account: str
    region: str
    partition: str
    caller: str

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation in the region.

        Raises CloudError.
        """
        return self.cloud.call(service, operation, self.region, **parameters)

    def describe(self, what: str, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation that describes `what`.

        Raises NoFact where it does not exist, and CloudError.
        """
        try:
            return self.call(service, operation, **parameters)
        except CloudError as error:
            if error.is_missing:
                raise NoFact(f"there is no {what}") from None
            raise

    def document(self, bucket: str, key: str) -> Any:
        """Parse an object of S3 as JSON.

        Raises NoFact where it does not exist or is not JSON, and CloudError; both name the object.
        """
        try:
            with _about(bucket, key):
                return self.cloud.document(bucket, key, self.region)
        except NotJSON as error:
            raise NoFact(str(error)) from None

    def content(self, bucket: str, key: str, limit: int) -> bytes:
        """Read an object of S3, a longer one until the limit in bytes is exceeded.

        Raises NoFact where it does not exist, and CloudError; both name the object.
        """
        content = b""
        with _about(bucket, key):
            for chunk in self.cloud.chunks(bucket, key, self.region):
                content += chunk
                if len(content) > limit:
                    break
        return content


@contextmanager
def _about(bucket: str, key: str) -> Iterator[None]:
    """Add the object to errors, which S3 does not name."""
    try:
        yield
    except CloudError as error:
        if error.is_missing:
            raise NoFact(f"there is no s3://{bucket}/{key}") from None
        error.args = (f"{error}, of s3://{bucket}/{key}",)
        raise
