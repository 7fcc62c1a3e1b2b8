"""The container drivers that a training job was started with, against those of this version.

In: a training job as AWS describes it, and the parameters that are compiled now. Out: the same job with the drivers
of now. They are no part of the identity, so that an upgrade of ours starts nothing again and is no difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

CHANNEL = "sm_drivers"
_UPLOAD = re.compile(r"(s3://.+/sagespec/sm_drivers/)[0-9a-f]{16}/")


def as_compiled(described: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Put the place of the wanted drivers into a job of the same identity."""
    places = [uri for uri in map(_location, wanted.get("InputDataConfig") or ()) if uri]
    channels = [_moved(channel, places) for channel in described.get("InputDataConfig") or ()]
    return {**described, **({"InputDataConfig": channels} if channels else {})}


def _location(channel: Mapping[str, Any]) -> str:
    """Where a channel of drivers is; '' for any other."""
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
