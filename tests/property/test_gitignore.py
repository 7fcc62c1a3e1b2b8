"""Our reading of .gitignore against git itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sagespec.project.gitignore import Ignored

PARTS = [
    "*",
    "**",
    "***",
    "a",
    "data",
    "sub",
    "deep",
    "b",
    "c",
    "x.d",
    "*.py",
    "?.txt",
    "a*",
    "*a*",
    "a**",
    "**b",
    "*a*.*",
    "?*b*t",
    "*[!a]*x*",
    "[ab].*",
    "[!a].py",
    "[a-c]",
    "[a-]",
    "[]x]",
    "[\\]-a]",
    "[--a]",
    "[a\\-c]",
    "[^[:alpha:]]*",
    "[[:digit:][:upper:]]",
    "[[:punct:]]*",
    "[![:graph:]]",
    "[^[:print:][:cntrl:]]*",
    "é?",
    "??",
    "[é-ü]*",
    "[/]",
    "\\#h",
    "\\!n",
    "\\a",
    "#h",
    "!",
    "$",
    "(",
]
PATTERN = st.builds(
    lambda before, parts, after: before + "/".join(parts) + after,
    st.sampled_from(["", "", "/", "!", "!/"]),
    st.lists(st.sampled_from([*PARTS, "t ", "t\\ "]), min_size=1, max_size=4),
    st.sampled_from(["", "", "/", " "]),
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tree")
    for folder in ("", "data", "data/sub", "deep/a/b", "a/data", "x.d"):
        (place / folder).mkdir(parents=True, exist_ok=True)
        for name in ("a.py", "b.txt", "c", "#h", "!n", "t ", "é", "日本", "à b"):
            (place / folder / name).touch()
    subprocess.run(["git", "init", "--quiet", place], check=True)
    return place


def kept_by_git(tree: Path, patterns: list[str]) -> set[str]:
    (tree / ".git" / "info").mkdir(exist_ok=True)
    (tree / ".git" / "info" / "exclude").write_text("\n".join([*patterns, ""]), "utf-8")
    command = ["git", "-c", f"core.excludesFile={os.devnull}", "ls-files", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=tree, capture_output=True, check=True)
    return set(filter(None, done.stdout.decode().split("\0")))


def kept_by_us(place: Path, ignored: Ignored, below: str = "") -> Iterator[str]:
    for entry in os.scandir(place / below):
        name = below + entry.name
        if name == ".git" or ignored.has(name, entry.is_dir()):
            continue
        if entry.is_dir():
            yield from kept_by_us(place, ignored, f"{name}/")
        else:
            yield name


def agree(tree: Path, patterns: list[str]) -> None:
    assert set(kept_by_us(tree, Ignored(patterns))) == kept_by_git(tree, patterns)


@pytest.mark.parametrize(
    "patterns",
    [
        ["data/*"],
        ["data/*", "!data/sub/"],
        ["data/", "!data/sub/"],
        ["deep/**", "!deep/a/b/c"],
        ["*", "!*/", "!a.py"],
        ["b", "!a"],
        ["/*", "!/deep"],
        ["**/b", "!c"],
        ["*.py", "!/data/a.py", "# *", "", "\\#h"],
    ],
)
def test_what_people_write(tree: Path, patterns: list[str]) -> None:
    agree(tree, patterns)


@settings(max_examples=150)
@given(patterns=st.lists(PATTERN, max_size=4))
def test_what_nobody_writes(tree: Path, patterns: list[str]) -> None:
    agree(tree, [p for p in patterns if not p.removeprefix("!").startswith("//") and p.strip("!/ ")])


@pytest.mark.parametrize("pattern", ["[a-", "a\\", "!", "/", "//a", "[z-a]", "[[:none:]]"])
def test_what_matches_nothing_is_refused(tree: Path, pattern: str) -> None:
    assert kept_by_git(tree, [pattern]) == kept_by_git(tree, []), "git lets it pass"
    with pytest.raises(ValueError, match=r"is not a pattern of \.gitignore"):
        Ignored([pattern])


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 30 + "b", "a" * 900),
        ("[ab]*" * 100 + "c", "ab" * 450),
        ("?*" * 200 + "b", "a" * 900),
        ("**/" + "a*" * 50 + "/b", "/".join(["a" * 100] * 9)),
        ("**/*a*/" * 60 + "b", "a/" * 470 + "a"),
        ("**/a/" * 100 + "b", "a/" * 470 + "a"),
        ("*a" * 2000, "b" * 900),
        ("a/**/" * 1000 + "*b*b*c", "a/" * 470 + "b" * 100),
        (" " * 9000 + "x", "x"),
        ("[[:a" * 2000 + "]", "x"),
    ],
)
def test_no_pattern_takes_forever(pattern: str, path: str) -> None:
    assert not Ignored([pattern]).has(path, False)


def test_a_pattern_of_many_stars_still_fits() -> None:
    assert Ignored(["*a" * 30]).has("ba" * 30, False)
    assert Ignored(["**/*a*/" * 30 + "b"]).has("xay/" * 200 + "b", False)


def test_there_are_not_too_many_patterns() -> None:
    Ignored(["a" * 100] * 100)
    with pytest.raises(ValueError, match="more than 10,000 characters of patterns"):
        Ignored(["a" * 100] * 101)
