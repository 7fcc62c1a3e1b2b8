"""The bucket for uploads, and for output of specs that name no path.

In: `default_bucket` and `default_bucket_prefix` of a spec, which are arguments of the SDK's session. Without a name,
it is the bucket that the SDK creates for an account and a region.
"""

from __future__ import annotations

from typing import NamedTuple

from sagespec.documents.traced import Traced
from sagespec.project.facts import Context
from sagespec.sagemaker.inputs import Inputs


class DefaultBucket(NamedTuple):
    """A bucket, and the prefix of all keys in it.

    `owner` is the account that must own a bucket with a generated name, because anyone can create a bucket of that
    name in their account. A bucket that a spec names may be of any account.
    """

    name: Traced
    prefix: Traced
    owner: str = ""

    def key(self, *parts: str) -> str:
        """Join the non-empty parts of a key below the prefix."""
        return "/".join(part for part in (str(self.prefix.value or ""), *parts) if part)

    def uri(self, *parts: str) -> Traced:
        """Return the S3 URI of a key below the prefix."""
        return self.name.to(f"s3://{self.name.value}/{self.key(*parts)}".rstrip("/"))


def find(inputs: Inputs) -> DefaultBucket:
    """Return the default bucket of a spec."""
    given, prefix = inputs.fields.default_bucket, inputs.fields.default_bucket_prefix
    if given:
        return DefaultBucket(given, prefix)
    return DefaultBucket(given.to(_generated(inputs.context)), prefix, inputs.context.account)


def owner(bucket: str, context: Context) -> str:
    """Return the account that must own a bucket; '' if any may."""
    return context.account if bucket == _generated(context) else ""


def _generated(context: Context) -> str:
    return f"sagemaker-{context.region}-{context.account}"
