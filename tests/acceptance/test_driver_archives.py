"""Code that comes as an archive, and arguments of commands, as the drivers find them in a container."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sagespec.drivers import archive

from tests.acceptance.test_drivers import container, environment, failure, outcome

NAME = "code.tar.gz"
SCRIPT = "import helper, pathlib\nprint('trained with', helper.NAME, 'in', pathlib.Path.cwd().name)\n"

Entry = tuple[tarfile.TarInfo, bytes]


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", content: bytes = b"", mtime: int = 0) -> Entry:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mtime = kind, target, len(content), mtime
    return info, content


def pack(place: Path, *entries: Entry) -> Path:
    """Write an archive as it is told, whatever a sane program would make of it."""
    file = place / NAME
    with tarfile.open(file, "w:gz", format=tarfile.PAX_FORMAT) as packed:
        for info, content in entries:
            packed.addfile(info, io.BytesIO(content))
    return file


def archived(tree: Path, script: str, *more: Entry, **source: Any) -> Path:
    """Lay out a container whose code is an archive; give the folder of the code."""
    container(tree, "", **{"source_dir": NAME, **source})
    code = tree / "input/data/code"
    (code / "train.py").unlink()
    pack(code, entry("train.py", content=script.encode()), *more)
    return code


def ran(tree: Path, **more: str) -> str:
    """Run a container to its good end; give what it has said."""
    command = ["/bin/bash", str(tree / "input/data/sm_drivers/sm_train.sh")]
    done = subprocess.run(command, env=environment(tree, **more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode()
    return done.stdout.decode()


HELPER = entry("./helper.py", content=b"NAME = 'a helper'\n")


def test_code_is_unpacked_before_its_requirements_are_installed(tmp_path: Path) -> None:
    needs = entry("more/needs.txt", content=b"# nothing\n")
    archived(tmp_path, SCRIPT, HELPER, needs, requirements="more/needs.txt")
    assert ran(tmp_path, SM_PIP_TARGET=str(tmp_path / "site")).endswith("trained with a helper in code\n")


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("Torchrun", marks=pytest.mark.torch),
        pytest.param("MPI", marks=pytest.mark.mpi),
    ],
)
def test_code_is_unpacked_for_whatever_starts_it(tmp_path: Path, kind: str) -> None:
    code = archived(tmp_path, SCRIPT, HELPER)
    distributed = {"type": kind, "process_count_per_node": 1}
    (code.parent / "sm_drivers" / "distributed.json").write_text(json.dumps(distributed), "utf-8")
    assert "trained with a helper in code\n" in ran(tmp_path)


def test_code_is_unpacked_for_commands_and_drivers_of_ones_own(tmp_path: Path) -> None:
    code = archived(tmp_path, SCRIPT, HELPER, entry_script="", command="python3 train.py")
    assert "trained with a helper in code\n" in ran(tmp_path)
    drivers = code.parent / "sm_drivers"
    (drivers / "distributed_drivers").mkdir()
    (drivers / "distributed_drivers" / "own.py").write_text("import runpy; runpy.run_path('train.py')\n", "utf-8")
    (drivers / "sourcecode.json").write_text(json.dumps({"source_dir": NAME, "entry_script": "train.py"}), "utf-8")
    own = {"type": "Custom", "driver_script": "own.py"}
    (drivers / "distributed.json").write_text(json.dumps(own), "utf-8")
    assert "trained with a helper in code\n" in ran(tmp_path, PYTHONPATH=str(code))


ARGUMENTS = [
    "plain",
    "a b",
    'it\'s "so"',
    "$HOME `id` \\",
    "one\ntwo",
    "naïve 日本 🎈",
    "",
    "--flag",
    "*",
    "#",
    1,
    -0.5,
    1e-05,
    1e300,
    123456789012345678901234567890,
]
SHOW = "import json, sys\nprint(json.dumps(sys.argv[1:]))\n"


@pytest.mark.parametrize("end", ["", "\n", "  \n\n", " first", " \\\n"])
def test_arguments_reach_a_command_as_they_are(tmp_path: Path, end: str) -> None:
    container(tmp_path, SHOW, entry_script="", command=f"python3 train.py{end}", args=ARGUMENTS)  # type: ignore[arg-type]
    first = ["first"] if end == " first" else []
    assert json.loads(ran(tmp_path)) == [*first, *map(str, ARGUMENTS)]


def test_a_command_without_arguments_stays_as_it_is(tmp_path: Path) -> None:
    container(tmp_path, "", entry_script="", command="cat <<END\n  a  b\nEND\n")
    assert ran(tmp_path) == "  a  b\n"


def members(place: Path) -> dict[str, Any]:
    """What is in a folder besides the archive: links by their target, files by their content."""
    found: dict[str, Any] = {}
    for path in sorted(place.rglob("*")):
        name = str(path.relative_to(place))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_bytes()
    found.pop(NAME, None)
    return found


def test_what_tar_would_unpack_is_unpacked(tmp_path: Path) -> None:
    """What `tar` itself has packed, compared with what `tar -xzf` makes of it."""
    source, theirs, ours = (tmp_path / name for name in ("source", "theirs", "ours"))
    for folder in (source / "sub" / "deep" / ("n" * 90), source / "empty", theirs, ours):
        folder.mkdir(parents=True)
    (source / "run.sh").write_text("#!/bin/sh\necho ran\n", "utf-8")
    (source / "run.sh").chmod(0o755)
    (source / "naïve 日本.py").write_text("x = 1\n", "utf-8")
    (source / "sub" / "deep" / ("n" * 90) / ("m" * 90)).write_bytes(b"\0" * 5000)
    (source / "sub" / "up").symlink_to("../run.sh")
    (source / "link").symlink_to("sub/deep")
    (source / "a dangling link").symlink_to("nowhere/at/all")
    (source / "same").hardlink_to(source / "run.sh")
    for format in ("gnu", "pax", "ustar"):
        subprocess.run(["tar", f"--format={format}", "-czf", tmp_path / NAME, "-C", source, "."], check=True)
        for place in (theirs, ours):
            (place / NAME).hardlink_to(tmp_path / NAME)
        subprocess.run(["tar", "-xzf", NAME], cwd=theirs, check=True)
        archive.unpack(ours / NAME)
        assert members(ours) == members(theirs)
        assert len(members(ours)) == 7
        assert os.access(ours / "run.sh", os.X_OK)
        assert (ours / "run.sh").stat().st_mtime // 1 == (source / "run.sh").stat().st_mtime // 1
        for place in (theirs, ours):
            subprocess.run(["rm", "-r", place], check=True)
            place.mkdir()


LINK, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE
OUT = "../outside.txt"
HOSTILE: dict[str, list[Entry]] = {
    "upwards": [entry(OUT)],
    "upwards from below": [entry("a/../../outside.txt")],
    "upwards and back": [entry("a/../b")],
    "absolute": [entry("/tmp/outside.txt")],
    "absolute folder": [entry("//tmp", tarfile.DIRTYPE)],
    "a link upwards": [entry("x", LINK, OUT)],
    "an absolute link": [entry("x", LINK, "/etc/passwd")],
    "a link that is deeper than it seems": [entry("a/b/x", LINK, "../../../outside.txt")],
    "a link through a link": [entry("here", LINK, "."), entry("x", LINK, "here/../outside.txt")],
    "a link and a file below it": [entry("a", LINK, "."), entry("a/b")],
    "a link, made a folder, and a file in it": [entry("a", LINK, "."), entry("a", tarfile.DIRTYPE), entry("a/b")],
    "a link from which the folder above was taken": [
        entry("a/l", LINK, "../t"),
        entry("t", LINK, "."),
        entry("t/l", LINK, "../../x"),
    ],
    "a hard link upwards": [entry("x", HARD, OUT)],
    "an absolute hard link": [entry("x", HARD, "/etc/passwd")],
    "a hard link to nothing": [entry("x", HARD, "nothing")],
    "a hard link below a link": [entry("here", LINK, "."), entry("x", HARD, "here/train.py")],
    "a device": [entry("null", tarfile.CHRTYPE)],
    "a disk": [entry("disk", tarfile.BLKTYPE)],
    "a pipe": [entry("pipe", tarfile.FIFOTYPE)],
    "the folder itself as a link": [entry(".", LINK, "a")],
    "a file for a folder": [entry("a/b"), entry("a")],
    "a folder for a file": [entry("a"), entry("a/b")],
    "a name too long": [entry("n" * 300)],
    "a path too long": [entry("/".join(["d" * 200] * 40))],
    "a time beyond all times": [entry("x", mtime=10**20)],
}


@pytest.mark.parametrize("case", sorted(HOSTILE))
def test_what_leads_out_of_the_folder_is_refused(tmp_path: Path, case: str) -> None:
    """And nothing is written outside, nor does any link lead there."""
    place = tmp_path / "a" / "b" / "code"
    place.mkdir(parents=True)
    (tmp_path / "a" / "b" / "outside.txt").write_text("as it was", "utf-8")
    pack(place, entry("train.py"), *HOSTILE[case])
    with pytest.raises(archive.Refused, match=NAME):
        archive.unpack(place / NAME)
    for name, content in members(tmp_path).items():
        assert name.startswith("a/b/code/") or (name, content) == ("a/b/outside.txt", b"as it was")
    for path in place.rglob("*"):
        assert path.resolve().is_relative_to(place)


def test_a_later_entry_replaces_an_earlier_one_and_writes_through_no_link(tmp_path: Path) -> None:
    given = [entry("a", content=b"1"), entry("l", LINK, "a"), entry("l", content=b"2"), entry(NAME, content=b"3")]
    archive.unpack(pack(tmp_path, *given, entry("a", LINK, "l")))
    assert members(tmp_path) == {"a": "-> l", "l": b"2"}
    assert (tmp_path / NAME).read_bytes() == b"3", "an archive may hold a file of its own name"


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def bent(content: bytes) -> bytes:
    """With the second header damaged, which a careless reader takes for the end."""
    plain = bytearray(gzip.decompress(content))
    plain[1024:1030] = b"\xff" * 6
    return gzip.compress(bytes(plain))


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": half,
    "not packed": gzip.decompress,
    "cut before it was packed": lambda content: gzip.compress(gzip.decompress(content)[:1400]),
    "no archive": lambda _: gzip.compress(b"x" * 2000),
    "empty": lambda _: b"",
    "bent": bent,
}


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_a_damaged_archive_is_the_reason_of_the_failure(tmp_path: Path, damage: str) -> None:
    code = archived(tmp_path, "print('never')\n", entry("more", content=os.urandom(9000)))
    (code / NAME).write_bytes(DAMAGES[damage]((code / NAME).read_bytes()))
    code_of_exit, why = outcome(tmp_path)
    assert code_of_exit == 1
    assert why.startswith(f"exit code 1\n{NAME} cannot be unpacked: ")


def test_a_refused_archive_is_the_reason_of_the_failure(tmp_path: Path) -> None:
    archived(tmp_path, "print('never')\n", entry("../x" + "\n" * 3 + "y" * 400))
    assert outcome(tmp_path)[0] == 1
    assert failure(tmp_path).endswith("'..' leads out of the folder")
    (tmp_path / "input/data/code" / NAME).unlink()
    assert NAME in outcome(tmp_path)[1]


MANY = """
import resource, sys, tarfile
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from drivers import archive
place = Path(sys.argv[2])
info = tarfile.TarInfo("d")
info.type = tarfile.DIRTYPE
with tarfile.open(place / "code.tar.gz", "w:gz", compresslevel=1) as packed:
    for _ in range(20_000):
        packed.addfile(info)
        packed.members = []
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
archive.unpack(place / "code.tar.gz")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_number_of_entries(tmp_path: Path) -> None:
    package = Path(archive.__file__).parent.parent
    command = [sys.executable, "-c", MANY, str(package), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 4096, "kB; 20,000 entries kept would be 15 MB"
