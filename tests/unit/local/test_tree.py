"""The tree of a host: what it is told of its cluster and channels, and which data it gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sagespec.documents.compiled import Request
from sagespec.local import tree
from sagespec.project.settings import Project

GROUPS = [
    {"InstanceGroupName": "gpu", "InstanceType": "ml.p4d.24xlarge", "InstanceCount": 1},
    {"InstanceGroupName": "data", "InstanceType": "ml.c5.xlarge", "InstanceCount": 2},
]
HOSTS = ["algo-1", "algo-2", "algo-3"]


@pytest.mark.parametrize(
    ("host", "kind", "group"),
    [("algo-1", "ml.p4d.24xlarge", "gpu"), ("algo-2", "ml.c5.xlarge", "data"), ("algo-3", "ml.c5.xlarge", "data")],
)
def test_a_host_knows_its_group(host: str, kind: str, group: str) -> None:
    told = tree.resources(host, HOSTS, {"InstanceGroups": GROUPS})
    assert (told["current_host"], told["current_instance_type"], told["current_group_name"]) == (host, kind, group)
    assert told["instance_groups"] == [
        {"instance_group_name": "gpu", "instance_type": "ml.p4d.24xlarge", "hosts": ["algo-1"]},
        {"instance_group_name": "data", "instance_type": "ml.c5.xlarge", "hosts": ["algo-2", "algo-3"]},
    ]


@pytest.mark.parametrize(
    ("hosts", "shared"),
    [
        (HOSTS[:1], [["algo-1"], []]),
        (HOSTS[:2], [["algo-1"], ["algo-2"]]),
        ([*HOSTS, "x"], [["algo-1"], [*HOSTS[1:], "x"]]),
    ],
)
def test_every_simulated_host_is_in_a_group(hosts: list[str], shared: list[list[str]]) -> None:
    told = tree.resources("algo-1", hosts, {"InstanceGroups": GROUPS})
    assert [group["hosts"] for group in told["instance_groups"]] == shared


def test_an_empty_group_has_no_host() -> None:
    told = tree.resources("algo-1", HOSTS, {"InstanceGroups": [{**GROUPS[0], "InstanceCount": 0}, GROUPS[1]]})
    assert told["current_group_name"] == "data"


def test_of_preferences_the_first_is_there_and_nothing_is_said_of_groups() -> None:
    told = tree.resources("algo-1", HOSTS, {"InstancePreferences": [{"InstanceType": "a"}, {"InstanceType": "b"}]})
    assert told["current_instance_type"] == "a"
    assert set(told) == {"current_host", "current_instance_type", "hosts", "network_interface_name"}


def channel(name: str, *groups: str, **more: Any) -> dict[str, Any]:
    source: dict[str, Any] = {"S3DataType": "S3Prefix", "S3Uri": "s3://b/k/"}
    if groups:
        source["InstanceGroupNames"] = list(groups)
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}


def request(channels: list[dict[str, Any]]) -> Request:
    parameters = {
        "InputDataConfig": channels,
        "ResourceConfig": {"InstanceGroups": GROUPS},
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "HyperParameters": {"a": "1"},
    }
    return Request("job", "sagemaker", "CreateTrainingJob", parameters)


def upload(identity: str) -> Request:
    return Request(identity, "s3", "PutObject", {"Body": identity})


UPLOADS = [upload("source/train.py"), upload("drivers/d.py"), upload("data/a/sub/x.csv"), upload("data/b/y.csv")]


def laid_out(root: Path, host: str, folders: dict[str, Path]) -> Path:
    channels = [channel("a", "gpu"), channel("b"), channel("code"), channel("sm_drivers")]
    made, closed = tree.lay_out(root, host, HOSTS, request(channels), folders)
    tree.place(made, closed, UPLOADS, Project(root), None)
    return made / "input" / "data"


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_uploads_are_in_their_channels_on_the_hosts_of_their_groups(tmp_path: Path) -> None:
    everywhere = {"code/train.py", "sm_drivers/d.py", "b/y.csv"}
    assert files(laid_out(tmp_path, "algo-1", {})) == {*everywhere, "a/sub/x.csv"}
    assert files(laid_out(tmp_path, "algo-2", {})) == everywhere


def test_a_folder_of_the_user_replaces_a_channel_and_is_never_written(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "mine.csv").touch()
    data = laid_out(tmp_path, "algo-1", {"a": own, "code": own})
    assert {path.name for path in (data / "a").iterdir()} == {"mine.csv"}
    (data / "code" / "unpacked").touch()
    assert files(own) == {"mine.csv"}


def test_a_channel_is_described_as_the_container_has_it(tmp_path: Path) -> None:
    given = [
        channel("plain"),
        channel("rich", ContentType="text/csv", RecordWrapperType="RecordIO", InputMode="Pipe"),
        {"ChannelName": "lake", "DataSource": {"FileSystemDataSource": {}}},
    ]
    made, _ = tree.lay_out(tmp_path, "algo-1", HOSTS, request(given), {})
    assert json.loads((made / "input/config/inputdataconfig.json").read_text("utf-8")) == {
        "plain": {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"},
        "rich": {
            "TrainingInputMode": "Pipe",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "RecordIO",
            "ContentType": "text/csv",
        },
        "lake": {"TrainingInputMode": "File", "RecordWrapperType": "None"},
    }
