"""Answers that AWS cannot have given, through a real proxy: no command fails over one, or reads it as nothing."""

from __future__ import annotations

import itertools
import os
import random
import re
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import pytest
from sagespec.cli import exits
from sagespec.executor import cloud, wire
from sagespec.sandbox import Sandbox

from tests import forks
from tests.conftest import LOCK, ROOT, Run, start_account
from tests.odd_answers import GARBAGE, SPOILED, Proxy, Spoil, endless, holding

TRAINER, EVALUATION, JUDGE = (
    "MultiTurnRLTrainer/support-agent",
    "BenchMarkEvaluator/llama-mmlu",
    "LLMAsJudgeEvaluator/support-tone",
)
TRAINING, FUNCTION = "ModelTrainer/line", "CustomAgentLambda/calculator"
FAST = ("--wait", "--poll", "1")
BRIEFLY = ("--poll", "1", "--timeout", "3")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("plan",),
    ("plan", "--sync-tags"),
    ("plan", "--verbose", "-o", "markdown"),
    ("plan", "-o", "json"),
    ("apply", "--yes"),
    ("apply", "--yes", "-o", "json"),
    ("apply", "--yes", "--wait", *BRIEFLY),
    ("apply", "--yes", "--sync-tags"),
    ("catalog", "models"),
    ("catalog", "runtimes"),
    ("describe", EVALUATION),
    ("describe", FUNCTION),
    ("describe", TRAINER),
    ("describe", TRAINING),
    ("describe", TRAINING, "-o", "json"),
    ("list",),
    ("list", "--sort-by", "Status", "--limit", "2"),
    ("list", "--name-contains", "a", "-o", "json"),
    ("lock", "--check"),
    ("lock", "--upgrade"),
    ("logs", EVALUATION),
    ("logs", TRAINING),
    ("metrics", TRAINER),
    ("mlflow-url", TRAINER),
    ("results", EVALUATION),
    ("results", EVALUATION, "-o", "markdown"),
    ("results", JUDGE, "--limit", "2"),
    ("results", JUDGE, "--check"),
    ("status",),
    ("status", TRAINER, FUNCTION, "-o", "json"),
    ("status", "finished-mtrl-job"),
    ("verify", EVALUATION),
    ("verify", TRAINING),
    ("verify", FUNCTION),
    ("wait", TRAINER, JUDGE, *BRIEFLY),
    ("iam-policy", "--for", "execution", "--check-role"),
    ("stop", TRAINER, "--yes"),
    ("delete", EVALUATION, "--yes"),
    ("delete", TRAINING, "--yes"),
)
ENDS = {exits.DONE, exits.INVALID, exits.AWS, exits.FAILED, exits.TIMED_OUT}
MOST_SECONDS = 120
MOST_COUNTED = 3
"""Of one command, which asks again and again."""
SLOW = {"metrics"}
"""Commands that take seconds, for MLflow's client; they are not tried as often."""


@dataclass(frozen=True)
class Applied:
    """The examples, applied to a sandbox."""

    project: Path
    running: Sandbox


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    """Applied once for all tests that change nothing."""
    project = tmp_path_factory.mktemp("applied")
    shutil.copy(LOCK, project)
    shutil.copytree(ROOT / "specs", project / "specs")
    with start_account() as running:
        environment = {**os.environ, **running.environment()}
        forks.finish(["compile"], environment, project)
        forks.finish(["apply", "--yes", "--wait", "--poll", "1"], environment, project)
        yield Applied(project, running)


@contextmanager
def proxy_before(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Put a proxy before a sandbox; nothing is waited for long."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with Proxy(running.url) as proxy:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, proxy.url if value == running.url else value)
        yield proxy


@pytest.fixture
def proxied(applied: Applied, mlflow_at_once: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The applied examples, which all tests share, with a proxy before them."""
    monkeypatch.chdir(applied.project)
    with proxy_before(applied.running, monkeypatch) as proxy:
        yield proxy


@pytest.fixture
def own_proxied(
    project: Path, account: Sandbox, applied: Applied, mlflow_at_once: None, monkeypatch: pytest.MonkeyPatch, run: Run
) -> Iterator[Proxy]:
    """The applied examples of a test that changes them."""
    shutil.copytree(applied.project, project, dirs_exist_ok=True)
    with proxy_before(account, monkeypatch) as proxy:
        run("apply", "--yes", *FAST)
        yield proxy


@pytest.fixture
def bounded() -> Iterator[Callable[[str], None]]:
    """Fail, and say what hangs, where something takes too long."""
    doing = [""]

    def give_up(_number: int, _frame: FrameType | None) -> None:
        pytest.fail(f"hangs: {doing[0]}")

    def watch(what: str) -> None:
        doing[0] = what
        signal.alarm(MOST_SECONDS)

    before = signal.signal(signal.SIGALRM, give_up)
    yield watch
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def always(spoil: Spoil, operation: str) -> Callable[[int, str], Spoil | None]:
    return lambda _number, asked: spoil if asked.startswith(operation) else None


def chosen(spoil: Spoil, nth: int, goes_on: bool) -> Callable[[int, str], Spoil | None]:
    """Spoil the nth answer, and where it `goes_on` each later one to the same operation."""
    spoiled: set[str] = set()

    def rule(number: int, asked: str) -> Spoil | None:
        if number == nth or (goes_on and asked in spoiled):
            spoiled.add(asked)
            return spoil
        return None

    return rule


@pytest.mark.slow
def test_odd_answers_to_any_command_end_in_no_defect(
    own_proxied: Proxy,
    run: Run,
    bounded: Callable[[str], None],
    request: pytest.FixtureRequest,
    capfd: pytest.CaptureFixture[str],
) -> None:
    usual = {}
    for command in COMMANDS[:-3]:  # the last ones change what there is
        own_proxied.begin(lambda *_: None, 0)
        run(*command, code=None)
        usual[command] = len(own_proxied.asked)
        assert usual[command], command
    dice = random.Random(request.config.getoption("--seed"))
    codes: Counter[int] = Counter()
    wanted = request.config.getoption("--answers")
    spoiled = 0
    for number in itertools.count():
        if spoiled >= wanted:
            break
        command, (name, spoil) = dice.choice(COMMANDS), dice.choice(list(SPOILED.items()))
        if command[0] in SLOW and dice.random() < 0.8:
            continue
        nth, goes_on = dice.randint(1, usual.get(command, 12)), dice.random() < 0.5
        what = f"{' '.join(command)}: {name} {'from' if goes_on else 'at'} answer {nth}, seed {number}"
        bounded(what)
        own_proxied.begin(chosen(spoil, nth, goes_on), number)
        before = own_proxied.spoiled
        said = run(*command, code=None)
        assert said.code in ENDS, f"{what}\n{said.stderr}"
        assert "Traceback" not in said.stderr, what
        codes[said.code] += 1
        spoiled += min(own_proxied.spoiled - before, MOST_COUNTED)
    bounded("the end")
    with capfd.disabled():
        sys.stdout.write(f"\n{spoiled} of {own_proxied.spoiled} spoiled answers counted: {dict(codes)}\n")


WHOLE = [  # what reads an answer as all there is, and what it would say of nothing
    (("plan",), "ListTrainingJobs", "START"),
    (("plan",), "ListPipelineExecutions", "START"),
    (("status",), "ListJobs", "has not run"),
    (("list",), "ListPipelines", "nothing found"),
    (("logs", TRAINING), "FilterLogEvents", "has written nothing"),
    (("catalog", "models"), "ListHubContents", "nothing"),
    (("results", EVALUATION), "GET /", "no results"),
    (("verify", EVALUATION), "DescribePipelineDefinitionForExecution", "absent"),
]


@pytest.mark.parametrize("name", ["a page", "a page as 404", "nothing", "no members", "half", "broken off"])
def test_no_odd_answer_reads_as_nothing(name: str, proxied: Proxy, run: Run) -> None:
    for command, operation, nothing in WHOLE:
        proxied.begin(always(SPOILED[name], operation), 0)
        said = run(*command, code=exits.AWS)
        assert operation in {asked[: len(operation)] for asked in proxied.asked}
        assert nothing not in said.stdout + said.stderr
        assert re.search(r"^error: .+", said.stderr, re.MULTILINE)
        assert "the same command may be repeated" in said.stderr


DOCUMENTS = [  # commands that read a document, and from which answer
    (("verify", EVALUATION), "DescribePipelineDefinitionForExecution"),
    (("verify", TRAINER), "DescribeJob"),
    (("status", TRAINER), "DescribeJob"),
    (("describe", EVALUATION), "DescribePipelineDefinitionForExecution"),
    (("results", EVALUATION), "DescribePipelineDefinitionForExecution"),
    (("lock", "--check"), "DescribeHubContent"),
    (("lock", "--check"), "DescribeJobSchemaVersion"),
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda text: text[:20])
def test_a_document_that_is_none_is_trouble(garbage: str, proxied: Proxy, run: Run) -> None:
    for command, operation in DOCUMENTS:
        proxied.begin(always(lambda answer, _: holding(answer, garbage), operation), 0)
        said = run(*command, code=exits.AWS)
        assert operation in proxied.asked
        assert "AWS's answer is malformed" in said.stdout + said.stderr


def test_one_odd_answer_is_asked_for_again(proxied: Proxy, run: Run) -> None:
    for command in (("status",), ("plan",), ("results", EVALUATION), ("logs", TRAINING)):
        proxied.begin(lambda *_: None, 0)
        usual = run(*command)
        for name, operation in zip(
            itertools.cycle(("a page", "broken off", "without end")), set(proxied.asked), strict=False
        ):
            spoiled: Counter[str] = Counter()

            def first(
                _number: int, asked: str, wanted: str = operation, seen: Counter[str] = spoiled
            ) -> Spoil | None:
                seen[asked] += 1
                return SPOILED[name] if asked == wanted and seen[asked] == 1 else None  # noqa: B023  asked at once

            proxied.begin(first, 0)
            assert run(*command).stdout == usual.stdout
            assert spoiled[operation] > 1


@pytest.mark.parametrize("how", ["drip", "flood", "headers"])
def test_an_answer_without_end_is_trouble(
    how: str, proxied: Proxy, run: Run, bounded: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "SECONDS", 0.2)
    monkeypatch.setattr(wire, "ANSWER_BYTES", 10**6)
    monkeypatch.setattr(cloud, "DOCUMENT_BYTES", 10**6)
    monkeypatch.setattr(cloud, "OBJECT_BYTES", 10**6)
    for command, operation in (
        (("plan",), "ListTrainingJobs"),
        (("results", EVALUATION), "GET /"),
        (("results", JUDGE, "--limit", "2"), "GET /"),
        (("plan",), "GetCallerIdentity"),
    ):
        bounded(" ".join(command))
        proxied.begin(always(endless(how), operation), 0)
        said = run(*command, code=exits.AWS).stderr
        assert "AWS's answer is incomplete or too long" in said
        assert "the same command may be repeated" in said


def test_an_answer_that_comes_slowly_is_one(proxied: Proxy, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = run("status").stdout
    monkeypatch.setattr(wire, "SECONDS", 0.2)
    spoiled: set[str] = set()

    def first(_number: int, asked: str) -> Spoil | None:
        return None if asked in spoiled or spoiled.add(asked) else endless("drip")  # type: ignore[func-returns-value]

    proxied.begin(first, 0)
    assert run("status").stdout == usual


def test_a_bucket_that_redirects_without_a_region(
    proxied: Proxy, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(Path(), tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    (Path("specs") / "model-trainer.yaml").write_text(
        (Path("specs") / "model-trainer.yaml").read_text("utf-8").replace("name: line", "name: other-line"), "utf-8"
    )
    (Path("specs") / "second-stage.yaml").unlink()  # it refers to the name
    run("compile")
    proxied.begin(always(SPOILED["a redirect"], "HEAD /"), 0)
    assert "a redirect that does not say to which region" in run("plan", code=exits.AWS).stderr


def test_pages_without_end(proxied: Proxy, run: Run) -> None:
    proxied.begin(always(SPOILED["a token that comes back"], "ListTrainingJobs"), 0)
    assert "a token is repeated" in run("list", code=exits.AWS).stderr
