"""What specs name in AWS: which buckets can be, and where; every field of every kind is looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sagespec import arn
from sagespec.checking import schema
from sagespec.compiling import workspace
from sagespec.project import settings as project_settings
from sagespec.project.facts import Context
from sagespec.project.settings import Project
from sagespec.sagemaker import resource_names

from tests.conftest import LOCK

GOOD = ["abc", "a.b-c", "0" * 63, "my-bucket.with.dots", "x--y", "a" * 3, "my-point-s3alias", "data--usw2-az1--x-s3"]
BAD = [
    "",
    "ab",
    "a" * 64,
    "Abc",
    "a_b",
    "a b",
    "a\tb",
    "-ab",
    "ab-",
    ".ab",
    "ab.",
    "a..b",
    "1.2.3.4",
    "xn--a",
    "sthree-a",
]
BAD += ["äbc", "{bucket}", "$bucket", "<bucket>", "a:b", "a@b", "a%20b", "a\\b", "a'b", "٣٣٣"]


@pytest.mark.parametrize("name", GOOD)
def test_buckets_that_can_be(name: str) -> None:
    assert resource_names.bucket_flaw(name) == ""


@pytest.mark.parametrize("name", BAD)
def test_buckets_that_cannot_be(name: str) -> None:
    assert resource_names.bucket_flaw(name)


def s3_fields(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The fields of a schema that take S3 URIs, found by what they say rather than by what is checked."""
    if isinstance(tree, dict):
        said = json.dumps({key: value for key, value in tree.items() if not isinstance(value, dict | list)})
        if "s3://" in said or "S3 URI" in said:
            yield path
        for name, inner in tree.get("properties", {}).items():
            yield from s3_fields(inner, (*path, name))
        yield from s3_fields(tree.get("items"), (*path, "*"))
        for branch in tree.get("anyOf", ()):
            yield from s3_fields(branch, path)


@pytest.mark.parametrize("kind", schema.kinds())
def test_every_s3_uri_of_every_kind_is_looked_at(kind: str) -> None:
    wanted = set(s3_fields(schema.load(kind)["properties"]["spec"]))
    looked_at = {path for what, path in resource_names._marked_fields(kind) if what in ("s3", "code")}
    assert wanted == looked_at


def said(folder: Path, region: str, fields: dict[str, Any]) -> list[tuple[str, str]]:
    """The rules and severities that are reported of a training in a region."""
    spec = {"apiVersion": "sagespec/v1", "kind": "ModelTrainer", "metadata": {"name": "a"}}
    compute = {"instance_type": "ml.m5.large"}
    lock = json.loads(LOCK.read_text("utf-8").replace("us-west-2", region))
    (folder / "sagespec.lock.json").write_text(json.dumps(lock), "utf-8")
    text = json.dumps({**spec, "spec": {"training_image": "img:1", "compute": compute, **fields}})
    (folder / "a.json").write_text(text, "utf-8")
    chosen, _ = project_settings.choose(Project(root=folder), None, {})
    assert chosen is not None
    done = workspace.compile(workspace.check(chosen, [folder / "a.json"]))
    return [(d.rule, d.severity) for d in done.diagnostics]


def test_legacy_names_are_possible_where_they_are_left(tmp_path: Path) -> None:
    legacy = {"output_data_config": {"s3_output_path": "s3://My_Bucket/x"}}
    assert said(tmp_path, "us-east-1", legacy) == [("bad-bucket", "warning")]
    assert said(tmp_path, "eu-west-1", legacy) == [("bad-bucket", "error")]
    impossible = {"output_data_config": {"s3_output_path": "s3://My Bucket/x"}}
    assert said(tmp_path, "us-east-1", impossible) == [("bad-bucket", "error")]


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1", "ap-southeast-2", "il-central-1"])
def test_regions_in_names(tmp_path: Path, region: str) -> None:
    def of(bucket: str) -> list[tuple[str, str]]:
        return said(tmp_path, region, {"output_data_config": {"s3_output_path": f"s3://{bucket}/x"}})

    assert of(f"sagemaker-{region}-123456789012") == []
    assert of(f"jumpstart-cache-prod-{region}") == []
    assert of("sagemaker-us-east-1-123456789012") == [("bucket-region", "error")]
    assert of("jumpstart-cache-prod-us-east-1") == [("bucket-region", "warning")]
    assert of("about-us-and-me") == []


def test_uploads_of_hundreds_of_megabytes_are_warned_of(tmp_path: Path) -> None:
    source = tmp_path / "src"
    source.mkdir()
    (source / "train.py").write_text("", "utf-8")
    with (source / "weights.bin").open("wb") as file:
        file.truncate(100_000_000)
    fields = {"source_code": {"source_dir": "src", "entry_script": "train.py"}}
    assert said(tmp_path, "us-west-2", fields) == []
    (source / "train.py").write_text("#", "utf-8")
    assert said(tmp_path, "us-west-2", fields) == [("large-upload", "warning")]


@pytest.mark.parametrize(("size", "is_refused"), [(1024, False), (1025, True)])
def test_keys_have_a_length(size: int, is_refused: bool) -> None:
    here = Context("123456789012", "us-west-2")
    found = list(resource_names._s3(f"s3://my-bucket/{'é' * 512}{'x' * (size - 1024)}", here, ("spec",)))
    assert [problem.rule for problem in found] == ["bad-key"] * is_refused


def test_an_access_point_is_no_bucket() -> None:
    here = Context("123456789012", "us-west-2")
    uri = "s3://arn:aws:s3:us-west-2:123456789012:accesspoint/data/train.jsonl"
    assert not list(resource_names._s3(uri, here, ("spec",)))
    assert arn.s3_location(uri) == ("arn:aws:s3:us-west-2:123456789012:accesspoint/data", "train.jsonl")
