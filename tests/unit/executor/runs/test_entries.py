"""Which entries a filter takes, and how much of it the API is asked for."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec.executor.runs.entries import Entry, Filter, is_of_a_step

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
STATUSES = ("InProgress", "Completed", "Archived")
TIMES = st.none() | st.integers(-2, 2).map(lambda hours: NOON + timedelta(hours=hours))
FILTERS = st.builds(
    Filter,
    st.just(("Kind",)),
    st.none() | st.sampled_from(STATUSES),
    st.sampled_from(["", "a", "a_b", "é"]),
    TIMES,
    TIMES,
)
ENTRIES = st.builds(
    Entry,
    st.just("Kind"),
    st.sampled_from(["a", "b", "xa_by", "é-a"]),
    st.sampled_from(STATUSES),
    st.integers(-3, 3).map(lambda hours: NOON + timedelta(hours=hours)),
    st.just("arn"),
)


@given(FILTERS, ENTRIES)
def test_the_api_leaves_out_nothing_that_the_filter_takes(wanted: Filter, entry: Entry) -> None:
    given = wanted.api({"InProgress", "Completed"})
    listed = (
        given.get("StatusEquals", entry.status) == entry.status
        and given.get("NameContains", "") in entry.name
        and given.get("CreationTimeAfter", entry.creation_time - timedelta(1)) < entry.creation_time
        and given.get("CreationTimeBefore", entry.creation_time + timedelta(1)) > entry.creation_time
    )
    assert listed or not wanted.takes(entry)


def test_the_api_is_not_asked_for_what_it_refuses() -> None:
    assert Filter((), "Archived", "a_b").api({"Completed"}) == {}
    assert Filter((), "Completed", "a-b").api({"Completed"}) == {"StatusEquals": "Completed", "NameContains": "a-b"}


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("pipelines-0123456789ab-EvaluateCustomModel-AbCdEf0123", True),
        ("pipelines-0123456789ab-EvaluateCustomModel", False),
        ("my-pipelines-0123456789ab-a-AbCdEf0123", False),
        ("support-agent-0123456789ab", False),
    ],
)
def test_jobs_of_steps_are_told_by_their_names(name: str, is_one: bool) -> None:
    assert is_of_a_step(name) == is_one
