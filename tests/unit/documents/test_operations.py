"""What the shapes of the API say of the operations that compiled files may hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec.documents import operations

RUNS = st.sampled_from(operations.runs())
GROUND = st.lists(st.sampled_from(operations.GROUND), max_size=4)


def test_what_apply_adds_follows_from_the_members() -> None:
    forms = {operation: operations.tags(operation) for operation in operations.services()}
    assert {name for name, form in forms.items() if form == "list"} == {
        "CreateJob",
        "CreatePipeline",
        "CreateTrainingJob",
    }
    assert {name for name, form in forms.items() if form == "map"} == {"CreateFunction"}
    tokens = {operation for operation in operations.services() if operations.has_token(operation)}
    assert tokens == {"CreatePipeline", "StartPipelineExecution"}


@given(GROUND, RUNS)
def test_a_file_ends_in_its_one_run(ground: list[str], run: str) -> None:
    assert list(operations.wrong([])) == []
    assert list(operations.wrong([*ground, run])) == []
    assert list(operations.wrong([run, *ground, run])) == ["starts more than one run"]
    assert bool(list(operations.wrong(ground))) == bool(ground)


@given(st.lists(st.text() | RUNS, max_size=4).filter(lambda names: not set(names) <= operations.services().keys()))
def test_every_other_operation_is_refused(names: list[str]) -> None:
    assert any("does not know the operation" in reason for reason in operations.wrong(names))


@pytest.mark.parametrize("operation", ["DeleteJob", "", "../CreateJob", "tree"])
def test_of_an_operation_that_is_not_known_nothing_is_said(operation: str) -> None:
    assert operations.tags(operation) is None
    assert not operations.has_token(operation)
