"""Files that cannot be read or written, paths in several spellings: an error at its place, nothing half-written."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LOCK, ROOT, Result, Run

MADE = Path("compiled/MultiTurnRLTrainer/support-agent.json")
PROJECT = "apiVersion: sagespec/v1\nkind: Project\n"


@pytest.fixture
def example(project: Path) -> Path:
    spec = project / "specs" / "a.yaml"
    shutil.copy(ROOT / "specs" / "multi-turn-rl-trainer.yaml", spec)
    return spec


def sagespec(*args: str, **options: Any) -> Result:
    """Run a command in a process of its own, without root's right to read and write everything."""
    common = {"env": {**os.environ, "PYTHONPATH": str(ROOT / "compiler")}, "text": True}
    common |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-m", "sagespec", *args]
    if os.getuid() == 0:
        without = "-dac_override,-dac_read_search"
        command = ["setpriv", f"--bounding-set={without}", "--inh-caps=-all", *command]
    done = subprocess.run(command, check=False, **{**common, **options})
    return Result(done.returncode, done.stdout or "", done.stderr)


@contextmanager
def forbidden(path: Path, mode: int = 0) -> Iterator[None]:
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


@pytest.mark.parametrize("name", ["sagespec.yaml", "sagespec.lock.json", "specs/a.yaml", "specs", "policies/a.json"])
def test_what_cannot_be_read_is_an_error_of_its_own(example: Path, name: str) -> None:
    Path("policies").mkdir()
    Path("policies/a.json").write_text("{}", "utf-8")
    Path("sagespec.yaml").write_text(PROJECT + "policies: [policies/*.json]\n", "utf-8")
    with forbidden(Path(name)):
        done = sagespec("compile")
    assert done.code == 1
    assert f"{name}:1:1: error[unreadable]: cannot be read: permission denied" in done.stderr
    assert not MADE.exists()


def test_a_folder_that_cannot_be_listed_is_not_left_out(example: Path) -> None:
    (example.parent / "more").mkdir()
    with forbidden(example.parent / "more"):
        done = sagespec("compile")
    assert (done.code, done.stdout) == (1, f"created {MADE}\n")
    assert "specs/more:1:1: error[unreadable]" in done.stderr


@pytest.mark.parametrize("link", ["more", "specs/linked", "specs/again/linked"])
def test_a_linked_folder_is_the_folder_that_it_leads_to(example: Path, run: Run, link: str) -> None:
    shutil.copytree("specs", "more/specs")
    shutil.move(example, "a.yaml")
    Path(link).parent.mkdir(exist_ok=True)
    if link != "more":
        Path(link).symlink_to(Path("more").absolute())
        Path("specs/round").symlink_to(Path("specs").absolute())
    shown = run("validate", *(["more"] if link == "more" else [])).stderr
    assert shown == "1 spec is valid\n"


def test_a_folder_that_is_asked_for_and_holds_no_spec_is_an_error(example: Path, run: Run) -> None:
    Path("empty/.hidden").mkdir(parents=True)
    shutil.copy(example, "empty/.hidden")
    assert "empty:1:1: error[empty-folder]: there is no spec in it" in run("compile", "empty", code=1).stderr
    run("compile", "empty", "specs", code=1)
    example.unlink()
    assert run("compile").stdout == f"removed {MADE}\n"


def test_two_compiles_at_once_end_alike(example: Path) -> None:
    text = example.read_text("utf-8")
    for round_ in range(3):
        for number in range(20):
            more = text.replace("  name: support-agent", f"  name: a{round_}-{number}")
            Path(f"specs/b{number}.yaml").write_text(more, "utf-8")
        with ThreadPoolExecutor() as pool:
            both = list(pool.map(lambda _: sagespec("compile"), range(2)))
        assert [done.code for done in both] == [0, 0], [done.stderr for done in both]
        assert len(list(MADE.parent.iterdir())) == 21


def test_a_pipe_is_not_waited_for(example: Path, run: Run) -> None:
    os.mkfifo("specs/b.yaml")
    assert "specs/b.yaml:1:1: error[unreadable]: cannot be read: not a file" in run("compile", code=1).stderr


def test_a_reader_that_has_gone_hears_nothing_of_success(example: Path) -> None:
    for arguments, output in ((("compile", "--check"), "stdout"), (("validate", "nowhere.yaml"), "stderr")):
        reading, writing = os.pipe()
        os.close(reading)
        assert sagespec(*arguments, **{output: writing}).code == 130
        os.close(writing)


def test_a_path_that_is_given_and_cannot_be_read_is_no_wrong_command_line(example: Path) -> None:
    with forbidden(example):
        assert sagespec("compile", "specs/a.yaml").code == 1


@pytest.mark.parametrize("name", ["compiled", "compiled/MultiTurnRLTrainer"])
def test_a_file_in_the_way_of_a_folder_stays(example: Path, run: Run, name: str) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text("mine", "utf-8")
    assert f"{name}" in run("compile", code=1).stderr
    assert Path(name).read_text("utf-8") == "mine"


def test_folders_in_the_way_of_files_stay(example: Path, run: Run) -> None:
    MADE.mkdir(parents=True)
    assert "is a directory" in run("compile", code=1).stderr
    assert "is a directory" in run("compile", "--check", code=1).stderr
    MADE.rmdir()
    MADE.with_name("other.json").mkdir()
    run("compile")


def test_an_output_that_cannot_be_written_or_read(example: Path) -> None:
    Path("compiled").mkdir()
    with forbidden(Path("compiled"), 0o500):
        assert "permission denied" in sagespec("compile").stderr
    sagespec("compile")
    with forbidden(MADE):
        for done in (sagespec("compile"), sagespec("compile", "--check")):
            assert (done.code, "permission denied" in done.stderr) == (1, True)
    with forbidden(MADE.parent):
        assert sagespec("compile").code == 1
    assert "no such file" in sagespec("compile", "--out", "/proc/nowhere").stderr


def test_a_write_that_fails_halfway_leaves_the_file_as_it_was(example: Path, run: Run) -> None:
    run("compile")
    before = MADE.read_bytes()
    example.write_text(example.read_text("utf-8").replace("max_epochs: 2", "max_epochs: 3"), "utf-8")

    def at_most_half() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, len(before) // 2))

    done = sagespec("compile", preexec_fn=at_most_half)
    assert (done.code, "file too large" in done.stderr) == (1, True)
    assert [(p.name, p.read_bytes()) for p in MADE.parent.iterdir()] == [(MADE.name, before)]


@pytest.mark.parametrize("arguments", [("compile", "--stdout", "MultiTurnRLTrainer/support-agent"), ("compile",)])
def test_a_full_output_is_an_error(example: Path, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = sagespec(*arguments, stdout=full)
    assert (done.code, done.stderr) == (1, "error: output: no space left on device\n")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("validate", "--format", "json"), 1),
        (("compile", "--stdout", "MultiTurnRLTrainer/support-agent"), 1),
        (("schema", "MPI"), 1),
        (("init", "MPI", "x", "--stdout"), 1),
        (("validate",), 0),
    ],
)
def test_a_result_that_nobody_gets_is_an_error(example: Path, arguments: tuple[str, ...], code: int) -> None:
    done = sagespec(*arguments, stdout=None, preexec_fn=lambda: os.close(1))
    assert done.code == code, done.stderr


def test_a_name_that_is_not_utf8_is_refused(example: Path, run: Run) -> None:
    name = os.fsdecode(b"specs/\xff.yaml")
    shutil.copy(example, name)
    assert "error[encoding]: the name of the file is not UTF-8" in run("compile", code=1).stderr
    run("compile", "-D", os.fsdecode(b"a=\xff"), code=2)
    Path(name).unlink()
    run("compile", "--out", os.fsdecode(b"out\xff"))


def test_our_own_files_are_no_specs(example: Path, run: Run) -> None:
    (example.parent / "policies").mkdir()
    (example.parent / "policies" / "a.json").write_text("{}", "utf-8")
    more = "output: specs/../specs/compiled\nlock: specs/lock.json\npolicies: [specs/policies/*.json]\n"
    Path("sagespec.yaml").write_text(PROJECT + more, "utf-8")
    shutil.move(LOCK.name, "specs/lock.json")
    run("compile")
    for paths in ([], ["."], ["specs"], [Path.cwd()]):
        assert run("compile", *paths).stdout == ""
    assert "specs/compiled:1:1: error[empty-folder]" in run("compile", "specs/compiled", code=1).stderr


@pytest.mark.parametrize("output", [".", "specs", "specs/../specs", "a/../"])
def test_an_output_folder_that_holds_the_specs_is_refused(example: Path, run: Run, output: str) -> None:
    Path("a").mkdir()
    Path("sagespec.yaml").write_text(f"{PROJECT}output: {output}\n", "utf-8")
    for command in ("compile", "validate"):
        assert "sagespec.yaml:3:9: error[bad-output]" in run(command, code=1).stderr
    Path("sagespec.yaml").write_text(PROJECT, "utf-8")
    assert "would contain the specs" in run("compile", "--out", output, code=2).stderr


def test_a_file_is_one_by_whatever_name(example: Path, run: Run) -> None:
    run("compile", "specs/a.yaml", "specs/../specs/a.yaml", "specs")
    before = MADE.read_bytes()
    Path("there").symlink_to("specs")
    Path("specs/b.yaml").symlink_to("a.yaml")
    run("compile", "there/a.yaml", "specs/b.yaml")
    Path("again").symlink_to(".")
    Path("sagespec.yaml").write_text(PROJECT, "utf-8")
    run("compile", "--project", "again/sagespec.yaml")
    assert MADE.read_bytes() == before


def test_a_file_with_other_ends_of_lines_is_stale(example: Path, run: Run) -> None:
    run("compile")
    content = MADE.read_bytes()
    MADE.write_bytes(content.replace(b"\n", b"\r\n"))
    assert "\n-{\\r\n" in run("compile", "--check", code=1).stdout
    run("compile")
    assert MADE.read_bytes() == content


def test_a_compiled_file_nested_without_measure_is_no_orphan_and_not_applied(example: Path, run: Run) -> None:
    run("compile")
    deep = MADE.with_name("deep.json")
    deep.write_text("[" * 100_000, "utf-8")
    run("compile")
    assert deep.exists()
    assert "not JSON" in run("apply", deep, "--yes", code=1).stderr


def test_addresses_of_the_whole_project_count_when_one_file_is_asked_for(example: Path, run: Run) -> None:
    shutil.copy(example, "specs/b.yaml")
    run("compile", "specs/b.yaml")  # without a project file there is nothing but what is given
    Path("sagespec.yaml").write_text(PROJECT, "utf-8")
    assert "error[duplicate-address]" in run("compile", "specs/b.yaml", code=1).stderr
    text = example.read_text("utf-8").replace("  name: support-agent", "  name: other").replace("${spec.name}", "x")
    Path("specs/b.yaml").write_text(text, "utf-8")
    example.write_text(example.read_text("utf-8").replace("${spec.name}", "x"), "utf-8")
    for name, other in (("a", "other"), ("b", "support-agent")):
        found = json.loads(run("compile", f"specs/{name}.yaml", "--format", "json").stdout)["diagnostics"]
        assert [(d["rule"], f"/{other} writes" in d["message"]) for d in found] == [("shared-output", True)]
