"""The tree of one host, like the `/opt/ml` of its container: configuration, channels, code and drivers.

In: the request of a training job, and its uploads. Out: the tree. Writes nothing outside of it.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sagespec.documents.compiled import Request
from sagespec.executor import markers
from sagespec.project.settings import Project
from sagespec.sagemaker import distributed

CODE, DRIVERS = "code", "sm_drivers"
SOURCE = "source/"
"""The prefix of ids of uploads of code."""
_CHANNELS = {"source": CODE, "drivers": DRIVERS}
"""Channels by the first part of an upload's id; other ids begin with `data` and the channel's name."""


def lay_out(
    root: Path, host: str, hosts: Sequence[str], job: Request, folders: Mapping[str, Path]
) -> tuple[Path, frozenset[str]]:
    """Create the tree of one host, and return it with the channels that take no uploads.

    `folders` replace channels. A host gets the data of a channel with `InstanceGroupNames` if its group is one of
    them. Raises OSError.
    """
    tree = root / host / "opt" / "ml"
    config = tree / "input" / "config"
    for folder in (config, tree / "model", tree / "output" / "data"):
        folder.mkdir(parents=True)
    parameters = job.parameters
    channels = parameters.get("InputDataConfig", [])
    resource = resources(host, hosts, parameters["ResourceConfig"])
    _write_json(config / "resourceconfig.json", resource)
    _write_json(config / "hyperparameters.json", parameters.get("HyperParameters", {}))
    mode = parameters["AlgorithmSpecification"]["TrainingInputMode"]
    _write_json(config / "inputdataconfig.json", {c["ChannelName"]: _described(c, mode) for c in channels})
    elsewhere = {c["ChannelName"] for c in channels if not _is_for(c, resource.get("current_group_name"))}
    for channel in channels:
        name, channel_folder = channel["ChannelName"], tree / "input" / "data" / channel["ChannelName"]
        channel_folder.parent.mkdir(parents=True, exist_ok=True)
        if name in elsewhere or name not in folders:
            channel_folder.mkdir()
        elif name == CODE:
            shutil.copytree(folders[name], channel_folder)  # the drivers unpack archives there
        else:
            channel_folder.symlink_to(folders[name].absolute())
    return tree, frozenset(elsewhere | set(folders))


def place(
    tree: Path, closed: frozenset[str], uploads: Iterable[Request], project: Project, processes: int | None
) -> None:
    """Write the uploads into their channels, except into `closed` ones; `processes` replace those of the spec.

    Raises Unfilled, OSError.
    """
    for request in uploads:
        label, _, name = request.id.partition("/")
        channel = _CHANNELS.get(label)
        if channel is None:
            channel, _, name = name.partition("/")
        if channel in closed:
            continue
        body = markers.fill(request.parameters["Body"], {}, project)
        content = body.encode() if isinstance(body, str) else body
        if request.id == distributed.DOCUMENT and processes:
            content = json.dumps({**json.loads(content), "process_count_per_node": processes}).encode()
        file = tree / "input" / "data" / channel / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def resources(host: str, hosts: Sequence[str], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of `resourceconfig.json`; the instance type is that of the group, or the first preference.

    Groups get hosts in their order, as many as they have instances; the last one gets the rest.
    """
    left = list(hosts)
    groups = []
    given = config.get("InstanceGroups", ())
    for number, group in enumerate(given, 1):
        count = len(left) if number == len(given) else group["InstanceCount"]
        described = {"instance_group_name": group["InstanceGroupName"], "instance_type": group["InstanceType"]}
        groups.append({**described, "hosts": left[:count]})
        left = left[count:]
    own = next((group for group in groups if host in group["hosts"]), {})
    preferred: Mapping[str, Any] = next(iter(config.get("InstancePreferences", ())), {})
    return {
        "current_host": host,
        "current_instance_type": own.get("instance_type") or preferred.get("InstanceType") or config["InstanceType"],
        "hosts": list(hosts),
        "network_interface_name": "lo0" if sys.platform == "darwin" else "lo",
        **({"current_group_name": own["instance_group_name"], "instance_groups": groups} if own else {}),
    }


def _is_for(channel: Mapping[str, Any], group: str | None) -> bool:
    groups = channel["DataSource"].get("S3DataSource", {}).get("InstanceGroupNames")
    return not groups or group in groups


def _described(channel: Mapping[str, Any], mode: str) -> dict[str, str]:
    """Return a channel's entry of `inputdataconfig.json`."""
    described = {"TrainingInputMode": channel.get("InputMode", mode)}
    source = channel["DataSource"].get("S3DataSource")
    if source is not None:
        described["S3DistributionType"] = source.get("S3DataDistributionType", "FullyReplicated")
    described["RecordWrapperType"] = channel.get("RecordWrapperType", "None")
    if "ContentType" in channel:
        described["ContentType"] = channel["ContentType"]
    return described


def _write_json(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content), "utf-8")
