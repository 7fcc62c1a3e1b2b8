"""The account and region of a look-up.

In: AWS, an account and a region. Out: answers. What AWS says is not there, or is of no use, is `NoFact`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sagespec.executor.cloud import Cloud, CloudError, NotJSON


class NoFact(Exception):
    """AWS has answered that something does not exist, or it cannot be used."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True)
class Account:
    """Whom and where to ask; `caller` is the ARN of the caller's identity."""

    cloud: Cloud
    account: str
    region: str
    partition: str
    caller: str

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Carry out one operation in the region.

        Raises CloudError.
        """
        return self.cloud.call(service, operation, self.region, **parameters)

    def describe(self, what: str, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Carry out one operation about something that may not be there.

        Raises NoFact where it is not, CloudError.
        """
        try:
            return self.call(service, operation, **parameters)
        except CloudError as error:
            if error.is_missing:
                raise NoFact(f"there is no {what}") from None
            raise

    def document(self, bucket: str, key: str) -> Any:
        """Read an object of S3 as JSON.

        Raises NoFact where it is not there, or no JSON, CloudError; both say which.
        """
        try:
            with _about(bucket, key):
                return self.cloud.document(bucket, key, self.region)
        except NotJSON as error:
            raise NoFact(str(error)) from None

    def content(self, bucket: str, key: str, limit: int) -> bytes:
        """Read an object of S3, a longer one as far as it is needed to see that it is.

        Raises NoFact where it is not there, CloudError; both say which.
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
    """Say which object an error is about: S3 itself does not."""
    try:
        yield
    except CloudError as error:
        if error.is_missing:
            raise NoFact(f"there is no s3://{bucket}/{key}") from None
        error.args = (f"{error}, of s3://{bucket}/{key}",)
        raise
