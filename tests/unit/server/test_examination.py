"""What a project holds, as its editor shows it."""

from __future__ import annotations

from pathlib import Path

from sagespec.memory import Memory
from sagespec.server.buffers import Buffers
from sagespec.server.examination import examine

SPEC = """apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: greeter}
spec:
  training_image: 123456789012.dkr.ecr.us-west-2.amazonaws.com/image:1
  hyperparameters: settings.yaml
"""


def test_files_that_specs_and_the_project_file_name_are_no_specs(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "greeter.yaml").write_text(SPEC, "utf-8")
    (tmp_path / "specs" / "broken.yaml").write_text("kind: [", "utf-8")
    (tmp_path / "specs" / "settings.yaml").write_text('rate: "${rate}"\n', "utf-8")
    (tmp_path / "policy.json").write_text('{"type": "object"}', "utf-8")
    (tmp_path / "sagespec.yaml").write_text(
        "apiVersion: sagespec/v1\nkind: Project\npolicies: [policy.json]\n", "utf-8"
    )
    found = examine(tmp_path, Buffers(), None, Memory())
    assert found.files == {"sagespec.yaml", "specs/greeter.yaml", "specs/broken.yaml"}
    assert {"specs/settings.yaml", "policy.json"} <= set(found.texts)
