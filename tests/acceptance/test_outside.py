"""Paths and links of a pull request: nothing of them leads out of the project, to be read, written or printed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import LOCK, ROOT, Run

PROJECT = "apiVersion: sagespec/v1\nkind: Project\n"
SECRET = "hunter2"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one spec, in a folder that has other things, each with the same secret."""
    here = tmp_path / "project"
    (here / "specs").mkdir(parents=True)
    shutil.copy(LOCK, here)
    shutil.copy(ROOT / "specs" / "multi-turn-rl-trainer.yaml", here / "specs" / "a.yaml")
    (tmp_path / "outside" / "folder").mkdir(parents=True)
    for name in ("a.yaml", "a.json", "folder/a.yaml", "folder/a.json"):
        (tmp_path / "outside" / name).write_text(f"token: '{SECRET}\n", "utf-8")
    monkeypatch.chdir(here)
    return here


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("output: ../outside", 9),
        ("output: link", 9),
        ("output: link/new", 9),
        ("output: .git/hooks", 9),
        ("lock: ../outside/a.json", 7),
        ("lock: link/a.json", 7),
        ("specs: [specs, ../outside]", 16),
        ("specs: [specs, link/a.yaml]", 16),
        ("specs: [/proc/self/environ]", 9),
        ("specs: [.git/config]", 9),
    ],
)
def test_paths_of_the_project_file(project: Path, run: Run, line: str, column: int) -> None:
    Path("sagespec.yaml").write_text(f"{PROJECT}{line}\n", "utf-8")
    Path("link").symlink_to("../outside")
    Path(".git").mkdir()
    Path(".git/config").write_text(f"token: '{SECRET}\n", "utf-8")
    before = everything(project.parent)
    for command in ("validate", "compile", "lock", "plan", "status"):
        done = run(command, code=1)
        assert f"sagespec.yaml:3:{column}: error[outside-project]: " in done.stderr, command
        assert SECRET not in done.stdout + done.stderr
    assert everything(project.parent) == before


@pytest.mark.parametrize("name", ["compiled", "sagespec.lock.json", "specs", "sagespec.yaml"])
def test_links_at_the_places_that_nobody_names(project: Path, run: Run, name: str) -> None:
    if Path(name).exists():
        shutil.move(name, "moved")
    Path(name).symlink_to(project.parent / "outside" / ("a.yaml" if "." in name else "folder"))
    before = everything(project.parent)
    done = run("compile", code=1)
    assert f"{name}:1:1: error[outside-project]: {name} leads out of the project" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert everything(project.parent) == before


@pytest.mark.parametrize("link", ["specs/b.yaml", "specs/b", "specs/more/b.json"])
def test_links_among_the_specs(project: Path, run: Run, link: str) -> None:
    Path("specs/more").mkdir()
    leads_to = {".yaml": "a.yaml", ".json": "a.json", "": "folder"}[Path(link).suffix]
    Path(link).symlink_to(project.parent / "outside" / leads_to)
    for asked in ((), ("specs",), (link,)):
        done = run("compile", *asked, code=1)
        assert f"{link}:1:1: error[outside-project]" in done.stderr
        assert SECRET not in done.stdout + done.stderr


def test_the_work_tree_around_the_project_is_inside(project: Path, run: Run) -> None:
    (project.parent / ".git").mkdir()
    shutil.copy(project / "specs" / "a.yaml", project.parent / "outside" / "a.yaml")
    Path("sagespec.yaml").write_text(f"{PROJECT}specs: [../outside/a.yaml]\noutput: ../compiled\n", "utf-8")
    run("compile")
    assert (project.parent / "compiled" / "MultiTurnRLTrainer" / "support-agent.json").is_file()


@pytest.mark.parametrize("link", ["compiled/MultiTurnRLTrainer", "compiled/MultiTurnRLTrainer/support-agent.json"])
def test_links_in_the_output_folder(project: Path, run: Run, link: str) -> None:
    Path(link).parent.mkdir(parents=True)
    Path(link).symlink_to(project.parent / "outside" / ("a.json" if link.endswith("json") else "folder"))
    before = everything(project.parent)
    for command in (("compile",), ("compile", "--check")):
        done = run(*command, code=1)
        assert f"{link}: a link, where compiled files are written: delete it" in done.stderr
        assert SECRET not in done.stdout + done.stderr
    assert everything(project.parent) == before


def test_a_link_for_an_environment(project: Path, run: Run) -> None:
    Path("sagespec.yaml").write_text(f"{PROJECT}environments: {{prod: {{}}}}\n", "utf-8")
    Path("compiled").mkdir()
    Path("compiled/prod").symlink_to(project.parent / "outside" / "folder")
    before = everything(project.parent)
    assert "compiled/prod: a link" in run("compile", "-e", "prod", code=1).stderr
    assert everything(project.parent) == before


def test_links_that_are_no_longer_compiled_are_told_of_and_stay(project: Path, run: Run) -> None:
    run("compile")
    Path("compiled/ModelTrainer").symlink_to(project.parent / "outside" / "folder")
    Path("compiled/MultiTurnRLTrainer/b.json").symlink_to(project.parent / "outside" / "a.json")
    before = everything(project.parent)
    done = run("compile", "--check", code=1)
    for name in ("compiled/ModelTrainer", "compiled/MultiTurnRLTrainer/b.json"):
        assert f"{name} is not of this project" in done.stderr
    run("compile")
    assert everything(project.parent) == before
    assert SECRET not in done.stdout + done.stderr


def test_links_that_stay_inside_are_followed(project: Path, run: Run) -> None:
    for name in ("specs", "sagespec.lock.json"):
        shutil.move(name, f"real-{name}")
        Path(name).symlink_to(f"real-{name}")
    Path("build").mkdir()
    Path("compiled").symlink_to("build")
    assert run("compile").stdout == "created build/MultiTurnRLTrainer/support-agent.json\n"
