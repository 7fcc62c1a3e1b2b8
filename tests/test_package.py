"""The wheel: built, installed elsewhere, and used from there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import LOCK, ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


def test_a_wheel_has_its_schemas_templates_and_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in (
        ("ci", "sagespec/ci"),
        ("schemas", "sagespec/schemas"),
        ("templates", "sagespec/templates"),
    ):
        for file in (ROOT / folder).rglob("*.*"):
            assert f"{inside}/{file.relative_to(ROOT / folder).as_posix()}" in names
    assert "sagespec/data/benchmarks.json" in names
    assert "sagespec/py.typed" in names
    assert not [name for name in names if name.startswith("tests")]


def test_it_works_where_it_is_installed(wheel: Path, tmp_path: Path) -> None:
    installed, project = tmp_path / "installed", tmp_path / "project"
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(installed),
    ]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    shutil.copytree(ROOT / "specs", project / "specs")
    shutil.copy(LOCK, project)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "sagespec", "compile"]
    result = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    made = json.loads((project / "compiled" / "MultiTurnRLTrainer" / "support-agent.json").read_text("utf-8"))
    assert made["kind"] == "Compiled"
    explain = [sys.executable, "-m", "sagespec", "explain", "ModelTrainer.compute.instance_count"]
    said = subprocess.run(explain, cwd=project, env=environment, capture_output=True, text=True, check=False).stdout
    assert "goes to   CreateTrainingJob.ResourceConfig.InstanceCount" in said
    assert "example   4" in said
