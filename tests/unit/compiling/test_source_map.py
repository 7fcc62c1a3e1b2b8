"""Which member of a request AWS's words are about."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec.compiling import source_map
from sagespec.diagnostics import KeyPath
from sagespec.documents.compiled import Request

DOCUMENT = {"TrainingConfig": {"HyperParameters": {"group_size": "3"}}, "InputDataConfig": [{"ChannelName": "a"}]}
PARAMETERS: dict[str, Any] = {
    "JobName": {"$identity": "a-"},
    "RoleArn": "arn",
    "JobConfigDocument": {"$json": DOCUMENT},
    "Tags": [{"Key": "k", "Value": "v"}],
}
REQUEST = Request("job", "sagemaker", "CreateJob", PARAMETERS)
IN = ("JobConfigDocument", "$json")


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("1 validation error at 'roleArn' failed", ("RoleArn",)),
        ("TrainingConfig.HyperParameters is odd", (*IN, "TrainingConfig", "HyperParameters")),
        ("trainingConfig/hyperParameters/group_size: 3", (*IN, "TrainingConfig", "HyperParameters", "group_size")),
        ("group_size must be even", (*IN, "TrainingConfig", "HyperParameters", "group_size")),
        ("InputDataConfig[0].ChannelName", (*IN, "InputDataConfig", 0, "ChannelName")),
        ("InputDataConfig[7].ChannelName", (*IN, "InputDataConfig")),
        ("the Key of this type has no Value", ()),
        ("", ()),
    ],
)
def test_the_member_that_a_message_names(message: str, found: KeyPath) -> None:
    assert source_map.member(REQUEST, message) == found


TREES = st.recursive(
    st.none() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Alpha", "beta_1", "Gamma", "$json", "$file"]), inner, max_size=3)
    ),
    max_leaves=10,
)
WORDS = (
    st.sampled_from(["Alpha", "alpha", "Alpha.Gamma", "beta_1[0]", "Gamma/Alpha/beta_1", "$json", "0"]) | st.text()
)


@given(st.dictionaries(st.sampled_from(["Alpha", "Gamma"]), TREES), st.lists(WORDS, max_size=4).map(" ".join))
def test_whatever_is_said_a_member_is_there(parameters: dict[str, Any], message: str) -> None:
    found: Any = parameters
    for step in source_map.member(Request("a", "sagemaker", "CreateJob", parameters), message):
        found = found[step]
