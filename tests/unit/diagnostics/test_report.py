"""Diagnostics as text: for people, on lines of any length, and for machines, in the form that they take."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from sagespec.diagnostics import Diagnostic, report


def at(line: str, token: str) -> Diagnostic:
    column = line.index(token) + 1
    return Diagnostic("a.json", 1, column, 1, column + len(token), "bad-value", "error", "no", "try \x1b[1m")


def lines(wrong: list[Diagnostic], line: str) -> list[str]:
    """What is said of mistakes in a file of one line."""
    return ["".join(shown) for shown in report.text(wrong, {"a.json": [line]})]


@pytest.mark.parametrize("filler", ["x", "é", "日", "\t", "e\u0301", "\x07"])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (3, 3), (200, 0), (150, 200), (50_000, 50_000)])
def test_the_caret_is_under_the_token_of_a_line_of_any_length(filler: str, before: int, after: int) -> None:
    line = f"{filler * before}TOKEN{filler * after}"
    _, shown, marker, *_ = lines([at(line, "TOKEN")], line)
    widths = [{"日": 2, "\u0301": 0}.get(char, 1) for char in shown]
    assert marker.strip() == "^^^^^"
    assert marker.index("^") == sum(widths[: shown.index("TOKEN")])
    assert shown.index("TOKEN") >= 4 + min(before, 60)
    assert sum(widths) <= 4 + 2 * 160


def test_a_token_longer_than_a_screen_begins_on_it() -> None:
    line = "x" * 1000 + "T" * 1000
    _, shown, marker, *_ = lines([at(line, "T" * 1000)], line)
    assert (shown[marker.index("^") :], len(shown)) == ("T" * 30, 164)


def test_many_mistakes_on_one_long_line_are_shown_without_reading_it_each_time() -> None:
    line = "é" * 2_000_000
    wrong = [Diagnostic("a.json", 1, n, 1, n + 1, "bad-value", "error", "no") for n in range(1, 2_000_000, 1000)]
    assert "".join(lines(wrong, line)).count("^") == 2000


def test_sarif_has_addresses_and_junit_hints() -> None:
    wrong = Diagnostic("specs/a b%é:#.yaml", 1, 1, 1, 2, "bad-value", "error", "no\x00", "try\x1b")
    log = json.loads(report.sarif([wrong], {}))
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "specs/a%20b%25%C3%A9%3A%23.yaml"
    suite = ElementTree.fromstring(report.junit([wrong], {"fine.yaml": ""}))
    assert suite.attrib == {"name": "sagespec", "tests": "2", "failures": "1", "errors": "0"}
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert (failure.get("type"), failure.text) == ("bad-value", "1:1: [bad-value] no\\x00 (try\\x1b)")
