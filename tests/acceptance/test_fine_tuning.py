"""Fine-tuning trainers against the recorded requests of the SDK, and against mistakes at each field.

All vectors are compiled at once, in this process, each spec with its companions in one project.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sagespec.checking import schema
from sagespec.compiling import workspace
from sagespec.diagnostics import Diagnostic
from sagespec.documents import compiled
from sagespec.project import settings
from sagespec.project.settings import Project

from tests.conftest import FINE_TUNING_LOCK, HERE

RECORDED = HERE / "vectors" / "finetune"
_found = importlib.util.spec_from_file_location("compare_fine_tuning", RECORDED / "compare.py")
assert _found is not None
assert _found.loader is not None
compare = importlib.util.module_from_spec(_found)
_found.loader.exec_module(compare)
VECTORS = [json.loads(line) for line in (RECORDED / "vectors.jsonl").read_text("utf-8").splitlines()]
KNOWN = [v for v in VECTORS if {s["kind"] for s in (v["spec"], *v.get("with", ()))} <= set(schema.kinds())]


@dataclass(frozen=True)
class Outcome:
    """What became of specs: the folder of the compiled files, and the diagnostics by file."""

    folder: Path
    said: Mapping[str, list[Diagnostic]]

    def errors(self, file: str) -> list[Diagnostic]:
        return [d for d in self.said.get(file, ()) if d.is_error]


def file_of(spec: Mapping[str, Any]) -> str:
    return f"{spec['kind']}-{spec['metadata']['name']}.json"


def compiling(folder: Path, *specs: Mapping[str, Any]) -> Outcome:
    """Compile specs in a project of their own, with the lock of the account that the vectors were recorded in."""
    (folder / "specs").mkdir()
    shutil.copy(FINE_TUNING_LOCK, folder)
    for spec in specs:
        (folder / "specs" / file_of(spec)).write_text(json.dumps(spec, ensure_ascii=False), "utf-8")
    chosen, _ = settings.choose(Project(root=folder), None, {})
    assert chosen is not None
    done = workspace.compile(workspace.check(chosen, [folder / "specs"]))
    for build in done.builds.values():
        file = folder / "compiled" / build.compiled.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(compiled.dump(build.compiled), "utf-8")
    said: dict[str, list[Diagnostic]] = {}
    for diagnostic in done.diagnostics:
        said.setdefault(Path(diagnostic.file).name, []).append(diagnostic)
    return Outcome(folder / "compiled", said)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """All vectors, compiled."""
    specs = [spec for vector in KNOWN for spec in (vector["spec"], *vector.get("with", ()))]
    return compiling(tmp_path_factory.mktemp("recorded"), *specs)


@pytest.mark.parametrize("vector", KNOWN, ids=lambda v: f"{v['kind']}-{v['id']}")
def test_a_vector_holds(vector: dict[str, Any], recorded: Outcome) -> None:
    errors = recorded.errors(file_of(vector["spec"]))
    assert compare.check(vector, recorded.folder) == [], errors
    if "refused" in vector["expect"]:
        assert errors, "refused without an error at a field"
        assert all(d.path.startswith("spec") and d.line >= 1 and d.column >= 1 for d in errors), errors
