"""Look-ups, as far as they are plain functions: days, places in S3."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from sagespec import arn
from sagespec.executor.lock import judges


def test_the_end_of_life_is_the_same_day_everywhere() -> None:
    for hours in (-11, 0, 13):
        local = datetime(2024, 6, 1, 0, 30, tzinfo=timezone.utc).astimezone(timezone(timedelta(hours=hours)))
        found = judges.lifecycle({"modelLifecycle": {"status": "LEGACY", "endOfLifeTime": local}})
        assert found == {"end_of_life": "2024-06-01", "usable": False}
    assert judges.lifecycle({}) == {"end_of_life": None, "usable": True}


def test_override_specs_may_be_behind_an_access_point() -> None:
    point = "arn:aws:s3:us-west-2:123456789012:accesspoint/recipes"
    assert arn.s3_location(f"s3://{point}/a/b.json") == (point, "a/b.json")
    assert arn.s3_location("s3://bucket/a/b.json") == ("bucket", "a/b.json")
