"""Where files may lie: links are followed, git's own folder is never inside."""

from __future__ import annotations

from pathlib import Path

import pytest
from sagespec.project import boundary


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a git work tree, the working directory, with something outside beside it."""
    for folder in ("tree/.git/hooks", "tree/project/specs", "outside/code"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "outside" / "code" / "a.py").touch()
    (tmp_path / "tree" / "project" / "out").symlink_to("../../outside")
    (tmp_path / "tree" / "project" / "in").symlink_to("specs")
    (tmp_path / "tree" / "project" / "round").symlink_to("round")
    monkeypatch.chdir(tmp_path / "tree" / "project")
    return tmp_path / "tree" / "project"


@pytest.mark.parametrize(
    ("path", "held"),
    [
        (".", True),
        ("..", True),
        ("specs/new/a.yaml", True),
        ("in/a.yaml", True),
        ("out/../specs", False),  # the link is followed first
        ("../other", True),
        ("../..", False),
        ("out", False),
        ("out/code/a.py", False),
        ("../.git", False),
        ("../.git/hooks/a", False),
        ("../.GIT/config", False),
        ("../.github", True),
        ("round", True),
        ("a\0b", True),
        ("/etc/passwd", False),
    ],
)
def test_what_lies_inside(here: Path, path: str, held: bool) -> None:
    assert boundary.around(here).holds(here / path) is held
    assert boundary.around(here).admits(here / path) is held


def test_without_a_work_tree_the_project_is_all(here: Path) -> None:
    (here / ".." / ".git" / "hooks").rmdir()
    (here / ".." / ".git").rmdir()
    assert not boundary.around(here).holds(here / ".." / "other")
    (here / ".." / ".git").write_text("gitdir: elsewhere", "utf-8")
    assert boundary.around(here).holds(here / ".." / "other")


def test_what_is_allowed_by_name_is_read_and_never_written(here: Path) -> None:
    allowed = boundary.around(here, ["../../outside/code"])
    assert allowed.admits(here / "out" / "code" / "a.py")
    assert not allowed.holds(here / "out" / "code" / "a.py")
    assert not allowed.admits(here / "out" / "other")
    assert not allowed.admits(here / "../../outside/codex")


def test_a_link_inside_allows_nothing(here: Path) -> None:
    assert not boundary.around(here, ["out"]).admits(here / "out" / "code")


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("specs", False),
        ("in/a.yaml", False),
        ("../../outside/code", False),  # the user's own words
        ("/etc/passwd", False),
        ("out", True),
        ("out/code/a.py", True),
        ("out/../tree/project/specs", True),
        ("../.git/config", True),
    ],
)
def test_a_user_may_name_what_is_outside_and_a_link_may_not(here: Path, path: str, left: bool) -> None:
    assert boundary.around(here).is_left_by_link(Path(path)) is left
    assert boundary.around(here).is_left_by_link(here / path) is left


def test_a_project_that_is_reached_by_a_link_is_the_same(here: Path, tmp_path: Path) -> None:
    (tmp_path / "again").symlink_to(here)
    found = boundary.around(tmp_path / "again")
    assert found == boundary.around(here)
    assert found.holds(tmp_path / "again" / "specs")
    assert found.is_left_by_link(tmp_path / "again" / "out" / "code")
