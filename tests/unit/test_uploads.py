"""The files that are uploaded: which ones, and what cannot be."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compiler import uploads
from compiler.gitignore import Ignored
from compiler.uploads import Unusable
from tests.conftest import Run
from tests.unit.test_distributed import compile_one


def names(place: Path, *patterns: str) -> list[str]:
    return [upload.name for upload in uploads.folder(place, place, Ignored(patterns or uploads.IGNORED))]


def faults(place: Path, *patterns: str) -> list[tuple[str, str]]:
    with pytest.raises(Unusable) as refused:
        names(place, *patterns)
    return [(fault.name, fault.why) for fault in refused.value.faults]


def plant(place: Path, *files: str) -> None:
    for name in files:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(name, "utf-8")


def test_ignored_files_are_not_uploaded(tmp_path: Path) -> None:
    plant(tmp_path, "a.py", "data/x.bin", "data/keep.txt", ".git/config", "pkg/__pycache__/a.pyc")
    assert names(tmp_path) == ["a.py", "data/keep.txt", "data/x.bin"]
    assert names(tmp_path, "data/*", "!data/keep.txt", ".git/", "*.pyc") == ["a.py", "data/keep.txt"]


def test_ignored_folders_are_not_entered(tmp_path: Path) -> None:
    plant(tmp_path, "a.py", "big/x/y")
    (tmp_path / "big" / "x" / "nowhere").symlink_to("nowhere")
    assert names(tmp_path, "big/") == ["a.py"]
    assert names(tmp_path, "big/**", "!big/x/y") == ["a.py"], "nothing comes back from within"


def test_links_are_followed(tmp_path: Path) -> None:
    plant(tmp_path, "shared/lib/a.py", "src/train.py")
    (tmp_path / "src" / "lib").symlink_to("../shared/lib")
    (tmp_path / "src" / "again").symlink_to("../shared/lib")
    (tmp_path / "src" / "b.py").symlink_to("../shared/lib/a.py")
    assert names(tmp_path / "src") == ["again/a.py", "b.py", "lib/a.py", "train.py"]


def test_nothing_is_left_out_in_silence(tmp_path: Path) -> None:
    plant(tmp_path, "train.py", "pkg/a.py")
    (tmp_path / "nowhere").symlink_to("no/such/file")
    (tmp_path / "pkg" / "up").symlink_to("..")
    (tmp_path / "unreadable").symlink_to("/proc/self/mem")
    os.mkfifo(tmp_path / "pipe")
    assert sorted(faults(tmp_path)) == [
        ("nowhere", "a link that leads nowhere"),
        ("pipe", "neither a file nor a folder"),
        ("pkg/up/", "a link to a folder that it is in"),
        ("unreadable", "input/output error"),
    ]
    assert names(tmp_path, "up", "nowhere", "pipe", "unreadable") == ["pkg/a.py", "train.py"]


@contextmanager
def nobody() -> Iterator[None]:
    """Be somebody who may not read everything: root may."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_folders_that_cannot_be_read() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        plant(root, "train.py", "secret/a.py")
        (root / "secret").chmod(0)
        with nobody():
            assert faults(root) == [("secret/", "permission denied")]
        (root / "secret").chmod(0o700)


def test_names_that_s3_cannot_have(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 200)
    for _ in range(4):
        folder = folder / ("d" * 200)
    plant(folder, "train.py")
    (tmp_path / os.fsdecode(b"caf\xe9.py")).touch()
    (shown, why), (long, too_long) = faults(tmp_path)
    assert (shown, why) == (r"caf\xe9.py", "the name is not UTF-8, as S3 needs it to be")
    assert too_long == f"the name has {len(long)} bytes, at most 960 are possible in S3"


def test_files_that_s3_cannot_take_in_one_request(tmp_path: Path) -> None:
    with (tmp_path / "weights").open("wb") as sparse:
        sparse.truncate(uploads.FILE_BYTES + 1)
    name, why = faults(tmp_path)[0]
    assert name == "weights"
    assert "5,368,709,121 bytes" in why


def test_each_fault_is_reported_at_the_folder(project: Path, run: Run) -> None:
    plant(project / "specs" / "src", "train.py")
    (project / "specs" / "src" / os.fsdecode(b"caf\xe9.py")).touch()
    (project / "specs" / "src" / "nowhere").symlink_to("no-such-file")
    said = compile_one(project, run, 1, {})
    assert r"error[bad-name]: src/caf\xe9.py: the name is not UTF-8" in said
    assert "error[bad-file]: src/nowhere: a link that leads nowhere" in said


def test_a_prefix_changes_with_names_and_contents_only(tmp_path: Path) -> None:
    def prefix(root: Path) -> str:
        return uploads.prefix(uploads.folder(tmp_path, root, Ignored(())), "code")

    plant(tmp_path, "a.py")
    first = prefix(tmp_path)
    assert prefix(tmp_path.parent) == first
    (tmp_path / "a.py").write_text("2", "utf-8")
    assert prefix(tmp_path) != first
