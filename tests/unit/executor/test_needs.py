"""What must be there before a file is carried out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec.documents.compiled import Compiled, Request
from sagespec.executor import needs
from sagespec.executor.files import File

ARN = "arn:aws:sagemaker:us-west-2:123456789012:"
DOCUMENTS = st.recursive(
    st.none() | st.integers() | st.sampled_from(["s3://b/k", "s3://", "arn:aws:iam::1:role/r", "S3Uri"]) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["S3Uri", "S3DataType", "S3Bucket", "S3Key", "RoleArn", "x"]), inner)
    ),
    max_leaves=12,
)


def of(*requests: dict[str, Any], operation: str = "CreateTrainingJob") -> set[tuple[str, str]]:
    made = tuple(Request(str(n), "sagemaker", operation, given) for n, given in enumerate(requests))
    file = File(Path("a.json"), Compiled("K/a", "a.yaml", "1", "r", {}, made, "0" * 64))
    return {(need.sort, need.name) for need in needs.of(file)}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"Output": "s3://b/k"}, {("bucket", "b")}),
        ({"S3Bucket": "b", "S3Key": "k"}, {("bucket", "b"), ("object", "s3://b/k")}),
        ({"S3Uri": "s3://b/x.jsonl", "S3DataType": "S3Prefix"}, {("bucket", "b"), ("object", "s3://b/x.jsonl")}),
        ({"S3Uri": "s3://b/x/", "S3DataType": "S3Prefix"}, {("bucket", "b"), ("prefix", "s3://b/x/")}),
        ({"S3Uri": "s3://b/x", "S3DataType": "ManifestFile"}, {("bucket", "b"), ("object", "s3://b/x")}),
        ({"RoleArn": "arn:aws:iam::1:role/r"}, {("role", "arn:aws:iam::1:role/r")}),
        ({"Anything": "arn:aws:iam::1:role/r"}, set()),
        ({"InputModelPackageArn": f"{ARN}model-package/g/1"}, {("package", f"{ARN}model-package/g/1")}),
        ({"TrainingImage": "registry/image:1"}, {("image", "registry/image:1")}),
        ({"RoleArn": {"$output": "K/b.Role"}}, set()),
    ],
)
def test_what_a_request_names_is_needed(given: dict[str, Any], found: set[tuple[str, str]]) -> None:
    assert of({"Inner": [{"Deep": given}]}) == found


@pytest.mark.parametrize("member", ["Environment", "HyperParameters", "Tags", "ContainerArguments", "JobDescription"])
def test_what_users_give_a_meaning_to_is_not_looked_into(member: str) -> None:
    assert of({member: {"DATA": "s3://b/k"}}) == set()


def test_what_a_file_uploads_is_not_needed_before() -> None:
    data = {"S3Uri": "s3://b/code/", "S3DataType": "S3Prefix"}
    file = File(
        Path("a.json"),
        Compiled(
            "K/a",
            "a.yaml",
            "1",
            "r",
            {},
            (
                Request("code", "s3", "PutObject", {"Bucket": "b", "Key": "code/run.py"}),
                Request("job", "sagemaker", "CreateTrainingJob", {"Data": data}),
            ),
            "0" * 64,
        ),
    )
    assert {(need.sort, need.name) for need in needs.of(file)} == {("bucket", "b")}


@given(st.dictionaries(st.text(max_size=3), DOCUMENTS))
def test_every_need_is_at_the_place_that_names_it(given: dict[str, Any]) -> None:
    request = Request("0", "sagemaker", "CreateTrainingJob", given)
    for need in needs.of(File(Path("a.json"), Compiled("K/a", "a", "1", "r", {}, (request,), "0" * 64))):
        found: Any = given
        for step in need.path:
            found = found[step]
        assert isinstance(found, str)
        assert (
            found.removeprefix("s3://").partition("/")[0] == need.name or found == need.name or "S3Key" in need.path
        )
