"""Trouble with the machine: streams, names, descriptors, space, folders, signals; each command as a process.

Whatever it is, a command ends with one of its own exit codes and a sentence, and leaves no file half written.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sagespec import sandbox
from sagespec.cli import exits
from sagespec.disk import PART_SUFFIX

from tests import forks
from tests.conftest import LOCK, ROOT

SAGESPEC = [sys.executable, "-m", "sagespec"]
COMMANDS = {
    "validate": ["validate"],
    "validate -json": ["validate", "--format", "json"],
    "compile": ["compile"],
    "compile --stdout": ["compile", "--stdout", "ModelTrainer/count"],
    "plan": ["plan"],
    "apply": ["apply", "--yes"],
    "lock": ["lock", "--upgrade"],
    "status": ["status"],
    "run": ["run", "ModelTrainer/count"],
    "sandbox": ["sandbox", "--port", "0", "--", "true"],
}
ALL = tuple(COMMANDS)
PROJECT = """apiVersion: sagespec/v1
kind: Project
specs: [specs]
defaults: {region: us-west-2, role: SageMakerRole, account: "123456789012"}
"""
EVALUATOR = """apiVersion: sagespec/v1
kind: BenchMarkEvaluator
metadata: {name: quiz, description: "Z\N{LATIN SMALL LETTER U WITH DIAERESIS}rich"}
spec: {model: huggingface-reasoning-qwen3-4b, benchmark: mmlu, s3_output_path: "s3://my-bucket/o"}
"""
TRAINER = """apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: count}
spec:
  training_image: 763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.3
  source_code: {source_dir: code, entry_script: train.py}
  compute: {instance_type: ml.m5.large}
  environment: {CITY: "Z\N{LATIN SMALL LETTER U WITH DIAERESIS}rich"}
"""
LONG = "x" * 300
CODES = {exits.DONE, exits.INVALID, exits.USAGE, exits.AWS, exits.FAILED, exits.INTERRUPTED}


@dataclass(frozen=True)
class World:
    """A project that has been compiled and applied, and the environment of a sandbox that knows it."""

    done: Path
    environment: Mapping[str, str]
    sagespec: Path
    """The program that starts at once: for trouble that is in the project alone."""

    def start(self, folder: Path, command: str, trouble: Trouble) -> subprocess.Popen[bytes]:
        changed = {name: value for name, value in trouble.environment.items() if value is not None}
        kept = {name: v for name, v in self.environment.items() if name not in trouble.environment}
        words = COMMANDS.get(command, command.split())
        started = ["bash", "-c", trouble.shell, "bash", *SAGESPEC, *words]
        if trouble.is_of_the_project:
            started = [str(self.sagespec), *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(started, cwd=folder, env={**kept, **changed}, stdin=pipe, stdout=pipe, stderr=pipe)


def nothing(_project: Path) -> None:
    pass


@dataclass(frozen=True)
class Trouble:
    """What is wrong, and what some commands must say of it; `shell` starts the command, which is "$@"."""

    commands: tuple[str, ...] = ("compile", "lock")
    shell: str = 'exec "$@"'
    environment: Mapping[str, str | None] = field(default_factory=dict)
    prepare: Callable[[Path], object] = nothing
    says: Mapping[str, str] = field(default_factory=dict)
    code: int | None = None
    """How those end that say something; the others end in 0 where this is 0."""

    @property
    def is_of_the_project(self) -> bool:
        return self.prepare is not nothing and self.shell == Trouble.shell and not self.environment


def write(name: str, content: str, into: str = "") -> Callable[[Path], object]:
    """Write a file whose name may be no UTF-8: it is given as latin-1."""

    def prepare(project: Path) -> None:
        file = project / into / os.fsdecode(name.encode("latin-1"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, "utf-8")

    return prepare


def change(file: str, old: str, new: str) -> Callable[[Path], object]:
    def prepare(project: Path) -> None:
        text = (project / file).read_text("utf-8")
        assert old in text
        (project / file).write_text(text.replace(old, new), "utf-8")

    return prepare


def folder_for(file: str) -> Callable[[Path], object]:
    def prepare(project: Path) -> None:
        (project / file).unlink()
        (project / file / "in").mkdir(parents=True)

    return prepare


def file_for(folder: str) -> Callable[[Path], object]:
    def prepare(project: Path) -> None:
        shutil.rmtree(project / folder)
        (project / folder).write_text("x", "utf-8")

    return prepare


def member(key: str, value: str) -> Callable[[Path], object]:
    return change(
        "sagespec.yaml", "specs: [specs]\n", f"{'' if key == 'specs' else 'specs: [specs]'}\n{key}: {value}\n"
    )


NO_STDOUT = dict.fromkeys(("compile --stdout", "plan", "apply", "status", "run"), "standard output is closed")
NO_SPACE = dict.fromkeys(("compile --stdout", "plan", "apply", "status", "run"), "no space left on device")
TOO_LONG = "file name too long"
NOT_UTF8 = "the name of the file is not UTF-8"
TROUBLES = {
    "no stdin": Trouble(("apply", "run", "sandbox"), 'exec "$@" <&-', code=0),
    "no stdout": Trouble(ALL, 'exec "$@" >&-', says=NO_STDOUT, code=1),
    "no stderr": Trouble(("compile", "apply", "run"), 'exec "$@" 2>&-', code=0),
    "no streams": Trouble(("compile", "apply", "run", "sandbox"), 'exec "$@" <&- >&- 2>&-'),
    "stdout is full": Trouble(("compile --stdout", "plan", "run"), 'exec "$@" >/dev/full', says=NO_SPACE, code=1),
    "stderr is full": Trouble(("compile", "apply", "run"), 'exec "$@" 2>/dev/full'),
    "nobody reads": Trouble(("validate -json", "plan", "run"), '"$@" | true; exit ${PIPESTATUS[0]}'),
    "spec not in UTF-8": Trouble(
        ("validate", "compile", "lock"),
        prepare=write("caf\xe9.yaml", EVALUATOR, "specs"),
        says={"validate": NOT_UTF8, "compile": NOT_UTF8, "lock": NOT_UTF8},
        code=1,
    ),
    "folder of specs not in UTF-8": Trouble(prepare=write("caf\xe9/a.yaml", EVALUATOR, "specs")),
    "code not in UTF-8": Trouble(
        ("compile", "lock", "run"),
        prepare=write("caf\xe9.py", "", "specs/code"),
        says={"compile": "specs/train.yaml:6:29: error[", "run": "the name is not UTF-8"},
        code=1,
    ),
    "compiled file not in UTF-8": Trouble(
        ("compile", "plan", "status"), prepare=write("caf\xe9.json", "{}", "compiled/ModelTrainer")
    ),
    "output too long": Trouble(
        ("validate", "compile", "plan"),
        prepare=member("output", f"x/{LONG}"),
        says=dict.fromkeys(
            ("validate", "compile", "plan"), f"sagespec.yaml:4:9: error[unreadable]: x/{LONG}: {TOO_LONG}"
        ),
        code=1,
    ),
    "lock too long": Trouble(
        ("validate", "lock"),
        prepare=member("lock", f"x/../y/{LONG}/b.json"),
        says=dict.fromkeys(("validate", "lock"), "sagespec.yaml:4:7: error[unreadable]: "),
        code=1,
    ),
    "specs too long": Trouble(
        prepare=member("specs", f"[x/{LONG}]"), says={"compile": "sagespec.yaml:4:9: "}, code=1
    ),
    "path too long": Trouble(
        prepare=member("output", "abcdefg/" * 600), says={"compile": "sagespec.yaml:4:9: "}, code=1
    ),
    "policy too long": Trouble(
        prepare=member("policies", f"[{LONG}.json]"), says={"compile": "sagespec.yaml:4:"}, code=1
    ),
    "name too long": Trouble(
        prepare=change("specs/eval.yaml", "quiz", LONG), says={"compile": "specs/eval.yaml:3:18: error["}, code=1
    ),
    "source_dir too long": Trouble(
        prepare=change("specs/train.yaml", "source_dir: code", f"source_dir: {LONG}"),
        says={"compile": "specs/train.yaml:6:"},
        code=1,
    ),
    "arguments too long": Trouble((f"compile {LONG}", f"plan {LONG}", f"compile --out {LONG}", f"run {LONG}")),
    "five descriptors": Trouble(("compile", "plan", "lock", "run", "sandbox"), 'ulimit -n 5; exec "$@"'),
    "nine descriptors": Trouble(("apply", "lock", "run"), 'ulimit -n 9; exec "$@"'),
    "no space": Trouble(
        ("compile", "lock", "run", "plan --save p.plan", "init MPI new"),
        'ulimit -f 0; exec "$@"',
        prepare=change("specs/eval.yaml", "mmlu", "gpqa"),
        says={"compile": "file too large", "lock": "file too large", "run": "no usable temporary directory"},
        code=1,
    ),
    "no working directory": Trouble(
        ("validate", "compile", "plan", "lock", "run"),
        'mkdir g; cd g; rmdir ../g; exec "$@"',
        says=dict.fromkeys(("validate", "compile", "plan", "lock"), "the working directory does not exist any more"),
        code=1,
    ),
    "locale C": Trouble(
        ("compile", "plan", "run"), environment={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, code=0
    ),
    "no home": Trouble(("lock", "apply", "sandbox"), environment={"HOME": None}, code=0),
    "no such home": Trouble(environment={"HOME": "/no/such/folder"}, code=0),
    "no folder for what is temporary": Trouble(
        ("compile", "lock", "run"), environment={"TMPDIR": "/no/such"}, code=0
    ),
    "a file for the output": Trouble(
        ("compile", "plan"),
        prepare=file_for("compiled"),
        says={"compile": "not a directory", "plan": "not JSON"},
        code=1,
    ),
    "a file for a kind": Trouble(
        prepare=file_for("compiled/ModelTrainer"), says={"compile": "count.json: not a directory"}, code=1
    ),
    "a folder for a compiled file": Trouble(
        prepare=folder_for("compiled/ModelTrainer/count.json"), says={"compile": "count.json: is a directory"}, code=1
    ),
    "a folder for the lock": Trouble(
        ("compile", "lock"),
        prepare=folder_for("sagespec.lock.json"),
        says={"lock": "cannot be read: is a directory"},
        code=1,
    ),
    "a folder for a spec": Trouble(prepare=folder_for("specs/eval.yaml")),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sagespec: Path) -> Iterator[World]:
    done = tmp_path_factory.mktemp("done")
    for prepare in (
        write("sagespec.yaml", PROJECT),
        write("eval.yaml", EVALUATOR, "specs"),
        write("train.yaml", TRAINER, "specs"),
        write("train.py", "print('done')\n", "specs/code"),
    ):
        prepare(done)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    locked = json.loads(LOCK.read_text("utf-8"))
    with sandbox.start(locked, existing=["s3://my-bucket"]) as running:
        found = World(done, {**kept, **running.environment(), "PYTHONPATH": str(ROOT / "compiler")}, sagespec)
        for command in ("lock", "compile", "apply"):
            process = found.start(done, command, Trouble())
            said = process.communicate()[1].decode()
            assert process.returncode == 0, said
        yield found


def check_ending(project: Path, code: int, said: str) -> None:
    """Whether a command has ended properly, and has left nothing half written."""
    assert code in CODES, said
    for word in ("Traceback", "defect: ", "Exception ignored", "Fatal Python error"):
        assert word not in said
    files = [name for _, _, names in os.walk(os.fsencode(project)) for name in names]
    assert not [name for name in files if name.endswith(PART_SUFFIX.encode())]
    for file in (project / "sagespec.lock.json", *(project / "compiled").glob("[A-Z]*/[a-z]*.json")):
        if file.is_file() and b"\xe9" not in os.fsencode(file):
            assert json.loads(file.read_text("utf-8"))


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_ends_in_a_sentence(name: str, world: World, tmp_path: Path) -> None:
    trouble = TROUBLES[name]

    def end(number: int) -> tuple[Path, int, str]:
        project = tmp_path / str(number)
        shutil.copytree(world.done, project)
        trouble.prepare(project)
        process = world.start(project, trouble.commands[number], trouble)
        _, said = process.communicate()
        return project, process.returncode, said.decode("utf-8", "backslashreplace")

    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(end, range(len(trouble.commands))))
    for command, (project, code, said) in zip(trouble.commands, ends, strict=True):
        check_ending(project, code, f"{command}: {said}")
        if command in trouble.says:
            assert trouble.says[command] in said
            assert code == trouble.code, said
        elif trouble.code == 0:
            assert code == 0, f"{command}: {said}"


@pytest.mark.parametrize("command", ["compile", "plan", "lock"])
def test_a_working_directory_may_be_called_anything(command: str, world: World, tmp_path: Path) -> None:
    place = tmp_path / os.fsdecode(b"caf\xe9 \n\x1b[31m")
    shutil.copytree(world.done, place)
    process = world.start(place, command, Trouble())
    said = process.communicate()[1].decode()
    assert process.returncode == 0, said
    assert "\x1b" not in said


@pytest.mark.parametrize("command", ["compile", "plan", "lock", "run"])
def test_files_change_while_they_are_read(command: str, world: World, tmp_path: Path) -> None:
    """A spec, code, a compiled file and the project file shrink, vanish and come back all the time."""
    project = tmp_path / "p"
    shutil.copytree(world.done, project)
    names = ("specs/eval.yaml", "specs/code/train.py", "compiled/ModelTrainer/count.json", "specs/train.yaml")
    texts = {project / name: (project / name).read_bytes() for name in names}
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            for file, text in texts.items():
                file.write_bytes(text[: len(text) // 2])
                file.unlink(missing_ok=True)
                time.sleep(0.0005)
                file.write_bytes(text)

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        ends = []
        for number in range(3):
            output = tmp_path / f"said-{number}.txt"
            ends.append(forks.start(COMMANDS[command], world.environment, project, output, speed=1).end())
    finally:
        stop.set()
        thread.join()
    for file, text in texts.items():
        file.write_bytes(text)
    for code, said in ends:
        check_ending(project, code, said)


DELAYS = (0.0, 0.03, 0.06, 0.1, 0.15, 0.2, 0.4)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["compile", "lock"])
def test_signals_at_the_start(command: str, sent: signal.Signals, world: World, tmp_path: Path) -> None:
    """What comes while Python itself starts is Python's to tell; from our first line on it is ours."""
    project = tmp_path / "p"
    shutil.copytree(world.done, project)
    shutil.rmtree(project / "compiled" / "BenchMarkEvaluator")
    for delay in DELAYS:
        process = world.start(project, command, Trouble())
        time.sleep(delay)
        process.send_signal(sent)
        said = process.communicate()[1].decode()
        assert process.returncode != exits.DEFECT, said
        if str(ROOT / "compiler") in said or "Traceback" not in said:
            check_ending(project, abs(process.returncode) and exits.INTERRUPTED, said)
    process = world.start(project, command, Trouble())
    said = process.communicate()[1].decode()
    check_ending(project, process.returncode, said)
    assert process.returncode == 0, said


STRIKE = """
import os, signal, sys

class Named:
    def __set_name__(self, *_):
        signal.raise_signal(getattr(signal, os.environ["STRIKE_BY"]))

class Striking:
    def find_spec(self, name, *_):
        if name == os.environ["STRIKE_AT"]:
            type("Struck", (), {"member": Named()})

sys.meta_path.insert(0, Striking())
"""
"""Sends a signal while a class is made in an import; Python 3.11 makes a RuntimeError of its KeyboardInterrupt."""


@pytest.mark.parametrize(
    ("command", "module", "sent"),
    [
        ("compile", "sagespec.cli.compile", "SIGINT"),
        ("lock", "botocore.session", "SIGINT"),
        ("apply --yes", "botocore.session", "SIGTERM"),
        ("apply --yes -o json", "botocore.session", "SIGTERM"),
    ],
)
def test_an_interrupt_within_an_import_is_one(
    command: str, module: str, sent: str, world: World, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(STRIKE, "utf-8")
    path = os.pathsep.join((str(tmp_path), world.environment["PYTHONPATH"]))
    trouble = Trouble(environment={"PYTHONPATH": path, "STRIKE_AT": module, "STRIKE_BY": sent})
    process = world.start(world.done, command, trouble)
    wrote, said = process.communicate()
    assert process.returncode == exits.INTERRUPTED, said
    assert said.decode().endswith("interrupted\n")
    if "json" in command:
        assert json.loads(wrote)["error"] == {"message": "interrupted", "hint": ""}


SHORT = {
    "out of memory": ("boto3.session", "raise MemoryError"),
    "can't start new thread": ("boto3.session", "import threading; threading.stack_size(2**50)"),
    "defect: ": ("sagespec.cli.plan", "import tempfile; tempfile.tempdir = '/no/such'; raise ArithmeticError"),
}
"""What a command says where the machine has too little; the module whose import makes it so, and how."""


@pytest.mark.parametrize(
    ("command", "said"),
    [*(("plan", said) for said in SHORT), *(("apply --yes -o json", said) for said in [*SHORT][:2])],
)
def test_what_the_machine_has_too_little_of_is_said(command: str, said: str, world: World, tmp_path: Path) -> None:
    module, how = SHORT[said]
    finder = f"class Finder:\n def find_spec(self, name, *_):\n  if name == {module!r}:\n   {how}\n"
    (tmp_path / "sitecustomize.py").write_text(f"{finder}import sys\nsys.meta_path.insert(0, Finder())\n", "utf-8")
    path = os.pathsep.join((str(tmp_path), world.environment["PYTHONPATH"]))
    process = world.start(world.done, command, Trouble(environment={"PYTHONPATH": path}))
    wrote, told = (text.decode() for text in process.communicate())
    assert said in told
    assert "Traceback" not in told
    if said == "defect: ":
        assert process.returncode == exits.DEFECT
        assert "(report: none, no such file or directory)" in told
        return
    assert process.returncode == exits.INVALID
    if "json" in command:
        assert json.loads(wrote)["error"]["message"] == said
