"""However a local run ends, nothing that it has started is left: real signals, real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.test_run import training
from tests.conftest import ROOT

# says who it is, and who it has started: a daemon that has lost its parent, its session and its environment
SCRIPT = """
import os, signal, subprocess, sys, time
def note(pid):
    with open(os.path.join(os.environ["REPORTS"], str(pid)), "w"): pass
{before}
daemon = "import os, time; open(os.path.join({reports!r}, str(os.getpid())), 'w').close(); time.sleep(600)"
subprocess.run(["/bin/sh", "-c", "env -i setsid $0 -c \\"$1\\" > /dev/null 2>&1 &", sys.executable, daemon])
note(os.getpid())
while len(os.listdir(os.environ["REPORTS"])) < 2: time.sleep(0.05)
print("ready", flush=True)
{after}
"""
STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


def alive(pid: str) -> bool:
    try:
        return Path("/proc", pid, "stat").read_text("utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def prepare(project: Path, before: str = "", after: str = "time.sleep(600)") -> Path:
    reports = project / "reports"
    return training(project, SCRIPT.format(before=before, after=after, reports=str(reports)))


@contextmanager
def started(project: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`sagespec run`, its trees in the project."""
    (project / "tmp").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "sagespec", "run", "ModelTrainer/t", *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT / "compiler"), "TMPDIR": str(project / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def left(reports: Path) -> list[str]:
    pids = [file.name for file in reports.iterdir()]
    assert len(pids) == 2
    return [pid for pid in pids if alive(pid)]


def check_nothing_is_left(project: Path, reports: Path) -> None:
    assert not left(reports)
    assert not list((project / "tmp").iterdir()), "the tree is thrown away"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything(project: Path, number: signal.Signals) -> None:
    reports = prepare(project)
    with started(project) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "[algo-1] ready\n"
        process.send_signal(number)
        assert process.wait() == 130
        check_nothing_is_left(project, reports)


def test_a_second_signal_ends_the_patience_with_a_stubborn_script(project: Path) -> None:
    reports = prepare(project, STUBBORN)
    with started(project) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "[algo-1] ready\n"
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None, "the script is given time"
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        check_nothing_is_left(project, reports)


def test_who_kills_the_run_kills_its_hosts(project: Path) -> None:
    reports = prepare(project, STUBBORN)
    with started(project) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "[algo-1] ready\n"
        process.kill()
        process.wait()
        while left(reports):
            time.sleep(0.05)


def test_who_ends_a_host_ends_what_it_runs(project: Path) -> None:
    reports = prepare(project)
    with started(project) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "[algo-1] ready\n"
        (host,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("utf-8").split()
        os.kill(int(host), signal.SIGTERM)
        assert process.wait() == 4
        check_nothing_is_left(project, reports)


@pytest.mark.parametrize(("after", "code"), [("", 0), ("sys.exit(3)", 4)])
def test_what_a_script_leaves_behind_ends_with_it(project: Path, after: str, code: int) -> None:
    reports = prepare(project, after=after)
    with started(project) as process:
        process.communicate()
        assert process.returncode == code
        check_nothing_is_left(project, reports)


def test_a_reader_that_goes_ends_the_run_in_peace(project: Path) -> None:
    reports = prepare(project, after="while True: print('more', flush=True); time.sleep(0.01)")
    with started(project) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "[algo-1] ready\n"
        process.stdout.close()
        assert process.wait() == 130
        assert process.stderr.read() == ""
        check_nothing_is_left(project, reports)


def test_a_line_without_end_is_neither_kept_nor_held_back(project: Path) -> None:
    reports = project / "reports"
    wait = "import os, time\nwhile not os.path.exists(os.environ['REPORTS'] + '/go'): time.sleep(0.05)\n"
    script = f"import sys\nprint('50%', end='', flush=True)\n{wait}sys.stderr.write('x' * 20_000_000); sys.exit(1)\n"
    training(project, script)
    with started(project) as process:
        assert process.stdout is not None
        assert process.stdout.read(12) == "[algo-1] 50%"
        (reports / "go").touch()
        assert len(process.stdout.read()) == 20_000_001
        assert process.wait() == 4
