"""Lines as they may be shown: also of files that no reader can make sense of, and of lines without end."""

from __future__ import annotations

import pytest
from sagespec.reading import excerpts


@pytest.mark.parametrize(
    "filler", ["x", "é", " ", "\t", "-", ":", "env", "a.b-", "[", "{", '"', "'", "\\", "a:", "e: ", "*"]
)
def test_a_line_of_any_length_is_looked_through_once(filler: str) -> None:
    for text in (filler * 100_000, f"{filler * 100_000}token: {filler * 1000}", f"environment: {filler * 100_000}"):
        shown = excerpts.lines("a.yaml", f"a: [\n{text}\n")
        assert [len(line) for line in shown[:2]] == [4, len(text)]


def test_what_is_below_a_misspelt_environment_is_covered_as_far_as_it_is_deeper() -> None:
    text = 'a: ]\n- "enviroment":\n    K: abc\nb: abc\nenvironments: abc\n'
    assert excerpts.lines("a.yaml", text)[:5] == [
        "a: ]",
        '- "enviroment":',
        "    K: ***",
        "b: abc",
        "environments: abc",
    ]
