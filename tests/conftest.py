"""What all tests share: the command line in this process, projects in a temporary folder, a sandbox."""

from __future__ import annotations

import functools
import gc
import importlib.util
import json
import os
import re
import shutil
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.retries.standard import ExponentialBackoff
from hypothesis import settings
from sagespec import cli, sandbox
from sagespec.cli import exits, program
from sagespec.executor import metrics, pauses
from sagespec.sandbox import Sandbox
from sagespec.sandbox.service import Timing

from tests import formats, mlflow_clients, models, sagespec_at_once
from tests.clocks import ClockOfSandbox
from tests.loopback import Silent, serving

settings.register_profile("sagespec", deadline=None, derandomize=True)  # these machines are noisy
settings.load_profile("sagespec")

HERE = Path(__file__).parent
ROOT = HERE.parent
LOCK = HERE / "account" / "sagespec.lock.json"
"""A lock of all that the sandbox's own account has: the very file."""
RECORDED_LOCK = HERE / "vectors" / "sagespec.lock.json"
"""The lock of the account that the vectors were recorded in: its evaluation recipe of MTRL has names of its own."""
FINE_TUNING_LOCK = HERE / "vectors" / "finetune" / "sagespec.lock.json"
"""The same, with what the vectors of fine-tuning need besides."""
DATA = re.compile(r"s3://my-bucket/[\w/-]+\.jsonl")
STARTERS = {f"s3://my-bucket/{name}.jsonl" for name in ("train", "evaluation", "validation")}
EXISTING = sorted(STARTERS.union(*(DATA.findall(file.read_text("utf-8")) for file in ROOT.glob("specs/*.yaml"))))
"""The data of the starters and of the examples, and the bucket that they are in."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite what golden cases expect")
    parser.addoption("--trials", type=int, default=3, help="kill trials")
    parser.addoption("--answers", type=int, default=60, help="answers of AWS to spoil")
    parser.addoption("--texts", type=int, default=2, help="hostile texts for each field")
    parser.addoption("--seed", type=int, default=0, help="which answers are spoiled, and how")


def pytest_configure() -> None:
    """Hear the terminal's signals: who starts in the background inherits that they are ignored, and hands it on.

    What is collected lives until the end, so nothing looks for garbage in it: that was a third of the collection.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    gc.disable()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(program.GARBAGE)  # as in a command; what tests share lives until the end, too
    gc.enable()


NEEDS = {"torch": "torch", "mpi": "mpi4py"}
"""Marks of tests that need what is heavy to install (make distributed), and the module that tells."""
PROGRAMS = {"mpi": "mpirun", "browser": "chromium"}
"""Marks of tests that need a program of the system."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, and say so, what cannot run on this machine; begin with what takes long, so that none ends alone."""
    absent = {mark for mark, module in NEEDS.items() if importlib.util.find_spec(module) is None}
    absent |= {mark for mark, program in PROGRAMS.items() if shutil.which(program) is None}
    left_out = [item for item in items if any(item.get_closest_marker(mark) for mark in absent)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
        sys.stderr.write(f"left out, since {' and '.join(sorted(absent))} is not here: {len(left_out)} tests\n")
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update"))


OTHERS = {"SAGEMAKER_REGION", "GITHUB_SHA", "CI_COMMIT_SHA", "GITHUB_BASE_REF", "CI_MERGE_REQUEST_DIFF_BASE_SHA"}


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the machine's AWS configuration."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name in OTHERS]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture(scope="session", autouse=True)
def _models_read_once() -> Iterator[None]:
    """Let all sessions of botocore share what they read of its own data: to parse it was most of a command's time."""
    with pytest.MonkeyPatch.context() as patch:
        models.share(patch.setattr)
        yield


SPEED = 200.0
"""How much faster than the machine's time passes for a test: nothing is gained by waiting minutes."""


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what the executor waits for come sooner: the next look at a run, late reads, another try of a request."""
    monkeypatch.setattr(pauses, "SPEED", SPEED)
    scales = ExponentialBackoff._DEFAULT_BACKOFF_CONFIG
    monkeypatch.setattr(
        ExponentialBackoff, "_DEFAULT_BACKOFF_CONFIG", {name: scale / SPEED for name, scale in scales.items()}
    )


@pytest.fixture(scope="session")
def _ready_mlflow() -> Iterator[Path]:
    with mlflow_clients.ready() as program:
        yield program


@pytest.fixture(scope="session")
def sagespec() -> Iterator[Path]:
    """The program `sagespec` for shells, a fork of a process that has imported what commands need."""
    with sagespec_at_once.ready() as program:
        yield program


@pytest.fixture
def mlflow_at_once(_ready_mlflow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let MLflow's client start without the seconds that it takes to import MLflow."""
    monkeypatch.setattr(metrics, "CLIENT", _ready_mlflow)


@dataclass
class Recorder:
    """An endpoint, and a proxy, that is not the sandbox."""

    url: str
    seen: list[str] = field(default_factory=list)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    found = Recorder("")

    class Handler(Silent):
        def answer(self) -> None:
            found.seen.append(f"{self.command} {self.path} {self.headers.get('X-Amz-Target')}")
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_CONNECT = answer

    with serving(Handler) as found.url:
        yield found


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


Run = Callable[..., Result]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process, exit codes and all.

    A defect (exit 70) always fails the test, and so does JSON that is not as its schema says.
    """

    def invoke(*args: str | Path, code: int | None = exits.DONE) -> Result:
        monkeypatch.setattr("sys.argv", ["sagespec", *(str(a) for a in args)])
        capfd.readouterr()
        before = (gc.isenabled(), gc.get_threshold(), warnings.showwarning, dict(os.environ))
        ended = cli.invoke()
        after = (gc.isenabled(), gc.get_threshold(), warnings.showwarning, dict(os.environ))
        assert after == before, "this process goes on"
        out, err = capfd.readouterr()
        found = Result(ended, out, err)
        assert found.code != exits.DEFECT, err
        assert code is None or found.code == code, f"exit {found.code}\n{out}\n{err}"
        formats.check(tuple(map(str, args)), found.code, out)
        return found

    return invoke


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with a lock; the working directory."""
    shutil.copy(LOCK, tmp_path)
    (tmp_path / "specs").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


QUICK = Timing(job=0.4, lineage=0.05)


@contextmanager
def start_account(timing: Timing = QUICK, existing: Iterable[str] = EXISTING) -> Iterator[Sandbox]:
    """Start a sandbox of the recorded account, whose time passes where a command waits."""
    locked = json.loads(LOCK.read_text("utf-8"))
    with (
        sandbox.start(locked, timing=timing, existing=existing) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(pauses, "CLOCK", ClockOfSandbox(running.clock))
        yield running


@pytest.fixture
def account() -> Iterator[Sandbox]:
    """A sandbox of the recorded account, whose time passes where a command waits."""
    with start_account() as running:
        yield running


@pytest.fixture
def own_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time of a command's own sandbox pass where the command waits, as that of `account`."""
    clock = sandbox.Clock()
    monkeypatch.setattr(sandbox, "start", functools.partial(sandbox.start, clock=clock))
    monkeypatch.setattr(pauses, "CLOCK", ClockOfSandbox(clock))


@pytest.fixture
def aws(account: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The same, with the environment pointing at it."""
    for name, value in account.environment().items():
        monkeypatch.setenv(name, value)
    return account


def copy_examples(root: Path) -> None:
    """Make a folder a project of the examples, with the lock and without a project file."""
    shutil.copytree(ROOT / "specs", root / "specs")
    shutil.copy(LOCK, root)


def vectors(*kinds: str) -> list[dict[str, Any]]:
    """What the SDK 1.27.0 sends, recorded, of some kinds or all: the shared vectors, and more of random arguments.

    `corrected` names members that were changed in a recording: the SDK drops a keep-alive of 0, which is sent here.
    """
    files = (HERE / "vectors" / "vectors.jsonl", HERE / "vectors" / "recorded.jsonl")
    found = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
    return [v for v in found if not kinds or v["kind"] in kinds]
