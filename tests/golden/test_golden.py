"""Golden cases: a folder is a project, `expected/` is what compiling it writes, `diagnostics.txt` what it says.

A new case is a new folder; `pytest --update` writes what it expects, and the diff is reviewed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sagespec.compiling import loading

from tests.conftest import LOCK, Run

HERE = Path(__file__).parent
EXPECTED = ("expected", "diagnostics.txt")


def cases(folder: str) -> list[str]:
    return sorted(p.name for p in (HERE / folder).iterdir() if p.is_dir())


def _project(case: Path, folder: Path) -> None:
    shutil.copytree(case, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*EXPECTED))
    if not (folder / LOCK.name).exists() and not (folder / "no-lock").exists():
        shutil.copy(LOCK, folder)


def _arguments(case: Path) -> list[str]:
    file = case / "arguments"
    return file.read_text("utf-8").split() if file.exists() else []


@pytest.mark.parametrize("name", cases("ok"))
def test_compiles(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run, update: bool) -> None:
    case = HERE / "ok" / name
    _project(case, tmp_path)
    monkeypatch.chdir(tmp_path)
    result = run("compile", *_arguments(case), "--out", "written")
    if update:
        shutil.rmtree(case / "expected", ignore_errors=True)
        shutil.copytree(tmp_path / "written", case / "expected")
        _keep(case / "diagnostics.txt", _diagnostics(result.stderr))
    wanted = {p.relative_to(case / "expected"): p.read_text("utf-8") for p in (case / "expected").rglob("*.json")}
    written = {
        p.relative_to(tmp_path / "written"): p.read_text("utf-8") for p in (tmp_path / "written").rglob("*.json")
    }
    assert written == wanted
    assert [loading.read(path).source for path in (tmp_path / "written").rglob("*.json")], "nothing is loaded again"
    said = case / "diagnostics.txt"
    assert _diagnostics(result.stderr) == (said.read_text("utf-8") if said.exists() else "")


@pytest.mark.parametrize("name", cases("err"))
def test_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run, update: bool) -> None:
    case = HERE / "err" / name
    _project(case, tmp_path)
    monkeypatch.chdir(tmp_path)
    result = run("compile", *_arguments(case), "--out", "written", code=1)
    if update:
        _keep(case / "diagnostics.txt", _diagnostics(result.stderr))
    assert _diagnostics(result.stderr) == (case / "diagnostics.txt").read_text("utf-8")
    assert list((tmp_path / "written").rglob("broken.json")) == []


def _diagnostics(stderr: str) -> str:
    """What was said without the closing line of counts."""
    lines = stderr.splitlines(keepends=True)
    return "".join(lines[:-1] if lines and not lines[-1].startswith(" ") and "[" not in lines[-1] else lines)


def _keep(file: Path, text: str) -> None:
    if text:
        file.write_text(text, "utf-8")
    else:
        file.unlink(missing_ok=True)
