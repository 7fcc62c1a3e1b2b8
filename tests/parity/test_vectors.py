"""The recorded requests of the SageMaker Python SDK: our documents equal them, value for value."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sagespec.checking import schema
from sagespec.compiling import loading

from tests.conftest import HERE, RECORDED_LOCK, Run, vectors

KINDS = sorted({v["kind"] for v in vectors()} & set(schema.kinds()))


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_of_a_kind_hold(kind: str, project: Path, run: Run) -> None:
    shutil.copy(RECORDED_LOCK, project)
    recorded = vectors(kind)
    for vector in recorded:
        name = vector["spec"]["metadata"]["name"]
        (project / "specs" / f"{name}.json").write_text(json.dumps(vector["spec"]), "utf-8")
    shutil.copytree(HERE / "vectors" / "fixtures", project / "specs" / "fixtures")
    lines = project / "vectors.jsonl"
    lines.write_text("\n".join(json.dumps(v) for v in recorded), "utf-8")
    run("compile", "specs", "--out", "compiled", code=None)
    assert {loading.read(path).kind for path in (project / "compiled").rglob("*.json")} == {kind}
    compare = [sys.executable, str(HERE / "vectors" / "compare.py"), str(lines), str(project / "compiled")]
    result = subprocess.run(compare, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    assert f"{len(recorded)} of {len(recorded)} vectors hold" in result.stdout


def test_the_kinds_with_vectors_are_known() -> None:
    assert KINDS, "there are no vectors: this file would prove nothing"
