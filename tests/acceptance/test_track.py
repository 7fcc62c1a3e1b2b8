"""Following, steering and reading what runs, over real HTTP."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import boto3
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from sagespec.compiling import source_map
from sagespec.documents.compiled import Request
from sagespec.executor import follow, logs, retries
from sagespec.executor.cloud import Cloud
from sagespec.executor.runs import sorts as kinds_of_runs
from sagespec.executor.runs.job import CATEGORIES
from sagespec.executor.runs.status import Status, Step
from sagespec.executor.runs.streams import Place
from sagespec.sandbox import Faults, Sandbox
from sagespec.sandbox.server import Call
from sagespec.sandbox.service import Timing

from tests.conftest import ROOT, Run

LONG = 1e6
FAST = ("--yes", "--wait", "--poll", "1")
AT_ONCE = ("--yes", "--wait", "--poll", "0.1")
"""For what has ended as soon as it has begun: see `release`."""
pytestmark = pytest.mark.usefixtures("mlflow_at_once")
TRAINER = "MultiTurnRLTrainer/support-agent"
JUDGE = "LLMAsJudgeEvaluator/support-tone"
BENCHMARK = "BenchMarkEvaluator/llama-mmlu"


def write(project: Path, *names: str) -> None:
    shutil.rmtree(project / "specs")
    (project / "specs").mkdir()
    for name in names:
        shutil.copy(ROOT / "specs" / f"{name}.yaml", project / "specs")


@pytest.fixture
def trained(project: Path, aws: Sandbox, run: Run) -> Path:
    write(project, "multi-turn-rl-trainer")
    release(aws)
    run("compile")
    run("apply", *AT_ONCE)
    return project


@pytest.fixture
def evaluated(project: Path, aws: Sandbox, run: Run) -> Path:
    write(project, "bench-mark-evaluator", "llm-as-judge-evaluator")
    release(aws)
    run("compile")
    run("apply", *AT_ONCE)
    return project


def hold(aws: Sandbox, share: float = 0.4) -> None:
    """Keep all that runs where it is after a share of its time; nothing goes on before `release`."""
    region = aws.region("us-west-2")
    region.timing = Timing(job=LONG, lineage=0.01)
    for job in (*region.table("jobs").values(), *region.table("training_jobs").values()):
        job["CreationTime"] = time.time() - share * LONG


def release(aws: Sandbox) -> None:
    """Let all that was held come to its end."""
    aws.region("us-west-2").timing = Timing(job=0.01, lineage=0.01)


def release_after(aws: Sandbox, operation: str, looks: int) -> None:
    """The same, once an operation was seen so often."""
    seen = itertools.count(1)

    def observe(call: Call, done: bool) -> None:
        if done and call.operation == operation and next(seen) == looks:
            release(aws)

    aws.observer = observe


@pytest.fixture
def running(project: Path, aws: Sandbox, run: Run) -> Path:
    """A training in the middle of its time, and an evaluation that has just started."""
    write(project, "multi-turn-rl-trainer", "bench-mark-evaluator")
    hold(aws)
    run("compile")
    run("apply", "--yes")
    hold(aws)
    return project


def test_wait_follows_ours_and_those_of_others(running: Path, aws: Sandbox, run: Run) -> None:
    release_after(aws, "DescribeJob", looks=3)
    result = run("wait", TRAINER, BENCHMARK, "--poll", "0.05", "-o", "json")
    statuses = json.loads(result.stdout)["status"]
    assert {s["status"] for s in statuses} == {"Completed", "Succeeded"}
    assert re.search(r"support-agent InProgress \S+ Training epoch 1/2, step 5/5", result.stderr)
    for status in statuses:
        assert run("wait", status["arn"]).code == 0


def test_wait_for_a_status_and_no_longer_than_allowed(running: Path, aws: Sandbox, run: Run) -> None:
    assert "not done after" in run("wait", TRAINER, "--timeout", "0", "--poll", "3600", code=5).stderr
    assert "not done after" in run("wait", TRAINER, "--timeout", "0.1", "--poll", "3600", code=5).stderr
    run("wait", TRAINER, "--for", "Training")
    run("wait", TRAINER, "--for", "Downloading", "--for", "Nothing")  # which has passed already
    assert run("stop", TRAINER, "--yes").stdout.endswith("is stopping\n")
    assert "is Stopped" in run("wait", TRAINER, "--poll", "0.05", code=4).stderr
    run("wait", TRAINER, "--for", "Stopped")
    missed = run("wait", TRAINER, "--for", "Uploading", "--for", "Completed", code=4).stderr
    assert "is Stopped and has not been Uploading or Completed" in missed


def test_waiting_blindly_has_an_end(running: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(retries, "ROUNDS", 1)
    monkeypatch.setattr(follow, "BLIND_SECONDS", -1)

    def fail(call: Call, done: bool) -> None:
        if call.operation == "DescribeJob":
            aws.misbehave(Faults(error=1))

    aws.observer = fail
    assert "We are sorry" in run("wait", TRAINER, "--poll", "0.05", code=3).stderr


def test_stop_stops_each_time_it_is_asked(running: Path, aws: Sandbox, run: Run) -> None:
    sagemaker = boto3.client("sagemaker")
    assert run("stop", BENCHMARK, "--yes").stdout.endswith("is stopping\n")
    assert run("stop", BENCHMARK, "--yes").stdout.endswith("is already Stopped\n")
    arn = json.loads(run("describe", BENCHMARK, "-o", "json").stdout)["arn"]
    sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    assert run("stop", BENCHMARK, "--yes").stdout.endswith("is stopping\n")
    assert json.loads(run("describe", BENCHMARK, "-o", "json").stdout)["status"] == "Stopped"
    release(aws)
    assert run("stop", TRAINER, "--yes").stdout.endswith("is already Completed\n")


def test_describe_says_everything(trained: Path, run: Run) -> None:
    said = json.loads(run("describe", TRAINER, "-o", "json").stdout)
    assert said["details"]["progress_info"]["CurrentStep"] == 5
    assert said["details"]["billable_token_usage"]["TrainTokenCount"] == 400000
    assert said["compiled"]["source"] == "specs/multi-turn-rl-trainer.yaml"
    assert said["compiled"]["path"] == f"compiled/{TRAINER}.json"
    assert [t["Status"] for t in said["details"]["secondary_status_transitions"]][-2:] == ["Uploading", "Completed"]
    named = json.loads(run("describe", said["name"], "-o", "json").stdout)
    assert named == said, "a job is known by its identity, however it is named"
    shutil.rmtree(trained / "compiled")
    text = run("describe", said["name"]).stdout
    assert re.search(r"^Results\n(  .*\n)*  model package +arn:aws:sagemaker", text, re.MULTILINE)
    assert re.search(r"^  progress +epoch 2/2, step 5/5$", text, re.MULTILINE)
    assert re.search(r"^  \S+ \S+ UTC  Uploading ", text, re.MULTILINE)
    assert not re.search(r"None|True|False|[{}\[\]]|datetime", text)
    assert "  compiled " not in text


def test_describe_names_the_driver_of_a_training(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, "model-trainer", "torchrun")
    shutil.copytree(ROOT / "specs" / "training", project / "specs" / "training")
    run("compile")
    run("apply", *FAST)
    said = json.loads(run("describe", "ModelTrainer/line", "-o", "json").stdout)["compiled"]["distributed"]
    assert said == {
        "type": "Torchrun",
        "process_count_per_node": 2,
        "driver_dir": "sm_drivers/drivers",
        "driver_script": "torch_launch.py",
    }
    assert "  driver_script           torch_launch.py\n" in run("describe", "ModelTrainer/line").stdout


def test_list_finds_what_anybody_has_started(evaluated: Path, aws: Sandbox, run: Run) -> None:
    everything = json.loads(run("list", "-o", "json").stdout)["runs"]
    assert [e["kind"] for e in everything].count("LLMAsJudgeEvaluator") == 1
    newest = json.loads(run("list", "--sort-by", "Name", "--descending", "--limit", "1", "-o", "json").stdout)["runs"]
    assert newest[0]["name"] == max(e["name"] for e in everything)
    assert run("list", "--status", "Failed").stderr == "nothing found\n"
    assert run("list", "--status", "succeeded").stderr == (
        "nothing found: there is no status 'succeeded': did you mean 'Succeeded'?\n"
    )
    assert "nothing found" in run("list", "--created-before", "2020-01-01").stderr
    assert "llama-mmlu" in run("list", "--created-after", "1h", "--kind", "BenchMarkEvaluator").stdout
    assert "neither ISO 8601" in run("list", "--created-after", "soon", code=2).stderr


def test_list_asks_each_operation_only_for_what_it_knows(evaluated: Path, aws: Sandbox, run: Run) -> None:
    def names(*options: str) -> set[str]:
        return {entry["name"] for entry in json.loads(run("list", *options, "-o", "json").stdout)["runs"]}

    everything = names()
    succeeded, completed = names("--status", "Succeeded"), names("--status", "Completed")
    assert succeeded | completed == everything
    assert succeeded
    assert completed
    assert names("--status", "DeleteFailed") == names("--status", "Invented") == set()
    assert names("--name-contains", "llama_mmlu") == names("--name-contains", "?" * 99) == set()
    assert names("--name-contains", "llama-mmlu") < everything


def test_statuses_are_those_of_the_api() -> None:
    model = ServiceModel(Loader().load_service_model("sagemaker", "service-2"))
    shapes = {"job": "JobStatus", "training-job": "TrainingJobStatus", "execution": "PipelineExecutionStatus"}
    for name, shape in shapes.items():
        assert set(model.shape_for(shape).enum) == kinds_of_runs.BY_NAME[name].STATUSES
    assert set(model.shape_for("JobCategory").enum) == set(CATEGORIES)


def test_jobs_that_no_kind_makes(project: Path, aws: Sandbox, run: Run) -> None:
    """An AgentRFTEvaluation job that others have started alone."""
    write(project, "multi-turn-rl-evaluator", "multi-turn-rl-trainer")
    run("compile")
    run("apply", *FAST)
    executions = json.loads(run("status", "-o", "json").stdout)["status"]
    arn = next(step["job_arn"] for s in executions for step in s["steps"] if step["name"] == "EvaluateFineTunedModel")
    sagemaker = boto3.client("sagemaker")
    category = {"JobCategory": "AgentRFTEvaluation"}
    job = sagemaker.describe_job(JobName=arn.rpartition("/")[2], **category)
    document = json.loads(job["JobConfigDocument"])
    del document["ServiceOutput"]
    schema = {"JobConfigSchemaVersion": "1.0.0", "JobConfigDocument": json.dumps(document)}
    sagemaker.create_job(JobName="theirs", RoleArn=job["RoleArn"], **schema, **category)
    run("wait", "theirs", "--poll", "0.05")
    listed = json.loads(run("list", "-o", "json").stdout)["runs"]
    assert [e["kind"] for e in listed if e["name"] == "theirs"] == ["AgentRFTEvaluation"]
    assert not [e for e in listed if e["name"].startswith("pipelines-")]
    assert "theirs" in run("list", "--kind", "AgentRFTEvaluation").stdout
    scores = {s["metric"]: s for s in json.loads(run("results", "theirs", "-o", "json").stdout)["scores"]}
    assert scores["eval/reward/mean"]["custom"] > 0
    assert scores["eval/reward/mean"]["base"] is None
    assert "has no judge" in run("results", "theirs", "--limit", "1", code=1).stderr
    assert ":model-package/" in run("results", TRAINER).stdout


def test_logs_page_through_to_the_last_line(trained: Path, aws: Sandbox, run: Run) -> None:
    before = len(aws.calls)
    lines = [json.loads(line) for line in run("logs", TRAINER, "-o", "json").stdout.splitlines()]
    assert [line["message"] for line in lines][-1] == "Completed"
    assert len(lines) == 4 + 10 + 1
    pages = [c for c in aws.calls[before:] if c.operation == "FilterLogEvents"]
    assert len(pages) == 3, "two pages, and an empty one between them"
    assert run("logs", TRAINER, "--since", "2999-01-01T00:00:00Z").stdout == ""


def test_logs_of_an_evaluation_are_those_of_its_steps(evaluated: Path, run: Run) -> None:
    said = run("logs", BENCHMARK).stdout
    assert "pipelines-" in said
    assert "Completed" in said


def test_logs_follow_to_the_end(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, "multi-turn-rl-trainer")
    run("compile")
    run("apply", "--yes")
    lines = run("logs", TRAINER, "--follow", "--poll", "0.05").stdout.splitlines()
    assert len(lines) == len(set(lines)) == 15


def test_logs_are_followed_through_trouble(
    project: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, "multi-turn-rl-trainer")
    run("compile")
    run("apply", "--yes")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(retries, "ROUNDS", 1)
    hold(aws)
    looks = itertools.count(1)
    (job,) = aws.region("us-west-2").table("jobs").values()

    def observe(call: Call, done: bool) -> None:
        if not done and call.operation == "DescribeJob":
            look = next(looks)
            aws.misbehave({2: Faults(error=1), 4: Faults()}.get(look, aws.faults))
            job["StoppedAt"] = time.time() if look == 6 else job["StoppedAt"]

    aws.observer = observe
    said = run("logs", TRAINER, "--follow", "--poll", "0.05")
    assert said.stderr.count("looking again: ") == 3
    words = [line.partition(f"{job['JobName']}/algo-1 ")[2].partition(":")[0] for line in said.stdout.splitlines()]
    assert words == ["Starting", "Downloading", "Training", "step 1", "step 2", "step 3", "Stopped"]


def test_a_second_look_at_logs_goes_on_from_the_first(aws: Sandbox) -> None:
    group, client = {"logGroupName": "/aws/lambda/agent"}, boto3.client("logs")
    client.create_log_group(**group)
    client.create_log_stream(**group, logStreamName="2026/1")
    last = int(time.time() * 1000) - 60_000

    def write_line(text: str, at: int) -> None:
        client.put_log_events(**group, logStreamName="2026/1", logEvents=[{"timestamp": at, "message": text}])

    tail = logs.Tail(Cloud(region="us-west-2"), "us-west-2")
    function = Status("function", "agent", "", "Active")
    write_line("old", last - 3 * logs.LATE_MS)
    write_line("last", last)
    assert [line.text for line in tail.read(function)] == ["old", "last"]
    write_line("late", last - logs.LATE_MS // 2)
    write_line("too late to be looked for", last - 2 * logs.LATE_MS)
    write_line("new", last + 1)
    assert [line.text for line in tail.read(function)] == ["late", "new"]
    assert list(tail.read(function)) == []


def test_logs_of_jobs_of_every_sort_behind_steps() -> None:
    arn = "arn:aws:sagemaker:us-west-2:123456789012"
    sorts = ("training-job", "processing-job", "hyper-parameter-tuning-job", "job/AgentRFTEvaluation", "job")
    steps = tuple(Step(sort, None, "Succeeded", job_arn=f"{arn}:{sort}/a") for sort in sorts)
    status = Status("execution", "a", "", "Succeeded", steps=steps)
    places = [Place(f"/aws/sagemaker/{group}", "a/") for group in ("TrainingJobs", "ProcessingJobs")]
    assert kinds_of_runs.of(status).logs(status) == [*places, Place("/aws/sagemaker/Job/AgentRFTEvaluation", "a/")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("list", "--created-after", "99999999999999d"), "out of range"),
        (("list", "--created-before", "0001-01-01"), "before 1970"),
        (("logs", TRAINER, "--since", "9999999999999d"), "out of range"),
        (("logs", TRAINER, "--since", "0001-01-01T00:00+23:59"), "out of range"),
        (("list", "--created-after", "9999-12-31T23:59:59-23:59"), "out of range"),
        (("stop", "", "--yes"), "a TARGET is empty"),
        (("status", ""), "a TARGET is empty"),
        (("results", BENCHMARK, "--limit", "1", "-o", "junit"), "not as junit"),
        (("logs", TRAINER, "--poll", "-1"), "--poll"),
        (("wait", TRAINER, "--poll", "-1"), "--poll"),
        (("wait", TRAINER, "--poll", "nan"), "not a time"),
        (("wait", TRAINER, "--timeout", "inf"), "--timeout"),
        (("metrics", TRAINER, "--plot", "nowhere/x.png"), "there is no folder nowhere"),
        (("metrics", TRAINER, "--plot", "x.zzz"), "must end in one of .pdf, .png, .svg"),
        (("sandbox", "--bucket", "b"), "is not a bucket name"),
        (("sandbox", "--faults", "seed=x"), "seed is a number"),
        (("sandbox", "--faults", "latency=inf"), "latency is between"),
    ],
)
def test_wrong_command_lines(project: Path, aws: Sandbox, run: Run, words: tuple[str, ...], said: str) -> None:
    assert said in " ".join(run(*words, code=2).stderr.split())
    assert not aws.calls


@pytest.mark.parametrize("words", [("sandbox", "--", "true"), ("apply", "--sandbox")])
def test_a_lock_that_is_none(project: Path, aws: Sandbox, run: Run, words: tuple[str, ...]) -> None:
    write(project, "multi-turn-rl-trainer")
    run("compile")
    (project / "sagespec.lock.json").write_text('{"contexts": {', "utf-8")
    assert "sagespec.lock.json:1:" in run(*words, code=1).stderr


def on_a_terminal(term: str, columns: int, *words: str) -> Iterator[str]:
    """Run a command on a terminal; give all that it has said so far whenever it says more. It ends in 0."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "sagespec", *words]
    environment = {**os.environ, "TERM": term, "COLUMNS": str(columns)}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    said = ""
    with contextlib.suppress(OSError):  # what Linux says once the other end is closed
        while True:
            said += os.read(ours, 65536).decode("utf-8", "replace")
            yield said
    os.close(ours)
    assert process.wait() == 0, said


def test_a_terminal_shows_one_table_that_ticks(running: Path, aws: Sandbox, importable: None) -> None:
    for said in on_a_terminal("xterm", 160, "wait", TRAINER, BENCHMARK, "--poll", "0.05"):
        ticks = len(set(re.findall(r"watching for (\d\S+)", said)))
        if ticks > 1 and "EvaluateBaseModel" in said and "epoch 1/2" in said:  # nothing has happened until then
            release(aws)
    for word in ("status", "secondary", "step", "progress", "elapsed", "EvaluateBaseModel", "epoch 1/2, step 5/5"):
        assert word in said, said
    assert "Succeeded" in said.rpartition("spec  ")[2]


def test_a_terminal_that_cannot_be_drawn_on_gets_lines(running: Path, aws: Sandbox, importable: None) -> None:
    release(aws)
    *_, said = on_a_terminal("dumb", 160, "wait", BENCHMARK, "--poll", "0.05")
    day = rf"{datetime.now(timezone.utc):%Y-%m}-\d\d"  # a run may take days, and CI may be anywhere
    assert re.match(rf"{day}T\d\d:\d\d:\d\dZ {BENCHMARK} \w+ ", said)
    assert "Succeeded" in said
    assert "\x1b" not in said


def test_a_narrow_terminal_cuts_no_words(running: Path, aws: Sandbox, importable: None) -> None:
    for said in on_a_terminal("xterm", 60, "wait", TRAINER, BENCHMARK, "--poll", "0.05"):
        if re.search(rf"{TRAINER} +\r\n  InProgress  Training  epoch 1/2, step 5/5  \d", said):
            release(aws)
    assert re.search(rf"{BENCHMARK} +\r\n  Succeeded  1 of 1 steps  \d", said)


def test_what_is_kept_is_never_shown_as_planned(running: Path, aws: Sandbox, importable: None, run: Run) -> None:
    release(aws)
    run("wait", TRAINER, BENCHMARK, "--poll", "0.05")
    write(running, "multi-turn-rl-trainer", "bench-mark-evaluator", "mpi", "multi-turn-rl-evaluator")
    run("compile")
    *_, said = on_a_terminal("xterm", 160, "apply", "--yes", "--wait", "--poll", "0.05")
    assert re.search(rf"{TRAINER} +Completed", said)
    assert re.search(rf"{BENCHMARK} +Succeeded", said)
    rows = re.findall(r"^(\S+) +planned", said, re.MULTILINE)
    assert set(rows) <= {"MultiTurnRLEvaluator/support-agent-episodes"}


def test_a_failed_job_names_its_logs(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, "multi-turn-rl-trainer")
    with (project / "specs" / "multi-turn-rl-trainer.yaml").open("a") as spec:
        spec.write("  tags: {'sandbox:fail': out of memory}\n")
    run("compile")
    run("apply", "--yes")
    said = run("wait", TRAINER, "--poll", "0.05", code=4).stderr
    assert f"out of memory\n    hint: `sagespec logs {TRAINER}` shows" in said
    assert run("logs", TRAINER).stdout


def test_an_interrupted_wait_says_how_to_come_back(running: Path, aws: Sandbox, importable: None) -> None:
    command = [sys.executable, "-m", "sagespec", "wait", TRAINER, "--poll", "60"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert said.split("\n") == [
        f"runs continue: `sagespec wait {TRAINER}` follows them again",
        "",
        "interrupted",
        "",
    ]


def test_delete_lets_the_same_content_run_again(trained: Path, aws: Sandbox, run: Run) -> None:
    run("delete", TRAINER, "--yes")
    assert "has not run" in run("status").stdout
    run("apply", *FAST)
    assert [c.operation for c in aws.mutations()].count("CreateJob") == 2


def test_what_runs_is_not_deleted(running: Path, run: Run) -> None:
    assert "running executions" in run("delete", BENCHMARK, "--yes", code=3).stderr
    run("stop", BENCHMARK, "--yes")
    run("delete", BENCHMARK, "--yes")


def test_verify_compares_what_ran_with_what_was_reviewed(trained: Path, aws: Sandbox, run: Run) -> None:
    assert "ran what is in" in run("verify", TRAINER).stderr
    jobs = aws.region("us-west-2").table("jobs")
    (job,) = jobs.values()
    assert "ran what is in" in run("verify", job["JobName"]).stderr
    document = json.loads(job["JobConfigDocument"])
    document["InputDataConfig"][0]["ChannelName"] = "other"
    job["JobConfigDocument"] = json.dumps(document)
    assert '/InputDataConfig/0/ChannelName: was "other", now "train"' in run("verify", TRAINER, code=1).stdout


def test_verify_compares_a_function(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, "custom-agent-lambda")
    agents = project / "specs" / "agents"
    shutil.copytree(ROOT / "specs" / "agents", agents)
    run("compile")
    run("apply", *FAST)
    target, client = "CustomAgentLambda/calculator", boto3.client("lambda")
    assert "is what is in" in run("verify", target).stderr
    (function,) = client.list_functions()["Functions"]
    client.update_function_configuration(FunctionName=function["FunctionName"], Timeout=7, Handler="other.handler")
    assert run("verify", target, code=1).stdout.splitlines() == [
        '/Handler: was "other.handler", now "lambda_function.handler"',
        "/Timeout: was 7, now 300",
    ]
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("lambda_function.py", "def handler(event, context): return 1\n")
    client.update_function_code(FunctionName=function["FunctionName"], ZipFile=other.getvalue())
    assert "/Code: its SHA-256 was " in run("verify", target, code=1).stdout
    (agents / "calculator.py").write_text("pass\n", "utf-8")
    assert "has changed since it was compiled" in run("verify", target, code=1).stderr


def test_tags_drift_and_are_mended(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, "multi-turn-rl-trainer", "bench-mark-evaluator", "custom-agent-lambda")
    shutil.copytree(ROOT / "specs" / "agents", project / "specs" / "agents")
    (project / "sagespec.yaml").write_text("apiVersion: sagespec/v1\nkind: Project\ndefaults: {tags: {team: rl}}\n")
    run("compile")
    run("apply", *FAST)
    sagemaker, functions = boto3.client("sagemaker"), boto3.client("lambda")
    (job,), (pipeline,) = (aws.region("us-west-2").table(name).values() for name in ("jobs", "pipelines"))
    arns = [job["JobArn"], pipeline["PipelineArn"]]
    for arn in arns:
        sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "cost-center", "Value": "theirs"}])
    (function,) = functions.list_functions()["Functions"]
    functions.tag_resource(Resource=function["FunctionArn"], Tags={"team": "theirs", "cost-center": "theirs"})
    before = len(aws.mutations())
    run("apply", *FAST)
    for words in (("plan", "--sync-tags"), ("apply", "--sync-tags", "--dry-run")):
        said = run(*words)
        assert said.stdout.partition("TAGS\n")[2].count("team=rl") == 3
        assert said.stdout.endswith("\nnothing starts; 3 resources to tag.\n")
    assert run("plan", "--sync-tags", "--detailed-exitcode", "--save", "plan.json", code=6)
    assert len(aws.mutations()) == before
    run("apply", "plan.json", *FAST)
    for arn in arns:
        tags = {t["Key"]: t["Value"] for t in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
        assert (tags["team"], tags["cost-center"]) == ("rl", "theirs")
    tags = functions.list_tags(Resource=function["FunctionArn"])["Tags"]
    assert (tags["team"], tags["cost-center"]) == ("rl", "theirs")
    assert tags["sagespec:address"] == "CustomAgentLambda/calculator"
    assert "TAGS" not in run("plan", "--sync-tags").stdout


def test_tags_of_what_others_have_made_stay(trained: Path, aws: Sandbox, run: Run) -> None:
    (job,) = aws.region("us-west-2").table("jobs").values()
    aws.region("us-west-2").table("tags")[job["JobArn"]] = [{"Key": "team", "Value": "theirs"}]
    (trained / "sagespec.yaml").write_text("apiVersion: sagespec/v1\nkind: Project\ndefaults: {tags: {team: rl}}\n")
    run("compile")
    before = len(aws.mutations())
    assert "TAGS" not in run("apply", "--sync-tags", *FAST).stdout
    assert len(aws.mutations()) == before


def test_the_way_into_mlflow(trained: Path, run: Run) -> None:
    result = run("mlflow-url", TRAINER)
    assert result.stdout.startswith("http://127.0.0.1:")
    assert "this URL can use it" in result.stderr


def sagespec(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own: MLflow's import warns of much that is not ours."""
    return subprocess.run(
        [sys.executable, "-m", "sagespec", *map(str, args)], capture_output=True, text=True, check=False
    )


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "compiler"))


def test_metrics_of_the_sandbox(trained: Path, importable: None) -> None:
    table = sagespec("metrics", TRAINER)
    assert table.returncode == 0, table.stderr
    assert "rollout/reward/mean" in table.stdout.splitlines()[0]
    assert len(table.stdout.splitlines()) == 11
    assert table.stderr == "", "whatever MLflow's plugins have to say"
    closed = subprocess.run(["sh", "-c", f"{sys.executable} -m sagespec metrics {TRAINER} -o csv >&-"], check=False)
    assert closed.returncode == 1, "what nobody can get is no result"


def test_metrics_of_a_target_that_has_none(evaluated: Path, importable: None) -> None:
    result = sagespec("metrics", BENCHMARK)
    assert result.returncode == 1
    assert "has no MLflow run" in result.stderr


def test_what_aws_refuses_is_shown_at_the_spec_line(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, "multi-turn-rl-trainer")
    run("compile")
    schemas = aws.region("us-west-2").facts["job_schemas"]
    schemas["AgentRFT/1.0.0"] = {
        "properties": {"InputDataConfig": {"items": {"properties": {"ChannelName": {"enum": ["validation"]}}}}}
    }
    result = run("apply", *FAST, code=3)
    line = (project / "specs" / "multi-turn-rl-trainer.yaml").read_text("utf-8").splitlines()
    number = 1 + next(n for n, text in enumerate(line) if "training_dataset" in text)
    assert f"specs/multi-turn-rl-trainer.yaml:{number}:" in result.stderr
    spec = project / "specs" / "multi-turn-rl-trainer.yaml"
    spec.write_text(spec.read_text("utf-8").replace("support-agent", "other-agent"), "utf-8")
    moved = run("apply", *FAST, code=3)
    assert "#/requests/2/parameters/JobConfigDocument/$json/InputDataConfig/0" in moved.stderr


def test_a_message_that_names_only_a_leaf() -> None:
    document = {"TrainingConfig": {"HyperParameters": {"max_epochs": "2"}}, "Tags": [{"Key": "a"}, {"Key": "b"}]}
    request = Request("job", "sagemaker", "CreateJob", {"JobName": "a", "JobConfigDocument": {"$json": document}})
    leaf = ("JobConfigDocument", "$json", "TrainingConfig", "HyperParameters", "max_epochs")
    assert source_map.member(request, "Hyperparameter max_epochs must be 1") == leaf
    assert source_map.member(request, "JobConfigDocument is invalid: 'max_epochs' is 2") == leaf
    assert source_map.member(request, "TrainingConfig/HyperParameters is not there, max_epochs neither") == leaf
    assert source_map.member(request, "JobName is taken, like max_epochs") == ("JobName",)
    assert source_map.member(request, "The Key of this Type is no Value") == ()
