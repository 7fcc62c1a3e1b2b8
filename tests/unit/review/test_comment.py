"""Comments: their length, and what text of others can do in them."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from sagespec.executor.differences import Difference
from sagespec.review import comment, drawing, forecast_markdown, markdown
from sagespec.review.entry import Change, Cost, Entry, Exempted, Review
from sagespec.review.forecast import Earlier, Forecast, Group, Prepared, Row

HOSTILE = "|`<!--</details>@octocat [x](http://evil) www.evil.com\n\u202e\U000e0001&#64;" * 10
TOKENS = ("hf_ABCDEFGHIJKL012345", "ghp_0123456789ABCDEFGHIJKLMN", "npm_0123456789ABCDEFGHIJabcdefghij")


def change(text: str, number: int) -> Change:
    return Change(f"{number} {text}", text, f"{text}x", text, 1, True, "default" if number % 2 else "spec", text)


def review(text: str, count: int) -> Review:
    changes = tuple(change(text, number) for number in range(count))
    cost = Cost("CreateJob", serverless=True, model=text, data=(text,) * 3, rounds=text)
    one = Entry("Kind/0", "start", because=(text,) * count, cost=cost, changes=changes, file=text, line=1)
    sorts: tuple[Entry, ...] = (
        one._replace(sort="after", was=text),
        one._replace(sort="quiet", cost=None),
        one._replace(sort="refused", reason=text, changes=()),
        one._replace(sort="gone", changes=()),
    )
    entries = [entry._replace(address=f"{text}/{number}") for number in range(count) for entry in sorts]
    excepted = Exempted(text, text, text, "2999-01-01", text, text, 1)
    return Review(text, text, "prod", (text,), entries, True, (text,) * count, (excepted,) * count)


def forecast(text: str, count: int) -> Forecast:
    difference = Difference(f"/a: was {text}", ("a", text), text, f"{text}x")
    groups: tuple[Group, ...] = ("start", "then", "refused", "failed", "stale", "changed")
    rows = [
        Row(f"{text}/{n}", group, None, (text,) * 3, Earlier(text, text, 1), (difference,) * count, text, (text,))
        for n in range(count)
        for group in groups
    ]
    return Forecast((text,), ("prod",), (text,), (text,), rows, Prepared({text: 1}, {text: 2}, {text: 3}, 4))


Write = Callable[[str, int, int], str]
WRITES: list[Write] = [
    lambda text, count, most: markdown.write(review(text, count), most),
    lambda text, count, most: forecast_markdown.write(forecast(text, count), most),
]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("count", [1, 21])
@pytest.mark.parametrize("most", [1000, 4321, 60_000])
def test_no_text_of_others_makes_it_too_long_or_is_active(write: Write, count: int, most: int) -> None:
    text = write(HOSTILE, count, most)
    assert len(text) <= most
    text = re.sub(
        r'```mermaid\nflowchart LR(\n  n\d+(\["[\w #;./:-]*"\]| -->[ n\d]+))*\n```', "", text, flags=re.ASCII
    )
    first, title, *lines = text.splitlines()
    assert re.fullmatch(r"<!-- sagespec:\w+:prod -->", first)
    assert title.startswith("### sagespec")
    assert text.count("<details>") == text.count("</details>")
    for line in lines:
        left = re.sub(r"<code>[^<>@`\[\]|:*_~!\n]*</code>|</?(?:details|summary)>", "", line)
        assert not re.search(r"<|@|`|http|evil", left), line
        assert not re.search(r"www\.|[\u202e\U000e0001]", line), line


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("token", TOKENS)
def test_secrets_are_masked_before_they_are_written_as_numbers(write: Write, token: str) -> None:
    """A form that has a `_` is not recognized when that is a number."""
    text = write(token, 2, 60_000)
    assert token not in html.unescape(text)
    assert "***" in html.unescape(text)


@pytest.mark.parametrize("token", TOKENS)
def test_secrets_are_masked_in_pictures(token: str) -> None:
    drawn = drawing.mermaid({"a": token, "b": "b"}, {("a", "b"): token})
    assert token not in re.sub(r"#(\d+);", lambda match: chr(int(match[1])), drawn)


def test_what_is_left_out_is_counted() -> None:
    text = "a\nb\n" + "".join(f"\n{number}\n" for number in range(100))
    assert comment.bounded(text, len(text)) == text
    for most in (60, 100, len(text) - 1):
        shown = comment.bounded(text, most)
        assert len(shown) <= most
        kept = [line for line in shown.splitlines() if line.isdigit()]
        assert kept == [str(number) for number in range(len(kept))]
        assert f"\nLeft out for length: {100 - len(kept)} lines.\n" in shown


def test_what_has_been_told_of_what_is_left_out_stays() -> None:
    text = "\n".join([*(f"line {number}" for number in range(100)), "", "Left out for length: the graph."]) + "\n"
    shown = comment.bounded(text, 400)
    kept = [line for line in shown.splitlines() if line.startswith("line ")]
    assert len(shown) <= 400
    assert shown.endswith(f"\n\nLeft out for length: the graph, {100 - len(kept)} lines.\n")
