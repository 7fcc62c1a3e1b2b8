"""ModelTrainer in full: recorded requests and refusals of the SDK, each at the field that it is about.

All vectors are compiled together, in one project; `tests/vectors-trainer/compare.py` compares requests, uploads and
what the container starts.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sagespec.compiling import workspace
from sagespec.diagnostics import Diagnostic
from sagespec.documents import compiled
from sagespec.project import settings as project_settings

from tests.conftest import HERE, RECORDED_LOCK

FOLDER = HERE / "vectors-trainer"
VECTORS = [json.loads(line) for line in (FOLDER / "vectors.jsonl").read_text("utf-8").splitlines()]


def _compare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("trainer_compare", FOLDER / "compare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMPARE = _compare()


@dataclass(frozen=True)
class Compiled:
    """Where the compiled files of all vectors are, and what was said."""

    folder: Path
    diagnostics: Sequence[Diagnostic]

    def said(self, vector: Any, severity: str) -> list[Diagnostic]:
        address = f"{vector['kind']}/{vector['spec']['metadata']['name']}"
        return [d for d in self.diagnostics if d.address == address and d.severity == severity]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    root = tmp_path_factory.mktemp("trainer")
    shutil.copy(RECORDED_LOCK, root)
    shutil.copytree(FOLDER / "fixtures", root / "specs" / "fixtures")
    paths = []
    for vector in VECTORS:
        for spec in (vector["spec"], *vector.get("with", [])):
            path = root / "specs" / f"{spec['kind']}-{spec['metadata']['name']}.json"
            path.write_text(json.dumps(spec, ensure_ascii=False, indent=1), "utf-8")
            paths.append(path)
    project, _ = workspace.open_project(root, None)
    assert project is not None
    settings, _ = project_settings.choose(project, None, {})
    assert settings is not None
    done = workspace.compile(workspace.check(settings, paths))
    for build in done.builds.values():
        path = root / "compiled" / build.compiled.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(compiled.dump(build.compiled).encode())
    return Compiled(root / "compiled", done.diagnostics)


def about(said: Sequence[Diagnostic], field: str) -> bool:
    return any(field in f"{d.path} {d.message}" for d in said)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["id"]))
def test_a_vector_holds(vector: Any, whole: Compiled) -> None:
    expected = vector["expect"]
    assert COMPARE.check(vector, whole.folder) == []
    errors, warnings = whole.said(vector, "error"), whole.said(vector, "warning")
    unknown = [d.path.rpartition(".")[2] for d in errors if d.rule == "unknown-key"]
    assert unknown == [name for name in [expected.get("unknown")] if name], "refused for want of a field"
    if "refused" in expected:
        assert errors
        in_data = any("/fixtures/" in d.file for d in errors)
        assert in_data or any(about(errors, field) for field in expected.get("fields", [""])), errors
    else:
        assert not errors
        assert [field for field in expected.get("warns", []) if not about(warnings, field)] == []


def test_the_vectors_are_of_every_class() -> None:
    assert Counter(vector["class"] for vector in VECTORS) == {"valid": 59, "awkward": 11, "invalid": 40}
