"""Every command while AWS shows late what it has done: nothing is done twice, fails, or counts as deleted."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagespec import sandbox
from sagespec.executor import patience, pauses
from sagespec.executor.runs.targets import NOT_SHOWN
from sagespec.sandbox import Clock, Faults, Sandbox
from sagespec.sandbox.server import Call
from sagespec.sandbox.service import REMEMBERED_SECONDS, Timing

from tests import forks
from tests.conftest import EXISTING, LOCK, ROOT, SPEED, Run

FAST = ("--yes", "--wait", "--poll", "4")
REGION = "us-west-2"
BENCHMARK, TRAINER = "BenchMarkEvaluator/llama-mmlu", "MultiTurnRLTrainer/support-agent"
ADAPTER = "CustomAgentLambda/adapter"
ADAPTER_SPEC = """\
apiVersion: sagespec/v1
kind: CustomAgentLambda
metadata: {name: adapter}
spec: {source: agent.py}
"""
BOTH = """\
apiVersion: sagespec/v1
kind: BenchMarkEvaluator
metadata:
  name: both
  thresholds: [{metric: exact_match, minimum: 0.1, maximum_loss: 0.9}]
spec:
  model: arn:aws:sagemaker:us-west-2:123456789012:model-package/llama-ft/1
  benchmark: math
  s3_output_path: s3://my-bucket/evaluations
  evaluate_base_model: true
"""
READS = (
    "DescribeJob",
    "DescribeModelPackageGroup",
    "DescribePipeline",
    "DescribePipelineDefinitionForExecution",
    "DescribePipelineExecution",
    "DescribeTrainingJob",
    "GET /2015-03-31/functions",
    "ListArtifacts",
    "ListJobs",
    "ListPipelineExecutionSteps",
    "ListPipelineExecutions",
    "ListPipelineVersions",
    "ListTrainingJobs",
)
"""What apply reads, when nothing is there yet."""
TRACKED = (
    "DescribeJob",
    "DescribePipelineDefinitionForExecution",
    "DescribePipelineExecution",
    "DescribeTrainingJob",
    "ListJobs",
    "ListPipelineExecutionSteps",
    "ListPipelineExecutions",
)
Start = Callable[..., Sandbox]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start a sandbox whose time passes as fast as patience does, and point the environment at it."""
    running: list[Sandbox] = []

    def begin(lag: float, *, seed: int = 0, only: str = "", job: float = 0.1 * SPEED) -> Sandbox:
        lock, faults = json.loads(LOCK.read_text("utf-8")), Faults(lag=lag, seed=seed)
        timing = Timing(job=job, lineage=0.01 * SPEED)
        found = sandbox.start(lock, timing=timing, faults=faults, existing=EXISTING, clock=Clock(SPEED))
        found.is_late = lambda operation: operation.startswith(only)
        running.append(found)
        for name, value in found.environment().items():
            monkeypatch.setenv(name, value)
        return found

    yield begin
    for found in running:
        found.close()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Something of every sort, and what depends on it, compiled."""
    project = tmp_path_factory.mktemp("compiled")
    shutil.copy(LOCK, project)
    (project / "specs").mkdir()
    for name in ("custom-agent-lambda", "custom-scorer-evaluator", "graph", "model-trainer", "torchrun"):
        shutil.copy(ROOT / "specs" / f"{name}.yaml", project / "specs")
    for name in ("agents", "training"):
        shutil.copytree(ROOT / "specs" / name, project / "specs" / name)
    forks.finish(["compile"], os.environ, project)
    return project


@pytest.fixture
def examples(compiled: Path, project: Path) -> Path:
    """A test's own copy of it."""
    shutil.copytree(compiled, project, dirs_exist_ok=True)
    return project


def write(project: Path, run: Run, name: str) -> Path:
    spec = project / "specs" / f"{name}.yaml"
    shutil.copy(ROOT / "specs" / spec.name, spec)
    run("compile")
    return spec


def made(aws: Sandbox) -> Counter[str]:
    """What there is of each name that may exist once, and of each source of an artifact."""
    region = aws.region(REGION)
    names = [name for table in ("jobs", "training_jobs") for name in region.table(table)]
    names = [name for name in names if not name.startswith("pipelines-")]
    names += [e["PipelineExecutionDisplayName"] for e in region.table("executions").values()]
    names += [a["Source"]["SourceUri"] for a in region.table("artifacts").values()]
    return Counter(names)


def sent(aws: Sandbox, operation: str) -> int:
    return sum(call.operation == operation for call in aws.calls)


@pytest.mark.parametrize("only", READS)
def test_one_apply_does_everything_once_whatever_read_is_late(
    examples: Path, start: Start, run: Run, only: str
) -> None:
    aws = start(60, only=only)
    run("apply", *FAST)
    assert any(call.lag for call in aws.calls), only
    found = made(aws)
    assert len(found) > 6
    assert set(found.values()) == {1}
    assert sent(aws, "StartPipelineExecution") == len(aws.region(REGION).table("executions"))
    assert sent(aws, "CreatePipeline") == len(aws.region(REGION).table("pipelines"))
    assert sent(aws, "UpdatePipeline") == 0
    run("apply", *FAST)
    assert made(aws) == found


@pytest.mark.parametrize("lag", [1, 5, 60])
def test_one_apply_does_everything_once_where_all_reads_are_late(
    examples: Path, start: Start, run: Run, lag: float
) -> None:
    for seed in range(3):
        aws = start(lag, seed=seed)
        run("apply", *FAST)
        found = made(aws)
        assert set(found.values()) == {1}
        assert sent(aws, "StartPipelineExecution") == len(aws.region(REGION).table("executions"))
        run("apply", *FAST)
        assert made(aws) == found


@pytest.mark.parametrize("lag", [5, 60])
def test_applies_one_after_another_are_one(examples: Path, start: Start, run: Run, lag: float) -> None:
    """Each sees little of what those before have done, and none waits for what runs."""
    aws = start(lag)
    for _ in range(6):
        run("apply", "--yes")
    run("apply", *FAST)
    assert set(made(aws).values()) == {1}


@pytest.mark.parametrize("only", TRACKED)
def test_tracking_right_after_a_start_goes_on(project: Path, start: Start, run: Run, only: str) -> None:
    write(project, run, "bench-mark-evaluator")
    write(project, run, "multi-turn-rl-trainer")
    aws = start(60, only=only)
    run("apply", "--yes")

    def shown(command: str, target: str) -> str:
        """What a command says that does not wait: that AWS may be late, and once it is not, the rest."""
        said = run(command, target, code=None)
        if NOT_SHOWN in said.stderr:
            assert said.code == 1
            aws.clock.advance(60)
            return run(command, target).stderr
        assert said.code == 0, said.stderr
        return said.stderr

    for target in (BENCHMARK, TRAINER):
        run("status", target)
        run("wait", target, "--poll", "4")
        assert "ran what is in" in shown("verify", target)
        shown("describe", target)
        run("logs", target, "--follow", "--poll", "4")


def test_whatever_is_late_wait_waits_for_what_was_just_started(project: Path, start: Start, run: Run) -> None:
    """Time goes on with each request alone, so that the first looks show nothing on any machine."""
    write(project, run, "multi-turn-rl-trainer")
    for nth in range(3):
        aws = start(60, job=30.0)
        aws.clock.speed = 0
        run("apply", "--yes")
        aws.observer = lambda _call, done, clock=aws.clock: clock.advance(0 if done else 4)
        (job,) = aws.region(REGION).table("jobs").values()
        target = (TRAINER, job["JobName"], job["JobArn"])[nth]
        said = run("wait", target, "--poll", "0.01").stderr
        assert (
            nth or f"AWS does not show {target}: looking again for 90 seconds" in said
        )  # a name takes several looks
        assert "Completed" in said


def test_what_has_never_run_is_not_waited_for_for_ever(project: Path, start: Start, run: Run) -> None:
    write(project, run, "multi-turn-rl-trainer")
    start(0)
    assert "`sagespec apply" in run("wait", TRAINER, code=1).stderr
    assert "has not run" in run("status").stdout


def test_thresholds_are_judged_by_all_results(project: Path, start: Start, run: Run) -> None:
    (project / "specs" / "both.yaml").write_text(BOTH, "utf-8")
    run("compile")
    for seed in range(4):
        start(60, seed=seed)
        assert run("apply", *FAST).stdout.count("met: exact_match") == 2


def test_a_changed_spec_goes_on_with_its_pipeline(project: Path, start: Start, run: Run) -> None:
    """Its tags are late, its old definition is shown, and so are the old versions."""
    spec = write(project, run, "bench-mark-evaluator")
    aws = start(60)
    for number in range(2, 5):
        run("apply", "--yes")
        text = spec.read_text("utf-8").replace("name: llama-mmlu", f"name: llama-mmlu\n  run: {number}", 1)
        spec.write_text(text.replace(f"  run: {number - 1}\n", ""), "utf-8")
        run("compile")
    run("apply", *FAST)
    assert len(aws.region(REGION).table("pipelines")) == 1
    assert set(made(aws).values()) == {1}
    assert len(aws.region(REGION).table("executions")) == 4


def test_an_execution_runs_the_version_that_was_compiled(project: Path, start: Start, run: Run) -> None:
    spec = write(project, run, "bench-mark-evaluator")
    aws = start(60)
    run("apply", "--yes")
    spec.write_text(spec.read_text("utf-8").replace("temperature: 0", "temperature: 0.5"), "utf-8")
    run("compile")
    run("apply", *FAST)
    ran = {e["PipelineVersionId"]: e["Definition"] for e in aws.region(REGION).table("executions").values()}
    assert len(set(ran.values())) == len(ran) == 2


@pytest.mark.parametrize("lag", [1, 5, 60])
def test_an_artifact_is_not_doubled_when_its_creation_was_cut_off(
    project: Path, start: Start, run: Run, lag: float
) -> None:
    write(project, run, "custom-scorer-evaluator")
    for seed in range(3):
        aws = start(lag, seed=seed)
        aws.misbehave(Faults(lag=lag, drop=0.5, seed=seed))
        run("apply", *FAST)
        assert len(aws.region(REGION).table("artifacts")) == 1
        assert len(aws.region(REGION).table("executions")) == 1


def test_an_artifact_of_another_apply_that_is_not_listed_yet_is_used(project: Path, start: Start, run: Run) -> None:
    write(project, run, "custom-scorer-evaluator")
    aws = start(60)
    file = json.loads(next((project / "compiled").rglob("*.json")).read_text("utf-8"))
    wanted = next(r["parameters"] for r in file["requests"] if r["operation"] == "CreateArtifact")
    theirs = boto3.client("sagemaker").create_artifact(**wanted)["ArtifactArn"]
    run("apply", *FAST)
    assert list(aws.region(REGION).table("artifacts")) == [theirs]
    (execution,) = aws.region(REGION).table("executions").values()
    assert theirs in execution["Definition"]


def test_a_start_that_does_not_know_its_pipeline_yet_is_repeated_with_the_same_token(
    project: Path, start: Start, run: Run
) -> None:
    write(project, run, "bench-mark-evaluator")
    aws = start(0)
    hidden: dict[str, Any] = {}
    pipelines = aws.region(REGION).table("pipelines")

    def hide(call: Call, done: bool) -> None:
        if call.operation == "StartPipelineExecution" and not done:
            hidden.update(pipelines)
            pipelines.clear()
            aws.observer = show

    def show(call: Call, done: bool) -> None:
        if call.operation == "StartPipelineExecution" and not done:
            pipelines.update(hidden)
            aws.observer = None

    aws.observer = hide
    run("apply", *FAST)
    assert sent(aws, "StartPipelineExecution") == 2
    assert len(aws.region(REGION).tokens) == 2
    assert len(aws.region(REGION).table("executions")) == 1


def test_an_output_that_a_finished_job_does_not_show_yet_is_waited_for(
    examples: Path, start: Start, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = start(0)
    usual, left = sandbox.service.OPERATIONS["DescribeJob"], [6]

    def describe(region: Any, request: dict[str, Any]) -> dict[str, Any]:
        found = usual(region, request)
        if found["JobStatus"] == "Completed" and left[0]:
            left[0] -= 1
            document = json.loads(found["JobConfigDocument"])
            document["ServiceOutput"].pop("OutputModelPackageArn", None)
            return {**found, "JobConfigDocument": json.dumps(document)}
        return found

    monkeypatch.setitem(sandbox.service.OPERATIONS, "DescribeJob", describe)
    run("apply", *FAST)
    assert left == [0]
    assert set(made(aws).values()) == {1}


@pytest.mark.parametrize("target", [BENCHMARK, TRAINER, ADAPTER])
def test_delete_ends_when_what_was_deleted_is_shown_no_longer(
    project: Path, start: Start, run: Run, target: str
) -> None:
    write(project, run, "bench-mark-evaluator")
    write(project, run, "multi-turn-rl-trainer")
    (project / "specs" / "agent.py").write_text("def handler(event, context):\n    return event\n", "utf-8")
    (project / "specs" / "a.yaml").write_text(ADAPTER_SPEC, "utf-8")
    run("compile")
    aws = start(60)
    path = f"compiled/{target}.json"
    run("apply", path, *FAST)
    run("wait", target)
    said = run("delete", target, "--yes").stdout
    assert ("raise metadata.run" if target == BENCHMARK else "`sagespec apply` runs the same content again") in said
    aws.is_late = lambda _operation: False
    assert "has not run" in run("status", target).stdout
    aws.clock.advance(REMEMBERED_SECONDS)
    assert "RUNNING" not in run("plan", path).stdout
    run("apply", path, *FAST)


@pytest.mark.parametrize("lag", [0, 60])
def test_what_was_deleted_runs_again_as_it_is_said(project: Path, start: Start, run: Run, lag: float) -> None:
    """An evaluation by another identity, since AWS remembers its start; all else by the same apply."""
    spec = write(project, run, "bench-mark-evaluator")
    write(project, run, "multi-turn-rl-trainer")
    aws = start(lag)
    run("apply", *FAST)
    for target in (BENCHMARK, TRAINER):
        run("delete", target, "--yes")
    refused = run("apply", *FAST, code=4).stderr
    assert f"{BENCHMARK}: " in refused
    assert "raise metadata.run" in refused
    assert len(aws.region(REGION).table("jobs")) == 1
    spec.write_text(spec.read_text("utf-8").replace("name: llama-mmlu", "name: llama-mmlu\n  run: 2"), "utf-8")
    run("compile")
    run("apply", *FAST)
    assert set(made(aws).values()) == {1}
    assert len(aws.region(REGION).table("executions")) == 1


def test_status_right_after_an_apply_does_not_say_that_nothing_has_run(project: Path, start: Start, run: Run) -> None:
    write(project, run, "bench-mark-evaluator")
    write(project, run, "multi-turn-rl-trainer")
    aws = start(0)
    run("apply", "--yes")
    for table in ("jobs", "executions"):
        aws.region(REGION).table(table).clear()
    assert run("status").stdout.count("AWS does not show it yet") == 2
    for command in ("status", "results", "verify", "logs", "describe"):
        said = run(command, "BenchMarkEvaluator/llama-mmlu", code=None)
        assert "AWS does not show it yet" in said.stdout + said.stderr


@pytest.mark.parametrize("lag", [5, 60])
def test_tags_of_what_is_new_are_synced_without_a_failure(project: Path, start: Start, run: Run, lag: float) -> None:
    write(project, run, "bench-mark-evaluator")
    write(project, run, "multi-turn-rl-trainer")
    start(lag)
    for _ in range(4):
        run("apply", "--yes", "--sync-tags")


def test_a_pipeline_of_others_is_left_alone_however_new_it_is(project: Path, start: Start, run: Run) -> None:
    write(project, run, "bench-mark-evaluator")
    aws = start(0)
    run("apply", *FAST)
    region = aws.region(REGION)
    (pipeline,) = region.table("pipelines").values()
    region.table("executions").clear()
    region.table("tags")[pipeline["PipelineArn"]] = []
    spec = project / "specs" / "bench-mark-evaluator.yaml"
    spec.write_text(spec.read_text("utf-8").replace("name: llama-mmlu", "name: llama-mmlu\n  run: 2"), "utf-8")
    run("compile")
    assert "exists that is not this spec's" in run("apply", *FAST, code=3).stderr
    assert not region.table("executions")


def test_patience_grows_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "SPEED", 10_000)
    looks: list[None] = []
    told: list[None] = []
    assert patience.look_for(lambda: looks.append(None), on_wait=lambda: told.append(None)) is None
    assert 5 < len(looks) < 40
    assert len(told) == 1
