"""Where jobs write to, by their ARNs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec.executor.runs.streams import Place, of_job

ARN = "arn:aws:sagemaker:us-west-2:123456789012:"


@pytest.mark.parametrize(
    ("resource", "group"),
    [
        ("training-job/a", "TrainingJobs"),
        ("processing-job/a", "ProcessingJobs"),
        ("transform-job/a", "TransformJobs"),
        ("job/AgentRFT/a", "Job/AgentRFT"),
    ],
)
def test_each_sort_of_job_has_a_group(resource: str, group: str) -> None:
    assert of_job(ARN + resource) == [Place(f"/aws/sagemaker/{group}", "a/")]


@pytest.mark.parametrize("resource", ["job/a", "model/a", "pipeline/p/execution/a", "", "training-job"])
def test_what_has_no_streams_has_no_place(resource: str) -> None:
    assert not [place for place in of_job(ARN + resource) if place.prefix != "/"]


@given(st.text())
def test_any_text_has_places_or_none(text: str) -> None:
    assert all(place.group.startswith("/aws/sagemaker/") for place in of_job(text))
