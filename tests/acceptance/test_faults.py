"""Apply under kills and faults: in the end one job and one execution for each identity, none lost."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import shutil
import signal
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sagespec import sandbox
from sagespec.documents.compiled import DIGITS
from sagespec.executor import files
from sagespec.executor.runs.run import main_request
from sagespec.sandbox import Faults, Sandbox
from sagespec.sandbox.server import Call
from sagespec.sandbox.service import Timing

from tests import forks
from tests.clocks import SharedClock
from tests.conftest import EXISTING, LOCK, ROOT
from tests.forks import Fork

MOST_APPLIES = 20
COPIES = 2
KINDS_OF_CALLS = (
    "CreateArtifact",
    "CreateJob",
    "CreateModelPackageGroup",
    "CreatePipeline",
    "CreateTrainingJob",
    "DescribeJob",
    "DescribePipeline",
    "DescribePipelineExecution",
    "ListJobs",
    "ListPipelineExecutions",
    "ListPipelineVersions",
    "POST /2015-03-31/functions",
    "PUT /my-bucket",
    "PUT /sagemaker-us-west-2",
    "StartPipelineExecution",
)
BOUNDARIES = tuple(itertools.product(KINDS_OF_CALLS, (False, True)))
SPEED = 1000.0
"""Seconds of the patience of apply in one of the machine; as many more pass for the sandbox."""
NUMBERS = itertools.count(1)
"""Of the files that have what each apply says."""
LAGS = (1, 5, 60)
TROUBLE = {"throttle": 0.3, "error": 0.1, "drop": 0.1}


@dataclass
class Toll:
    """What trials have come to; printed, so that it can be seen that something was tried."""

    trials: int = 0
    kills: int = 0
    applies: int = 0
    duplicates: int = 0
    losses: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{value} {name}" for name, value in vars(self).items())


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph of more than thirty specs, compiled: the examples twice, under other names."""
    project = tmp_path_factory.mktemp("graph")
    shutil.copy(LOCK, project)
    (project / "specs").mkdir()
    names = {n for path in (ROOT / "specs").glob("*.yaml") for n in re.findall(r"\bname: ([\w-]+)", path.read_text())}
    for number, path in itertools.product(range(COPIES), (ROOT / "specs").glob("*.yaml")):
        text = path.read_text("utf-8")
        for name in names:
            text = re.sub(rf"(name: |[a-zA-Z]/){name}(?=[\s}}])", rf"\g<1>{name}-{number}", text)
        (project / "specs" / f"{path.stem}-{number}.yaml").write_text(text, "utf-8")
    for folder in (p for p in (ROOT / "specs").iterdir() if p.is_dir()):
        shutil.copytree(folder, project / "specs" / folder.name)
    forks.finish(["compile"], os.environ, project)
    assert len(list((project / "compiled").rglob("*.json"))) >= 30
    return project


@pytest.fixture
def compiled(graph: Path, tmp_path: Path) -> Path:
    """The compiled files of a project that is a test's own."""
    shutil.copytree(graph, tmp_path / "project")
    return tmp_path / "project" / "compiled"


def start(faults: Faults, folder: Path) -> Sandbox:
    """Start a sandbox whose clock is in a file beside the compiled files; applies of them put it forward."""
    lock = json.loads(LOCK.read_text("utf-8"))
    timing, clock = Timing(job=10, lineage=1), SharedClock(clock_of(folder))
    return sandbox.start(lock, timing=timing, existing=EXISTING, faults=faults, clock=clock)


def clock_of(folder: Path) -> Path:
    return folder.parent / "clock"


def apply(folder: Path, running: Sandbox) -> Fork:
    arguments = ["apply", str(folder), "--yes", "--wait", "--poll", "10"]
    said = folder.parent / f"said-{next(NUMBERS)}.txt"
    return forks.start(
        arguments, {**os.environ, **running.environment()}, folder.parent, said, SPEED, clock_of(folder)
    )


def count(folder: Path, running: Sandbox, toll: Toll) -> None:
    """Count what the account has against what was compiled."""
    wanted: Counter[str] = Counter()
    for file in files.read([folder]).files.values():
        request = main_request(file)
        if request is not None and request.service == "sagemaker":
            wanted[file.content.identity[:DIGITS]] += 1
    region = running.region("us-west-2")
    names = [j["JobName"] for j in region.table("jobs").values() if not j["JobName"].startswith("pipelines-")]
    names += [n for n in region.table("training_jobs") if not n.startswith("pipelines-")]
    names += [e["PipelineExecutionDisplayName"] for e in region.table("executions").values()]
    found = Counter(name[-DIGITS:] for name in names)
    toll.duplicates += (found - wanted).total()
    toll.losses += (wanted - found).total()


def count_artifacts(running: Sandbox, toll: Toll) -> None:
    """Count artifacts beyond one a source: the API knows no names for them that could be taken."""
    sources = Counter(a["Source"]["SourceUri"] for a in running.region("us-west-2").table("artifacts").values())
    toll.duplicates += sources.total() - len(sources)


def apply_until_done(folder: Path, running: Sandbox, toll: Toll) -> None:
    for _ in range(MOST_APPLIES):
        toll.applies += 1
        code, said = apply(folder, running).end()
        if code == 0:
            return
        assert code == 3, said
        assert "Traceback" not in said
    pytest.fail(f"not done after {MOST_APPLIES} applies:\n{said}")


def apply_and_kill(folder: Path, running: Sandbox, boundary: tuple[str, bool], nth: int) -> bool:
    """Kill apply with SIGKILL at the nth call of a kind, before it is carried out or before it is answered.

    The calls that AWS has received by then are carried out before this returns: none comes after the next lag.
    """
    seen, serving = itertools.count(1), set[threading.Thread]()
    kind, done = boundary

    def kill(call: Call, is_done: bool) -> None:
        serving.add(threading.current_thread())
        if is_done == done and call.operation.startswith(kind) and next(seen) == nth:
            process.kill()

    process = apply(folder, running)
    running.observer = kill
    code, _ = process.end()
    while serving:  # a thread serves one connection, which has ended with the process
        serving.pop().join()
    running.observer = None
    return code == -signal.SIGKILL


def trials(folder: Path, number: int, faults: dict[str, Any]) -> Toll:
    toll = Toll()
    for seed in range(number):
        dice, is_at_once = random.Random(seed), seed % 2 == 1
        toll.trials += 1
        with start(Faults(**faults, seed=seed), folder) as running:
            for boundary in (BOUNDARIES[(7 * seed) % len(BOUNDARIES)], dice.choice(BOUNDARIES)):
                toll.kills += apply_and_kill(folder, running, boundary, dice.randrange(1, 5))
                if not is_at_once:
                    running.clock.advance(faults.get("lag", 0))
            apply_until_done(folder, running, toll)
            count(folder, running, toll)
            if "lag" not in faults or not is_at_once:  # artifacts have no names: one not shown yet is made again
                count_artifacts(running, toll)
    return toll


@pytest.mark.slow
@pytest.mark.parametrize(
    "faults",
    [{}, TROUBLE, {"cut": 0.3}, *({"lag": lag} for lag in LAGS), {**TROUBLE, "cut": 0.1, "lag": 60}],
    ids=["kills", "kills-faults", "kills-cut", *(f"kills-lag-{lag}" for lag in LAGS), "kills-all"],
)
def test_kills_double_and_lose_nothing(
    compiled: Path, request: pytest.FixtureRequest, faults: dict[str, float], capfd: pytest.CaptureFixture[str]
) -> None:
    toll = trials(compiled, request.config.getoption("--trials"), faults)
    with capfd.disabled():
        sys.stdout.write(f"\n{request.node.name}: {toll}\n")
    assert toll.kills
    assert (toll.duplicates, toll.losses) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("lag", [0, *LAGS])
@pytest.mark.parametrize("killed", [False, True], ids=["both-end", "one-is-killed"])
def test_two_applies_at_once_are_one(compiled: Path, killed: bool, lag: float) -> None:
    toll = Toll()
    with start(Faults(latency=0.01, lag=lag), compiled) as running:
        both = [apply(compiled, running) for _ in range(2)]
        seen = itertools.count(1)

        def kill(call: Call, done: bool) -> None:
            if killed and call.mutating and done and next(seen) == 40:
                both[0].kill()

        running.observer = kill
        for process in both:
            code, said = process.end()
            assert code == (-signal.SIGKILL if killed and process is both[0] else 0), said
        count(compiled, running, toll)
        if not killed:
            count_artifacts(running, toll)
    assert (toll.duplicates, toll.losses) == (0, 0)
