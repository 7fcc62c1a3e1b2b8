"""Requests against the API's model: what botocore refuses we refuse, and more, at its place."""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.loaders
import botocore.model
import botocore.validate
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec.checking import api
from sagespec.documents.compiled import named

JOB: dict[str, Any] = {
    "JobName": "a-1",
    "RoleArn": "arn:aws:iam::123456789012:role/R",
    "JobCategory": "AgentRFT",
    "JobConfigSchemaVersion": "1.0.0",
    "JobConfigDocument": {"$json": {"a": 1}},
}


def said(operation: str, parameters: dict[str, Any]) -> list[tuple[str, tuple[Any, ...]]]:
    return [(p.rule, p.path) for p in api.check("sagemaker", operation, parameters)]


def test_a_good_request_passes() -> None:
    assert said("CreateJob", JOB) == []


@pytest.mark.parametrize(
    ("change", "rule", "path"),
    [
        ({"JobName": "a_b"}, "api-pattern", ("JobName",)),
        ({"JobName": "a" * 64}, "api-length", ("JobName",)),
        ({"JobName": 5}, "api-type", ("JobName",)),
        ({"Jobname": "x"}, "api-unknown-member", ("Jobname",)),
        ({"JobCategory": "New"}, "api-enum", ("JobCategory",)),
        ({"Tags": [{"Key": "a"}]}, "api-missing-member", ("Tags", 0)),
        ({"Tags": [{"Key": "a#", "Value": ""}]}, "api-pattern", ("Tags", 0, "Key")),
        ({"Tags": {"a": "b"}}, "api-type", ("Tags",)),
        ({"Tags": [{"Key": "a", "Value": "b"}] * 51}, "api-length", ("Tags",)),
        ({"JobConfigDocument": {"$json": {"a": "x" * 262144}}}, "api-length", ("JobConfigDocument",)),
    ],
)
def test_a_bad_request_is_refused_at_its_place(change: dict[str, Any], rule: str, path: tuple[Any, ...]) -> None:
    found = said("CreateJob", {**JOB, **change})
    assert (rule, path) in found
    assert {p for _, p in found} <= {path, (*path, 0)}


def test_an_unknown_enum_member_is_only_a_warning() -> None:
    assert [p.severity for p in api.check("sagemaker", "CreateJob", {**JOB, "JobCategory": "New"})] == ["warning"]


def test_markers_stand_for_values() -> None:
    markers = {"RoleArn": {"$output": "Kind/a.Arn"}, "JobName": named("base-")}
    assert said("CreateJob", {**JOB, **markers}) == []
    assert ("api-length", ("JobName",)) in said("CreateJob", {**JOB, "JobName": named("a" * 60)})


def test_steps_of_a_pipeline_are_checked_as_what_they_call() -> None:
    arguments = {"OutputDataConfig": {"S3OutputPath": {"Get": "Parameters.P"}}, "RoleArn": "nope", "Extra": 1}
    definition = {"Steps": [{"Name": "a", "Type": "Training", "Arguments": arguments}]}
    found = said("CreatePipeline", {"PipelineName": "p", "PipelineDefinition": {"$json": definition}})
    place = ("PipelineDefinition", "$json", "Steps", 0, "Arguments")
    assert ("api-pattern", (*place, "RoleArn")) in found
    assert ("api-unknown-member", (*place, "Extra")) in found
    assert not [path for _, path in found if "OutputDataConfig" in path or "TrainingJobName" in path]


VALUES = st.none() | st.booleans() | st.integers(0, 5) | st.text(max_size=3)
WILD = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["Key", "Value", "X"]), inner),
    max_leaves=4,
)


@cache
def input_of_create_job() -> botocore.model.Shape:
    """What botocore knows of it; its file is large, and is read once for all examples."""
    model = botocore.loaders.Loader().load_service_model("sagemaker", "service-2")
    return botocore.model.ServiceModel(model).operation_model("CreateJob").input_shape


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("JobName", "RoleArn", "Tags", "JobCategory", "Other"), WILD))
)
def test_what_botocore_refuses_we_refuse(change: dict[str, Any]) -> None:
    parameters = {**JOB, "JobConfigDocument": "{}", **change}
    report = botocore.validate.ParamValidator().validate(parameters, input_of_create_job())
    if report.has_errors():
        assert said("CreateJob", parameters)
