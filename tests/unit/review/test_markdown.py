"""Comments: what is left out first, and text of others that can do nothing."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from sagespec.review import markdown
from sagespec.review.entry import Change, Cost, Entry, Instances, Review

COST = Cost("CreateTrainingJob", (Instances(2, "ml.p4d.24xlarge"),), 3600, 2.0)
TAGS = re.compile(r"</?(?:code|details|summary)>|<!-- sagespec:diff -->")


def change(number: int, text: str = "x") -> Change:
    return Change(f"hyperparameters.p{number}", text, f"{text}{number}", "specs/a.yaml", number, True, "spec")


def review(entries: list[Entry]) -> Review:
    return Review("main", "0" * 40, None, ("123456789012",), entries)


def family(followers: int, values: int) -> Review:
    changes = tuple(change(number) for number in range(values))
    trainer = Entry("MultiTurnRLTrainer/t", "start", (), "0", "1", COST, changes=changes)
    others = [
        Entry(f"BenchMarkEvaluator/e{n:03}", "after", (trainer.address,), "0", "1", COST, changes=changes)
        for n in range(followers)
    ]
    return review([*others, trainer])


def test_what_there_is_no_room_for_goes_in_order_and_is_counted() -> None:
    whole = family(followers=30, values=25)
    text = markdown.write(whole, 10**9)
    assert "Left out" not in text
    assert text.count("hyperparameters.p24") == 31
    most, said = len(text) - 1, []
    while most > 1000:
        text = markdown.write(whole, most)
        assert len(text) <= most
        assert text.splitlines()[1].startswith("### sagespec: 31 start (30 of them after another)")
        said.append(text.rpartition("Left out for length: ")[2].strip())
        most = len(text) - 1
    assert said[0] == "155 changes of specs that have more than 20."
    parts = [
        re.sub(r"\d+", "N", one.replace("of 1 spec,", "of 1 specs,").replace("of 1 spec.", "of 1 specs."))
        for one in said
    ]
    assert list(dict.fromkeys(parts)) == [
        "N changes of specs that have more than N.",
        "N changes of specs that have more than N, the changes of N specs.",
        "the changes of N specs.",
        "the changes of N specs, the graph.",
        "the changes of N specs, the graph, N of those that start.",
    ]


def drawn(reviewed: Review) -> str:
    """The diagram of a comment."""
    return markdown.write(reviewed, 60_000).partition("```mermaid\n")[2].partition("\n```")[0]


def test_a_graph_of_many_specs_is_one_of_kinds() -> None:
    assert drawn(family(39, 0)).count("-->") == 39
    assert drawn(family(40, 0)).splitlines() == [
        "flowchart LR",
        '  n0["BenchMarkEvaluator: 40"]',
        '  n1["MultiTurnRLTrainer: 1"]',
        "  n1 -->|40| n0",
    ]


@given(st.text(max_size=60), st.text(max_size=20))
def test_text_of_others_is_data(text: str, name: str) -> None:
    spec = Entry("ModelTrainer/a", "start", (), "0", "1", COST, changes=(change(1, text),), was=name)
    refused = Entry("ModelTrainer/b", "refused", reason=text, file=name, line=1)
    written = markdown.write(Review(name, "0" * 40, None, (), [spec, refused], remarks=[text]), 60_000)
    plain = markdown.write(Review("n", "0" * 40, None, (), [spec, refused], remarks=["t"]), 60_000)
    assert written.count("\n") == plain.count("\n")
    rest = TAGS.sub("", written)
    assert not set("@<>`[]*_~\\") & set(rest)
    assert all(row.count("|") in (5,) for row in rest.splitlines() if row.startswith("|") and "ModelTrainer" in row)
