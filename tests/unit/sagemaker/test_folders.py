"""The files of a folder of code: which are uploaded, which never are, and which cannot be."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sagespec.project import boundary, tool_folders
from sagespec.project.gitignore import Ignored
from sagespec.project.settings import Project
from sagespec.reading.source import Source
from sagespec.sagemaker import folders, uploads
from sagespec.sagemaker.folders import Unusable
from sagespec.sagemaker.uploads import Upload

from tests.conftest import Run
from tests.unit.sagemaker.test_distributed import compile_one


def read(place: Path, *patterns: str, root: Path | None = None, **project: Any) -> list[Upload]:
    ignored = Ignored(patterns or uploads.IGNORED)
    return folders.read(boundary.real(place), Project(boundary.real(root or place), **project), ignored)


def names(place: Path, *patterns: str, root: Path | None = None, **project: Any) -> list[str]:
    return [upload.name for upload in read(place, *patterns, root=root, **project)]


def faults(place: Path, *patterns: str, root: Path | None = None, **project: Any) -> list[tuple[str, str]]:
    with pytest.raises(Unusable) as refused:
        read(place, *patterns, root=root, **project)
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
    assert names(tmp_path / "src", root=tmp_path) == ["again/a.py", "b.py", "lib/a.py", "train.py"]


def test_links_that_lead_out_are_not_followed_but_by_name(tmp_path: Path) -> None:
    plant(tmp_path, "shared/lib/a.py", "src/train.py")
    (tmp_path / "src" / "lib").symlink_to("../shared/lib")
    (tmp_path / "src" / "b.py").symlink_to("../shared/lib/a.py")
    out = "a link that leads out of the project"
    assert faults(tmp_path / "src") == [("b.py", out), ("lib", out)]
    assert names(tmp_path / "src", "lib", "b.py") == ["train.py"]
    assert faults(tmp_path / "src", allow_outside=("../shared/lib/a.py",)) == [("lib", out)]
    assert names(tmp_path / "src", allow_outside=("../shared",)) == ["b.py", "lib/a.py", "train.py"]


def test_nothing_is_left_out_in_silence(tmp_path: Path) -> None:
    plant(tmp_path, "train.py", "pkg/a.py")
    (tmp_path / "nowhere").symlink_to("no/such/file")
    (tmp_path / "pkg" / "up").symlink_to("..")
    (tmp_path / "unreadable").symlink_to("/proc/self/mem")
    os.mkfifo(tmp_path / "pipe")
    assert sorted(faults(tmp_path, allow_outside=("/proc",))) == [
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


OURS = "apiVersion: sagespec/v1\nkind: {kind}\n"


def test_what_we_write_and_what_others_keep_there_is_no_code(tmp_path: Path) -> None:
    plant(tmp_path, "train.py", "lib/a.py", "conf/a.yaml", "conf/b.json", "cache/a.py", "CACHEDIR.TAG")
    for name in ("compiled/X/a.json", "compiled/prod/X/a.json", "compiled/notes.txt", "my.lock", "agents.cfg"):
        plant(tmp_path, name)
    plant(tmp_path, "env/pyvenv.cfg", "env/lib/a.py", "conda/conda-meta/history", "conda/a.py", "built/a.bin")
    (tmp_path / "built" / "CACHEDIR.TAG").write_bytes(tool_folders.SIGNATURE + b"\n# by somebody")
    for name in tool_folders.NAMES:
        plant(tmp_path, f"{name}/a.py", f"lib/{name}/a.py")
    plant(tmp_path, ".GIT/config", ".sagespec-0123456789abcdef.part")
    (tmp_path / "specs.YAML").write_text(OURS.format(kind="ModelTrainer"), "utf-8")
    (tmp_path / "lib" / "plan.json").write_text('{"apiVersion": "sagespec/v1", "kind": "Plan"}', "utf-8")
    (tmp_path / "other.yml").write_text("a: 1\n---\n" + OURS.format(kind="Torchrun"), "utf-8")
    (tmp_path / "broken.yaml").write_text("a: 'b\n" + OURS.format(kind="Torchrun"), "utf-8")
    source = Source("agents.cfg", {}, {}, {})
    for patterns in (("nothing",), ("nothing", "!*")):
        found = names(tmp_path, *patterns, source=source, lock="my.lock")
        assert found == ["CACHEDIR.TAG", "cache/a.py", "conf/a.yaml", "conf/b.json", "lib/a.py", "train.py"]


def test_an_output_folder_that_is_moved_is_no_code_either(tmp_path: Path) -> None:
    plant(tmp_path, "train.py", "compiled/X/a.json", "build/X/b.json")
    assert names(tmp_path, output=str(tmp_path / "build")) == ["train.py"]
    source = Source("sagespec.yaml", {"output": "build"}, {}, {})
    assert names(tmp_path, output=str(tmp_path / "elsewhere"), source=source) == ["compiled/X/a.json", "train.py"]


@pytest.mark.parametrize(
    "name",
    [".env", "conf/.env.prod", ".ENV", ".envrc", "id_rsa", "a/id_ed25519", "key.p12", ".netrc", "k.pem", "notes.txt"],
)
def test_secrets_are_told_of(tmp_path: Path, name: str) -> None:
    plant(tmp_path, "train.py", "cert.pem", ".env.example", "id_rsa.pub", "keys.py", name)
    key = "-----BEGIN {}PRIVATE KEY-----\nMIIE\n"
    (tmp_path / "k.pem").write_text("some words\n" + key.format("RSA "), "utf-8")
    (tmp_path / "notes.txt").write_text(key.format(""), "utf-8")
    (tmp_path / "keys.py").write_text(f'BEGIN = """{key.format("")}"""', "utf-8")
    found = read(tmp_path, "nothing")
    assert folders.secrets(found, tmp_path) == sorted({name, "k.pem", "notes.txt"})


def test_links_that_make_many_files_of_few_come_to_an_end(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / "src" / str(number)).mkdir(parents=True)
        for name in "abcdefgh":
            (tmp_path / "src" / str(number) / name).symlink_to(f"../{number + 1}")
    (tmp_path / "src" / "30").mkdir()
    found = faults(tmp_path)
    assert ("", "more than 100,000 files and folders: leave out whole folders") in [
        ("", why) for _, why in found if why.startswith("more")
    ]


def test_a_folder_of_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MAX_FILES", 3)
    plant(tmp_path, "a", "b", "c")
    assert names(tmp_path) == ["a", "b", "c"]
    plant(tmp_path, "d")
    assert faults(tmp_path) == [
        ("", "more than 3 files: ignore files that are not code, and bring data as a channel"),
    ]
    assert names(tmp_path, "d") == ["a", "b", "c"]


def test_each_fault_is_reported_at_the_folder(project: Path, run: Run) -> None:
    plant(project / "specs" / "src", "train.py")
    (project / "specs" / "src" / os.fsdecode(b"caf\xe9.py")).touch()
    (project / "specs" / "src" / "nowhere").symlink_to("no-such-file")
    said = compile_one(project, run, 1, {})
    assert r"error[bad-name]: src/caf\xe9.py: the name is not UTF-8" in said
    assert "error[bad-file]: src/nowhere: a link that leads nowhere" in said


def test_a_prefix_changes_with_names_and_contents_only(tmp_path: Path) -> None:
    def prefix(root: Path) -> str:
        return uploads.prefix(read(tmp_path, root=root), "code")

    plant(tmp_path, "a.py")
    first = prefix(tmp_path)
    assert prefix(tmp_path.parent) == first
    (tmp_path / "a.py").write_text("2", "utf-8")
    assert prefix(tmp_path) != first


def test_patterns_are_held_against_so_many_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagespec.project.gitignore.MAX_WORK", 100)
    plant(tmp_path, *"abcde")
    assert names(tmp_path, "x" * 20) == [*"abcde"]
    assert "too many files for patterns" in faults(tmp_path, "x" * 30)[0][1]
