"""Git as a store of data, in repositories that are no good."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sagespec.executor import git as store
from sagespec.executor.git import GitError, Repository

from tests.acceptance.test_commits import git


def test_a_pipe_in_place_of_an_object_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    (tmp_path / "a").write_text("a", "utf-8")
    blob = git("hash-object", "-w", "a")
    kept = tmp_path / ".git" / "objects" / blob[:2] / blob[2:]
    kept.unlink()
    os.mkfifo(kept)
    monkeypatch.setattr(store, "_SECONDS", 0.01)
    with pytest.raises(GitError, match="did not answer"), Repository(tmp_path).blobs() as blobs:
        blobs.read(blob, 10)
