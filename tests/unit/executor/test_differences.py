"""Documents compared: what differs is told whole, and the service's own defaults are no difference."""

from __future__ import annotations

from typing import Any

import pytest
from sagespec.executor.differences import differences

LONG = "s3://my-bucket/" + "a/" * 60


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"a": {"$output": 1}}, {"a": {"$output": "X"}}, []),
        ({"a": [["b"]]}, {"a": [[{"$output": "X"}]]}, []),
        ({"a": '{"b": 1}'}, {"a": {"$json": {"b": 2}}}, ["/a/b: was 1, now 2"]),
        ([{"b": f"{LONG}1"}], [{"b": f"{LONG}2"}], ['/0/b: was "...a/a/a/a/a/a/1", now "...a/a/a/a/a/a/2"']),
        ({"a": ["x", "y"]}, {"a": ["y", "z"]}, ['/a: no longer "x"', '/a: new, "z"']),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}, {"b": 2}]}, ['/a: new, {"b": 2}']),
        ({}, {"a": "x" * 400}, [f'/a: new, "{"x" * 296}...']),
        ({"a": None}, {"a": []}, ["/a: was null, now []"]),
    ],
)
def test_what_differs_is_told(old: Any, new: Any, told: list[str]) -> None:
    assert list(differences(old, new)) == told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"In": [{"Name": "a", "CompressionType": "None"}], "Kept": 1}, {"In": [{"Name": "a"}]}, []),
        ({"In": [{"Name": "a"}, {"Name": "b"}]}, {"In": [{"Name": "a"}]}, ['/In: no longer {"Name": "b"}']),
        (
            {"Environment": {"A": "1", "B": "2"}},
            {"Environment": {"A": "1"}},
            ['/Environment/B: was "***", now absent'],
        ),
        ({"HyperParameters": {}}, {"HyperParameters": {"a": "1"}}, ['/HyperParameters/a: new, "1"']),
        ({}, {"Layers": []}, []),
        ({"Vpc": None}, {"Vpc": {}}, []),
        ({"Timeout": 900}, {"Timeout": 3}, ["/Timeout: was 900, now 3"]),
        ({}, {"Timeout": 3}, ["/Timeout: new, 3"]),
    ],
)
def test_what_the_service_adds_is_no_difference(old: Any, new: Any, told: list[str]) -> None:
    assert list(differences(old, new, defaults=True)) == told
