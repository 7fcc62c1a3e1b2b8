"""Reading and writing of files: with an end, and never through a link."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from sagespec import disk


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def terminal(path: Path) -> None:
    path.symlink_to("/dev/tty")


def listening(path: Path) -> None:
    socket.socket(socket.AF_UNIX).bind(os.path.relpath(path))


@pytest.mark.parametrize("make", [pipe, device, terminal, listening])
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_is_no_file_is_neither_read_nor_replaced(
    tmp_path: Path, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "a")
    with pytest.raises(OSError, match="not a file") as refused:
        disk.read(tmp_path / "a", 10)
    assert refused.value.filename == str(tmp_path / "a")
    before = os.lstat(tmp_path / "a")
    with pytest.raises(OSError, match=r"not a file|a is a link"):
        disk.replace(tmp_path / "a", b"x", tmp_path)
    assert os.lstat(tmp_path / "a").st_ino == before.st_ino
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_no_more_is_read_than_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x" * 3_000_000)
    assert len(disk.read(file, 3_000_000)) == 3_000_000
    with pytest.raises(OSError, match="longer than 2,999,999 bytes"):
        disk.read(file, 2_999_999)
    os.truncate(file, 2**40)  # sparse: it takes no room, and would take an hour to read
    with pytest.raises(OSError, match="longer than 4,194,304 bytes"):
        disk.read(file, disk.TEXT_BYTES)


def test_what_is_not_there_or_cannot_be_a_name_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        disk.read(tmp_path / "a", 1)
    with pytest.raises(IsADirectoryError):
        disk.read(tmp_path, 1)
    with pytest.raises(OSError, match="null"):
        disk.read(tmp_path / "a\0b", 1)
    with pytest.raises(OSError, match="too long"):
        disk.read(tmp_path / ("a" * 300), 1)


def test_a_file_is_replaced_as_a_whole_and_folders_are_made(tmp_path: Path) -> None:
    for content in (b"1", b"2"):
        disk.replace(tmp_path / "new" / "Kind" / "a", content, tmp_path / "new")
        assert (tmp_path / "new" / "Kind" / "a").read_bytes() == content
    assert [p.name for p in (tmp_path / "new" / "Kind").iterdir()] == ["a"]


def test_a_name_of_the_greatest_length_is_written(tmp_path: Path) -> None:
    disk.replace(tmp_path / ("a" * 255), b"1", tmp_path)


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError):
        disk.replace(tmp_path / "a", b"1", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("link", ["top/a", "top/a/b", "top/a/b/c"])
def test_nothing_is_written_or_removed_through_a_link(tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    for folder in (outside, outside / "b"):
        folder.mkdir()
        (folder / "c").write_text("mine", "utf-8")
    place = tmp_path / link
    place.parent.mkdir(parents=True)
    place.symlink_to({"a": outside, "b": outside / "b", "c": outside / "c"}[place.name])
    target = tmp_path / "top" / "a" / "b" / "c"
    with pytest.raises(OSError, match=f"{place.name} is a link") as refused:
        disk.replace(target, b"theirs", tmp_path / "top")
    assert refused.value.filename == str(target)
    with pytest.raises(OSError, match=r"is a link|File exists"):
        disk.create(target, b"theirs", tmp_path / "top")
    if place != target:
        with pytest.raises(OSError, match="is a link"):
            disk.remove(target, tmp_path / "top")
    assert (outside / "c").read_text("utf-8") == (outside / "b" / "c").read_text("utf-8") == "mine"
    assert sorted(p.name for p in outside.rglob("*")) == ["b", "c", "c"]


def test_a_link_at_the_name_of_a_temporary_file_is_not_written_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outside").write_text("mine", "utf-8")
    monkeypatch.setattr("os.urandom", lambda count: b"\0" * count)
    (tmp_path / f".sagespec-{'0' * 16}.part").symlink_to("outside")
    with pytest.raises(FileExistsError):
        disk.replace(tmp_path / "a", b"theirs", tmp_path)
    assert (tmp_path / "outside").read_text("utf-8") == "mine"
    assert not (tmp_path / "a").exists()


def test_a_folder_that_becomes_a_link_meanwhile_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "top" / "Kind"
    outside.mkdir()
    folder.mkdir(parents=True)
    opened = os.open

    def swapped(path: str, flags: int, *others: int, dir_fd: int | None = None) -> int:
        if str(path).endswith(".part"):  # the folder is open by now
            folder.rename(tmp_path / "moved")
            folder.symlink_to(outside)
        return opened(path, flags, *others, dir_fd=dir_fd)

    monkeypatch.setattr("os.open", swapped)
    disk.replace(folder / "a", b"1", tmp_path / "top")
    assert (tmp_path / "moved" / "a").read_bytes() == b"1"
    assert not list(outside.iterdir())


def test_a_new_file_is_never_written_over_another(tmp_path: Path) -> None:
    disk.create(tmp_path / "b" / "a", b"1", tmp_path)
    with pytest.raises(FileExistsError):
        disk.create(tmp_path / "b" / "a", b"2", tmp_path)
    assert (tmp_path / "b" / "a").read_bytes() == b"1"


def test_what_is_gone_is_removed(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    for name in ("a", "a", "b/c"):
        disk.remove(tmp_path / name, tmp_path)
    assert not list(tmp_path.iterdir())
