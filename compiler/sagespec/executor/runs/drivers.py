"""Replace the container drivers of a training job by those of this version.

In: a training job as AWS describes it, and its parameters as compiled now. Out: the same job with the current
drivers. Drivers are not part of the identity, so a new version of sagespec neither runs a job again nor counts as a
difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

CHANNEL = "sm_drivers"
_UPLOAD = re.compile(r"(s3://.+/sagespec/sm_drivers/)[0-9a-f]{16}/")


def as_compiled(described: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the S3 URIs of drivers in a job by those in the wanted parameters."""
    locations = [uri for uri in map(_location, wanted.get("InputDataConfig") or ()) if uri]
    channels = [_moved(channel, locations) for channel in described.get("InputDataConfig") or ()]
    return {**described, **({"InputDataConfig": channels} if channels else {})}


def _location(channel: Mapping[str, Any]) -> str:
    """Return the S3 URI of a channel of drivers; '' for any other channel."""
    source = channel.get("DataSource", {}).get("S3DataSource", {}) if channel.get("ChannelName") == CHANNEL else {}
    uri = source.get("S3Uri", "")
    return uri if isinstance(uri, str) and _UPLOAD.fullmatch(uri) else ""


def _moved(channel: Mapping[str, Any], places: list[str]) -> Mapping[str, Any]:
    here = _location(channel)
    there = next((prefix for prefix in places if here and _folder(prefix) == _folder(here)), here)
    if there == here:
        return channel
    source = channel["DataSource"]
    return {**channel, "DataSource": {**source, "S3DataSource": {**source["S3DataSource"], "S3Uri": there}}}


def _folder(prefix: str) -> str:
    return _UPLOAD.sub(r"\1", prefix)
