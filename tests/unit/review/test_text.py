"""Reviews as text, of chains that no stack is deep enough for."""

from __future__ import annotations

from sagespec.review import text
from sagespec.review.entry import Entry, Review


def test_a_long_chain_is_shown_in_its_order() -> None:
    first = Entry("MultiTurnRLTrainer/t0", "start", (), "0", "1")
    chain = [
        Entry(f"MultiTurnRLTrainer/t{n}", "after", (f"MultiTurnRLTrainer/t{n - 1}",), "0", "1")
        for n in range(1, 3000)
    ]
    review = Review("main", "0" * 40, None, (), sorted([first, *chain]))
    shown = ["".join(line) for line in text.lines(review)]
    names = [line.split()[1] for line in shown if "MultiTurnRLTrainer" in line]
    assert names == [f"MultiTurnRLTrainer/t{n}" for n in range(3000)]
