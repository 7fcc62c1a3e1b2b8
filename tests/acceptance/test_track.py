"""Following, steering and reading what runs, over real HTTP."""

from __future__ import annotations

import csv
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import boto3
import pytest

from compiler.sandbox import Sandbox
from compiler.sandbox.service import Timing
from tests.conftest import ROOT, Run

FAST = ("--yes", "--wait", "--poll", "0.1")
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
    run("compile")
    run("apply", *FAST)
    return project


@pytest.fixture
def evaluated(project: Path, aws: Sandbox, run: Run) -> Path:
    write(project, "bench-mark-evaluator", "llm-as-judge-evaluator")
    run("compile")
    run("apply", *FAST)
    return project


def test_wait_follows_ours_and_those_of_others(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, "multi-turn-rl-trainer", "bench-mark-evaluator")
    aws.region("us-west-2").timing = Timing(job=4)  # slow enough to be seen on a busy machine
    run("compile")
    run("apply", "--yes")
    result = run("wait", TRAINER, BENCHMARK, "--poll", "0.05", "-o", "json")
    statuses = json.loads(result.stdout)["status"]
    assert {s["status"] for s in statuses} == {"Completed", "Succeeded"}
    assert re.search(r"support-agent InProgress \S+ Training epoch 1/2, step \d+/10", result.stderr)
    for status in statuses:
        assert run("wait", status["arn"]).code == 0


def test_wait_for_a_status_and_no_longer_than_allowed(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, "multi-turn-rl-trainer")
    aws.region("us-west-2").timing = Timing(job=20)
    run("compile")
    run("apply", "--yes")
    assert "not done after" in run("wait", TRAINER, "--timeout", "0", "--poll", "0.01", code=5).stderr
    run("wait", TRAINER, "--for", "Training", "--poll", "0.01")
    assert run("stop", TRAINER, "--yes").stdout.endswith("stopping\n")
    assert "is Stopped" in run("wait", TRAINER, "--poll", "0.05", code=4).stderr
    run("wait", TRAINER, "--for", "Stopped")


def test_describe_says_everything(trained: Path, run: Run) -> None:
    said = json.loads(run("describe", TRAINER, "-o", "json").stdout)
    assert said["details"]["progress_info"]["CurrentStep"] == 10
    assert said["details"]["billable_token_usage"]["TrainTokenCount"] == 400000
    assert said["compiled"]["source"] == "specs/multi-turn-rl-trainer.yaml"
    text = run("describe", said["name"]).stdout
    assert "  output_model_package_arn: arn:aws:sagemaker" in text
    assert "compiled:" not in text


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
    assert "    driver_script: torch_launch.py" in run("describe", "ModelTrainer/line").stdout


def test_list_finds_what_anybody_has_started(evaluated: Path, aws: Sandbox, run: Run) -> None:
    everything = json.loads(run("list", "-o", "json").stdout)["runs"]
    assert [e["kind"] for e in everything].count("LLMAsJudgeEvaluator") == 1
    newest = json.loads(run("list", "--sort-by", "Name", "--descending", "--limit", "1", "-o", "json").stdout)["runs"]
    assert newest[0]["name"] == max(e["name"] for e in everything)
    assert "nothing found" in run("list", "--status", "Failed").stderr
    assert "nothing found" in run("list", "--created-before", "2020-01-01").stderr
    assert "llama-mmlu" in run("list", "--created-after", "1h", "--kind", "BenchMarkEvaluator").stdout
    assert "neither ISO 8601" in run("list", "--created-after", "soon", code=2).stderr


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


def test_delete_lets_the_same_content_run_again(trained: Path, aws: Sandbox, run: Run) -> None:
    run("delete", TRAINER, "--yes")
    assert "has not run" in run("status").stdout
    run("apply", *FAST)
    assert [c.operation for c in aws.mutations()].count("CreateJob") == 2


def test_what_runs_is_not_deleted(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, "bench-mark-evaluator")
    aws.region("us-west-2").timing = Timing(job=20)
    run("compile")
    run("apply", "--yes")
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


def test_tags_drift_and_are_mended(trained: Path, aws: Sandbox, run: Run) -> None:
    sagemaker = boto3.client("sagemaker")
    (job,) = aws.region("us-west-2").table("jobs").values()
    arn = job["JobArn"]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["sagespec:address"])
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "cost-center", "Value": "theirs"}])
    before = len(aws.mutations())
    run("apply", *FAST)
    run("apply", "--sync-tags", "--dry-run")
    assert len(aws.mutations()) == before
    assert "sagespec:address=MultiTurnRLTrainer/support-agent" in run("apply", "--sync-tags", *FAST).stdout
    tags = {t["Key"]: t["Value"] for t in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    assert tags["sagespec:address"] == TRAINER
    assert tags["cost-center"] == "theirs"
    assert "tag" not in run("apply", "--sync-tags", *FAST).stdout


def with_thresholds(project: Path, *thresholds: str) -> None:
    spec = project / "specs" / "bench-mark-evaluator.yaml"
    lines = "\n".join(f"    - {t}" for t in thresholds)
    text = (ROOT / "specs" / "bench-mark-evaluator.yaml").read_text("utf-8")
    spec.write_text(text.replace("  name: llama-mmlu", f"  name: llama-mmlu\n  thresholds:\n{lines}", 1), "utf-8")


def test_thresholds_decide_and_start_nothing(evaluated: Path, aws: Sandbox, run: Run) -> None:
    before = len(aws.mutations())
    (score,) = [
        s
        for s in json.loads(run("results", BENCHMARK, "-o", "json").stdout)["scores"]
        if not s["metric"].endswith("_stderr")
    ]
    metric = score["metric"]
    with_thresholds(evaluated, f"{{metric: {metric}, minimum: 0.1}}")
    run("compile")
    run("apply", *FAST)
    assert len(aws.mutations()) == before
    assert f"met: {metric} at least 0.1" in run("results", BENCHMARK, "--check").stdout
    with_thresholds(evaluated, f"{{metric: {metric}, minimum: 0.99}}", "{metric: charm, minimum: 1}")
    run("compile")
    missed = run("results", BENCHMARK, "--check", code=4).stdout
    assert f"MISSED: {metric} at least 0.99, but is 0." in missed
    assert "there is no metric charm" in missed
    assert run("results", BENCHMARK).code == 0
    run("apply", *FAST, code=4)
    suite = ElementTree.fromstring(run("results", BENCHMARK, "-o", "junit").stdout)
    assert (suite.get("failures"), len(suite.findall("testcase"))) == ("2", 3)
    markdown = run("results", BENCHMARK, "-o", "markdown").stdout
    assert f"| {metric} | " in markdown
    assert "- **missed**: charm at least 1" in markdown


def test_judgements_page_by_page(evaluated: Path, run: Run) -> None:
    shown = json.loads(run("results", JUDGE, "--limit", "2", "--offset", "1", "-o", "json").stdout)["judgements"]
    assert shown["total"] >= 3
    assert len(shown["judgements"]) == 2
    assert "Question 2?" in shown["judgements"][0]["prompt"]
    text = run("results", JUDGE, "--limit", "1", "--explanations").stdout
    assert "judgements 1 to 1 of" in text
    assert "It is right." in text
    assert "has no judge" in run("results", BENCHMARK, "--limit", "1", code=1).stderr


def test_the_way_into_mlflow(trained: Path, run: Run) -> None:
    result = run("mlflow-url", TRAINER)
    assert result.stdout.startswith("https://")
    assert "this URL is a key" in result.stderr


def sagespec(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own: MLflow's import warns of much that is not ours."""
    return subprocess.run(
        [sys.executable, "-m", "compiler", *map(str, args)], capture_output=True, text=True, check=False
    )


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def test_metrics_of_the_sandbox(trained: Path, importable: None) -> None:
    table = sagespec("metrics", TRAINER)
    assert table.returncode == 0, table.stderr
    assert "rollout/reward/mean" in table.stdout.splitlines()[0]
    assert len(table.stdout.splitlines()) == 11


def test_metrics_of_a_target_that_has_none(evaluated: Path, importable: None) -> None:
    result = sagespec("metrics", BENCHMARK)
    assert result.returncode == 1
    assert "has no MLflow run" in result.stderr


@pytest.fixture
def mlflow_server(tmp_path: Path) -> Iterator[str]:
    """A real tracking server on SQLite."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path / "mlflow"
    folder.mkdir()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    stores = ["--backend-store-uri", f"sqlite:///{folder}/runs.db", "--artifacts-destination", str(folder)]
    server = subprocess.Popen([*command, *stores], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    deadline = time.monotonic() + 120
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            break
        except OSError:
            assert time.monotonic() < deadline
            assert server.poll() is None
            time.sleep(0.2)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait()


LOG_A_RUN = """
import sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1])
run = client.create_run(client.create_experiment(sys.argv[2]), run_name=sys.argv[3])
for step in range(1, 26):
    client.log_metric(run.info.run_id, "rollout/reward/mean", step / 25, step=step)
    client.log_metric(run.info.run_id, "rollout/turns/mean", 5.5, step=step)
client.log_metric(run.info.run_id, "val/reward/pass_at_4", 0.75, step=25)
print(run.info.run_id)
"""


@pytest.mark.slow
def test_metrics_of_a_real_tracking_server(
    trained: Path, importable: None, run: Run, mlflow_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    details = json.loads(run("describe", TRAINER, "-o", "json").stdout)["details"]["mlflow_details"]
    command = [sys.executable, "-c", LOG_A_RUN, mlflow_server, details["ExperimentName"], details["RunName"]]
    logged = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    found = json.loads(sagespec("metrics", TRAINER, "-o", "json").stdout)
    assert found["run_id"] == logged
    assert [row["step"] for row in found["steps"]] == list(range(1, 26))
    assert found["steps"][-1]["metrics"] == {"rollout/reward/mean": 1.0, "rollout/turns/mean": 5.5}
    picture = trained / "reward.svg"
    rows = list(csv.DictReader(sagespec("metrics", TRAINER, "-o", "csv", "--plot", picture).stdout.splitlines()))
    assert rows[4]["rollout/reward/mean"] == "0.2"
    assert "<svg" in picture.read_text("utf-8")
    assert "0.75" in sagespec("metrics", TRAINER, "--metric", "val/reward/pass_at_4").stdout
    unknown = sagespec("metrics", TRAINER, "--metric", "charm")
    assert unknown.returncode == 1
    assert "has not logged charm" in unknown.stderr


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
