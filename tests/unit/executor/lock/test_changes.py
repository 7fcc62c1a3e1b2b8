"""What is new in a lock: told by what differs, in texts and lists too."""

from __future__ import annotations

from typing import Any

import pytest
from sagespec.executor.lock import changes

LONG = "arn:aws:sagemaker:us-west-2:aws:hub-content/SageMakerPublicHub/Model/huggingface-reasoning/"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("1.0", "2.0", ['/k/jobs/n: was "1.0", now "2.0"']),
        (
            f"{LONG}2.0.1/end",
            f"{LONG}2.0.3/end",
            ['/k/jobs/n: was "...asoning/2.0.1/end", now "...asoning/2.0.3/end"'],
        ),
        ("a" * 70, "a" * 71, [f'/k/jobs/n: was "...{"a" * 12}", now "...{"a" * 13}"']),
        ([1, 2, 3], [2, 3, 4, 5], ["/k/jobs/n: no longer 1", "/k/jobs/n: new, 4, 5"]),
        ([1, 2], [2, 1], ["/k/jobs/n: was [1, 2], now [2, 1]"]),
        ({"a": 1, "b": 2}, {"b": 3, "c": None}, ["/a: was 1, now absent", "/b: was 2, now 3", "/c: new, null"]),
        ({"a": [{"b": LONG}]}, {"a": [{"b": "x"}]}, [f'/a/0/b: was "{LONG}", now "x"']),
        ({}, {"a": {LONG: LONG}}, ["/a: new, {", "..."]),
        (5, "5", ['was 5, now "5"']),
        ([1], [1], []),
    ],
)
def test_changes_are_told_whole(old: Any, new: Any, told: list[str]) -> None:
    lines = list(changes.changed({"k": {"jobs": {"n": old}}}, {"k": {"jobs": {"n": new}}}))
    said = "\n".join(lines)
    assert all(part in said for part in told), said
    assert bool(lines) == bool(told)
    assert list(changes.unlocked({"k": {"jobs": {"n": old}}}, {"k": {"jobs": {"n": new}}})) == []


def test_what_is_not_locked_is_no_change() -> None:
    before: dict[str, Any] = {"k": {"account": "1", "role": None, "jobs": {"gone": 1}}}
    after: dict[str, Any] = {"k": {"account": "1", "role": "x", "jobs": {"new": 2}, "roles": {}}}
    after["other"] = {"account": "2", "role": None, "jobs": {"new": 2}}
    assert list(changes.changed(before, after)) == []
    assert list(changes.unlocked(before, after)) == ["/k/jobs/new", "/k/role", "/other/jobs/new"]
