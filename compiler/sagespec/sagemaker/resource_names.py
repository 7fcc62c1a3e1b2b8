"""Check the AWS resources in the fields of a spec (ARNs, S3 URIs, images), and paths with placeholders.

In: a spec with its account and region. Refuses ARNs, buckets and images of another partition or region, invalid
bucket names, and malformed image URIs of ECR. Warns of other accounts and of placeholders of other tools.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from sagespec import arn
from sagespec.checking import schema
from sagespec.diagnostics import Hint, KeyPath, Problem
from sagespec.project.facts import Context
from sagespec.project.spec import Spec
from sagespec.reading.source import ANY
from sagespec.sagemaker import images


def check(spec: Spec, here: Context) -> Iterator[Problem]:
    """Check the resources in the fields of a spec."""
    for kind, pattern in _marked_fields(spec.kind):
        for path, text in _texts(spec.fields.value, pattern, ("spec",)):
            yield from _CHECKS[kind](text, here, path)


@cache
def _marked_fields(kind: str) -> tuple[tuple[str, KeyPath], ...]:
    """Return the resources that the fields of a kind may contain, by their pattern or mark.

    Other texts are not checked.
    """
    fields = ((what, path) for path, shape in schema.shapes(kind) for what in _named_by(shape))
    return tuple(dict.fromkeys(fields))


def _named_by(shape: Mapping[str, Any]) -> Iterator[str]:
    pattern = shape.get("pattern", "")
    if "x-names" in shape:
        yield shape["x-names"]
    if "arn:aws" in pattern:
        yield "arn"
    if "s3://" in pattern:
        yield "s3"


def _texts(data: Any, pattern: KeyPath, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Yield the texts of a field with their paths."""
    if not pattern:
        if isinstance(data, str):
            yield path, data
    elif pattern[0] == ANY:
        for index, item in enumerate(data if isinstance(data, list) else ()):
            yield from _texts(item, pattern[1:], (*path, index))
    elif isinstance(data, dict) and pattern[0] in data:
        yield from _texts(data[pattern[0]], pattern[1:], (*path, pattern[0]))


_ELSEWHERE = {"iam", "s3"}
"""Services whose ARNs have no region."""


def _arn(text: str, here: Context, path: KeyPath) -> Iterator[Problem]:
    """Check an ARN: another partition or region always fails, another account often."""
    parsed = arn.parse(text)
    if parsed is None:
        return
    if parsed.partition != here.partition:
        message = f"the ARN is of partition {parsed.partition}, this spec's is {here.partition}"
        yield Problem("arn-partition", message, path)
    elif parsed.region and parsed.region != here.region and parsed.service not in _ELSEWHERE:
        message = f"the ARN is of region {parsed.region}, this spec's is {here.region}"
        yield Problem("arn-region", message, path)
    elif parsed.account.isdigit() and parsed.account != here.account:
        message = f"the ARN is of account {parsed.account}, this spec's is {here.account}"
        yield Problem("arn-account", message, path, severity="warning")


KEY_BYTES = 1024
_LEGACY_REGION = "us-east-1"
"""The region where old buckets may have names that are no longer allowed."""
_LEGACY = re.compile(r"[A-Za-z0-9._-]{3,255}")
_GENERATED = re.compile(r"sagemaker-([a-z]{2,}(?:-[a-z]+)+-[0-9]+)-([0-9]{12})")
_REGION = re.compile(r"(?<![a-z0-9])(?:af|ap|ca|cn|eu|il|me|mx|sa|us)(?:-gov)?(?:-[a-z]+)+-[0-9](?![a-z0-9])")


def _s3(text: str, here: Context, path: KeyPath) -> Iterator[Problem]:
    """Check an S3 URI: the bucket name must be valid, and SageMaker and Lambda use buckets of their region."""
    if not text.strip().startswith("s3://"):
        return
    bucket, key = arn.s3_location(text.strip())
    if (size := len(key.encode("utf-8", "surrogatepass"))) > KEY_BYTES:
        yield Problem("bad-key", f"the key has {size:,} bytes, S3 takes {KEY_BYTES:,}", path)
    if bucket.startswith("arn:"):  # an access point
        yield from _path(key, here, path)
        return
    flaws = [*_bucket(bucket, here, path)]
    yield from flaws
    yield from _path(key if any(p.rule == "bad-bucket" for p in flaws) else text, here, path)


def _bucket(bucket: str, here: Context, path: KeyPath) -> Iterator[Problem]:
    """Check a bucket by its name."""
    reason = bucket_flaw(bucket)
    if reason:
        legacy = here.region == _LEGACY_REGION and _LEGACY.fullmatch(bucket) is not None
        message = f"S3 has no bucket {bucket!r}: {reason}"
        if legacy:
            message = f"{bucket!r} can only be a bucket from before March 2018: {reason}"
        severity: Any = "warning" if legacy else "error"
        hint = _alone(bucket) if bucket.startswith("s3://") else _meant(bucket)
        yield Problem("bad-bucket", message, path, hint, severity)
        return
    generated = _GENERATED.fullmatch(bucket)
    region = generated[1] if generated else _region_in(bucket)
    if region not in ("", here.region):
        says = f"the bucket {bucket} is of region {region}" if generated else f"the bucket {bucket} says {region}"
        severity = "error" if generated else "warning"
        yield Problem("bucket-region", f"{says}, this spec's is {here.region}", path, severity=severity)
    elif generated and generated[2] != here.account:
        message = f"the bucket is of account {generated[2]}, this spec's is {here.account}"
        yield Problem("bucket-account", message, path, severity="warning")


def _alone(uri: str) -> Hint:
    name = arn.s3_location(uri)[0]
    return Hint(f"write its name alone: {name}", "word", uri, [] if bucket_flaw(name) else [name])


def _region_in(bucket: str) -> str:
    match = _REGION.search(bucket)
    return match[0] if match else ""


def bucket_flaw(name: str) -> str:
    """Return why S3 does not allow a bucket of this name; '' if it does."""
    if not 3 <= len(name) <= 63:
        return f"a name has 3 to 63 characters, this one {len(name)}"
    if wrong := sorted(set(re.findall(r"[^a-z0-9.-]", name))):
        return f"a name has lower-case letters, digits, dots and dashes, not {', '.join(map(repr, wrong))}"
    if not (name[0].isalnum() and name[-1].isalnum()):
        return "a name begins and ends with a letter or digit"
    if ".." in name or re.fullmatch(r"[0-9]+(\.[0-9]+){3}", name):
        return "a name has no two dots in a row, and is no IP address"
    prefix = next((prefix for prefix in ("xn--", "sthree-") if name.startswith(prefix)), "")
    return f"names do not begin with {prefix}" if prefix else ""


def _image(text: str, here: Context, path: KeyPath) -> Iterator[Problem]:
    """Check an image: one in ECR must be in the region of the job."""
    image = images.parse(text)
    if image is not None and image.region != here.region:
        message = f"the image is of region {image.region}, this spec's is {here.region}"
        yield Problem("image-region", message, path)
    elif image is None and re.search(r"\.dkr[.-]ecr", text.partition("/")[0]):
        hint = f"<account>.dkr.ecr.{here.region}.amazonaws.com/<repository>:<tag>"
        yield Problem("bad-image", "not the URI of an image in ECR", path, _meant(text) or hint)
    elif re.search(r"\s", text):
        yield Problem("bad-image", "the name of an image has no spaces", path, _meant(text))
    else:
        yield from _path(text, here, path)


_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}|(?<![${])\{[A-Za-z_][\w.-]*\}|\$[A-Za-z_]\w*|%\([A-Za-z_]\w*\)s")


def _path(text: str, _here: Context, path: KeyPath) -> Iterator[Problem]:
    """Warn of text that looks like a placeholder of another tool."""
    for placeholder in _PLACEHOLDER.findall(text)[:1]:
        yield Problem("placeholder", f"{placeholder} is sent as it is", path, _meant(placeholder), "warning")


def _meant(text: str) -> str:
    """Return a hint with the placeholder in our syntax, or ''."""
    match = _PLACEHOLDER.search(text)
    name = re.search(r"[A-Za-z_][\w.-]*", match[0]) if match else None
    return f"a value is written ${{{name[0]}}}" if name else ""


def _code(text: str, here: Context, path: KeyPath) -> Iterator[Problem]:
    """Check the location of code: an S3 URI, or a local path."""
    yield from (_s3 if text.startswith("s3://") else _path)(text, here, path)


_CHECKS = {"arn": _arn, "bucket": _bucket, "code": _code, "image": _image, "path": _path, "s3": _s3}
