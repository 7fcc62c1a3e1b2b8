"""What compile finds in an archive of code is what the drivers would do with it."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest
from sagespec.drivers import archive
from sagespec.sagemaker import archives

from tests.acceptance.test_driver_archives import HOSTILE, entry, pack

ONLY_THERE = {
    "a hard link below a link",
    "a hard link to nothing",
    "a file for a folder",
    "a folder for a file",
    "a name too long",
    "a path too long",
    "a time beyond all times",
}
"""What shows only when it is written."""


@pytest.mark.parametrize("case", sorted(HOSTILE))
def test_what_the_drivers_refuse_is_told_before(tmp_path: Path, case: str) -> None:
    packed = pack(tmp_path, entry("train.py"), *HOSTILE[case])
    if case in ONLY_THERE:
        assert archives.missing(packed, ["train.py"]) == set()
    else:
        with pytest.raises(archives.Unreadable, match="the container would not unpack it: "):
            archives.missing(packed, ["train.py"])
    with pytest.raises(archive.Refused):
        archive.unpack(packed)


LINKS = {
    "a": "b",
    "d/up": "../train.py",
    "d/e/far": "../../train.py",
    "here": ".",
    "nowhere": "x/y",
    "d/self": "./self",
}


def test_links_that_stay_inside_are_taken_by_both(tmp_path: Path) -> None:
    given = [entry(name, b"2", target) for name, target in LINKS.items()]
    packed = pack(tmp_path, entry("./train.py"), *given, entry("hard", b"1", "./train.py"))
    assert archives.missing(packed, ["train.py", "more.txt"]) == {"more.txt"}
    archive.unpack(packed)


def test_a_small_archive_of_very_many_entries_is_not_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_ENTRIES", 10)
    packed = pack(tmp_path, *(entry(f"f{number}") for number in range(11)))
    with pytest.raises(archives.Unreadable, match="more than 10 entries"):
        archives.missing(packed, ["f0"])


@pytest.mark.parametrize("name", ["a/train.py", "./a/train.py", "a//train.py"])
def test_files_are_found_however_they_are_written(tmp_path: Path, name: str) -> None:
    packed = pack(tmp_path, entry(name), entry("b.txt"))
    assert archives.missing(packed, ["a/train.py", "./a/train.py"]) == set()
    assert archives.missing(packed, ["a/train.py", "c.txt", "a"]) == {"c.txt", "a"}


def header(size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A header that claims a size, and nothing of what it announces."""
    member = tarfile.TarInfo("a")
    member.size, member.type = size, kind
    return member.tobuf(tarfile.GNU_FORMAT) + bytes(2048)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no archive", "not a gzipped file"),
        (b"", "empty file"),
        (gzip.compress(b"no archive"), "truncated header"),
        (gzip.compress(header(10))[:40], "ended before"),
        (gzip.compress(header(6 * 1024**3)), "bytes to look through"),
        (gzip.compress(header(5 * 1024**3, tarfile.XHDTYPE)), "a header that is too long"),
        (gzip.compress(header(5 * 1024**3, tarfile.GNUTYPE_LONGNAME)), "a header that is too long"),
        (gzip.compress(bytes(10240)), "an archive without files"),
    ],
    ids=["text", "empty", "packed-text", "half", "huge-file", "huge-header", "huge-name", "no-files"],
)
def test_what_is_no_archive_or_claims_to_be_huge_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "code.tar.gz"
    path.write_bytes(content)
    with pytest.raises(archives.Unreadable, match=reason):
        archives.missing(path, ["train.py"])
