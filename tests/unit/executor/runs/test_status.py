"""How far something is, and how long it has run."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec.executor.runs.status import Status, Step, elapsed, progress

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    ["MaxEpoch", "CurrentEpoch", "CurrentStep", "StepsPerEpoch", "TotalStepCountPerEpoch", "MaxSteps"]
)


def status(state: str = "InProgress", **given: Any) -> Status:
    return Status("job", "a", "arn", state, **given)


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"MaxEpoch": 2, "CurrentEpoch": 1, "CurrentStep": 3, "StepsPerEpoch": 5}, "epoch 1/2, step 3/5"),
        ({"MaxEpoch": 2, "TotalStepCountPerEpoch": 5}, "epoch 0/2, step 0/5"),
        ({"CurrentStep": 3, "MaxSteps": 5}, "step 3/5"),
        ({"MaxSteps": 0}, ""),
        (None, ""),
    ],
)
def test_progress_of_a_job(info: Any, said: str) -> None:
    assert progress(status(details={"progress_info": info})) == said


def test_progress_of_an_execution_counts_steps_that_have_not_begun() -> None:
    steps = (Step("a", None, "Succeeded"), Step("b", None, "Executing"))
    seen = status(details={"step_count": 4}, steps=steps)
    assert (progress(seen), seen.running_steps) == ("1 of 4 steps", "b")
    assert seen.has_steps
    assert not status().has_steps


@given(st.dictionaries(MEMBERS, ANYTHING) | ANYTHING)
def test_progress_of_what_others_have_written_is_a_text(info: Any) -> None:
    assert isinstance(progress(status(details={"progress_info": info})), str)


@given(st.timedeltas(timedelta(0), timedelta(days=30)), st.timedeltas(timedelta(0), timedelta(days=30)))
def test_what_is_over_has_run_until_its_end(ran: timedelta, since: timedelta) -> None:
    begun, end = NOW - since - ran, NOW - since
    assert elapsed(status("Completed", creation_time=begun, end_time=end), NOW) == ran
    assert elapsed(status("Completed", creation_time=begun, last_modified_time=end), NOW) == ran
    assert elapsed(status(creation_time=begun, last_modified_time=end), NOW) == ran + since


def test_nothing_has_run_for_less_than_no_time() -> None:
    assert elapsed(status(creation_time=NOW + timedelta(seconds=5)), NOW) == timedelta(0)
    assert elapsed(status(), NOW) is None
