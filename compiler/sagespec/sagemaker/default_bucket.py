"""The bucket for what a spec gives no place of its own: uploads, and output without a path.

In: `default_bucket` and `default_bucket_prefix` of a spec, which the SDK takes as arguments of its session. Without
the first, the bucket is the one that the SDK makes for an account and a region.
"""

from __future__ import annotations

from dataclasses import dataclass

from sagespec.documents.traced import Traced
from sagespec.project.lock import Context
from sagespec.sagemaker.inputs import Inputs


@dataclass(frozen=True)
class DefaultBucket:
    """A bucket, and the prefix of all keys in it.

    `owner` is the account that a bucket with a generated name has to belong to, since anybody can make a bucket of
    that name in an account of their own. A bucket that a spec names may be of any account.
    """

    name: Traced
    prefix: Traced
    owner: str = ""

    def key(self, *parts: str) -> str:
        """Join a key of those parts that there are, below the prefix."""
        return "/".join(part for part in (str(self.prefix.value or ""), *parts) if part)

    def uri(self, *parts: str) -> Traced:
        """Write the S3 URI of a key below the prefix."""
        return self.name.to(f"s3://{self.name.value}/{self.key(*parts)}".rstrip("/"))


def find(inputs: Inputs) -> DefaultBucket:
    """Return the default bucket of a spec."""
    given, prefix = inputs.fields.default_bucket, inputs.fields.default_bucket_prefix
    if given:
        return DefaultBucket(given, prefix)
    return DefaultBucket(given.to(_generated(inputs.context)), prefix, inputs.context.account)


def owner(bucket: str, context: Context) -> str:
    """The account that a bucket which a URI names has to belong to; '' if it may be any."""
    return context.account if bucket == _generated(context) else ""


def _generated(context: Context) -> str:
    return f"sagemaker-{context.region}-{context.account}"
