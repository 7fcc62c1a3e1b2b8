"""Fine-tuning as it is tracked: progress, lists by technique, metrics of MLflow and of the log, what comes out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagespec.executor import metrics
from sagespec.executor.metrics import MlflowMissing
from sagespec.sandbox import Sandbox
from sagespec.sandbox.lifecycle import FAIL_TAG
from sagespec.sandbox.service import Timing

from tests.conftest import Run, start_account

MODEL, NOVA = "huggingface-reasoning-qwen3-32b", "nova-textgeneration-lite-v2"
FAST = ("--yes", "--wait", "--poll", "1")
pytestmark = pytest.mark.usefixtures("mlflow_at_once")


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with start_account(Timing(job=10.0, lineage=0.1), ["s3://my-bucket/t.jsonl"]) as running:
        yield running


@pytest.fixture
def aws(shared: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    for name, value in shared.environment().items():
        monkeypatch.setenv(name, value)
    return shared


def write(project: Path, kind: str, name: str, **spec: Any) -> None:
    given = {"model_package_group": "out-mpg", "training_dataset": "s3://my-bucket/t.jsonl", **spec}
    document = {"apiVersion": "sagespec/v1", "kind": kind, "metadata": {"name": name}, "spec": given}
    (project / "specs" / f"{name}.json").write_text(json.dumps(document), "utf-8")


def shown(run: Run, *command: str) -> Any:
    return json.loads(run(*command, "-o", "json").stdout)


def test_a_chain_of_trainings_is_followed_to_what_it_puts_out(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, "SFTTrainer", "first", model=MODEL, mlflow_run_name="a run")
    write(project, "DPOTrainer", "second", model={"ref": "SFTTrainer/first"})
    run("compile")
    run("apply", *FAST)
    (first,) = shown(run, "status", "SFTTrainer/first")["status"]
    details = first["details"]
    assert (first["status"], details["progress"]) == ("Completed", 1.0)
    assert details["serverless_job_config"]["CustomizationTechnique"] == "SFT"
    assert details["hyper_parameters"]
    assert details["billable_token_count"] > 0
    assert {t["Status"] for t in details["secondary_status_transitions"]} >= {"Training", "Completed"}
    package = details["output_model_package_arn"]
    (second,) = shown(run, "status", "DPOTrainer/second")["status"]
    assert second["details"]["model_package_config"]["SourceModelPackageArn"] == package
    listed = {entry["name"]: entry["kind"] for entry in shown(run, "list")["runs"]}
    assert (listed[first["name"]], listed[second["name"]]) == ("SFTTrainer", "DPOTrainer")
    only = shown(run, "list", "--kind", "DPOTrainer")["runs"]
    assert [entry["name"] for entry in only] == [second["name"]]
    assert "ran what is in" in run("verify", "SFTTrainer/first").stderr
    assert "Training" in run("logs", "SFTTrainer/first").stdout
    told = run("results", "SFTTrainer/first").stdout.splitlines()
    assert told[0] == package
    assert any(line.split()[0] == "reduced_train_loss" for line in told[1:])
    steps = shown(run, "metrics", "DPOTrainer/second")["steps"]
    assert [row["step"] for row in steps] == list(range(1, 11))
    assert run("mlflow-url", "SFTTrainer/first").stdout.startswith("http://127.0.0.1:")
    run("delete", "DPOTrainer/second", "--yes")
    assert "has not run" in run("status", "DPOTrainer/second").stdout


def test_jobs_of_others_are_listed_by_their_technique(
    project: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    sagemaker = boto3.client("sagemaker", "us-west-2")
    write(project, "SFTTrainer", "ours", model=MODEL)
    run("compile")
    run("apply", *FAST)
    (ours,) = shown(run, "status", "SFTTrainer/ours")["status"]
    job = sagemaker.describe_training_job(TrainingJobName=ours["name"])
    kept = ("RoleArn", "ServerlessJobConfig", "InputDataConfig", "OutputDataConfig", "ModelPackageConfig")
    sagemaker.create_training_job(TrainingJobName="theirs", **{name: job[name] for name in kept})
    runs = {entry["name"]: entry["kind"] for entry in shown(run, "list", "--name-contains", "theirs")["runs"]}
    assert runs == {"theirs": "SFTTrainer"}
    assert shown(run, "list", "--kind", "ModelTrainer")["runs"] == []
    monkeypatch.setattr(aws.region("us-west-2"), "timing", Timing(job=1e6))
    run("stop", "theirs", "--yes")
    assert shown(run, "status", "theirs")["status"][0]["status"] == "Stopped"


def test_a_training_that_fails_blocks_what_waits_for_it(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, "SFTTrainer", "fails", model=MODEL, tags={FAIL_TAG: "out of memory"})
    write(project, "DPOTrainer", "blocked", model={"ref": "SFTTrainer/fails"})
    run("compile")
    before = len(aws.mutations())
    told = run("apply", *FAST, code=4).stderr
    assert "out of memory" in told
    assert "skipped: it depends on SFTTrainer/fails" in told
    assert [call.operation for call in aws.mutations()[before:]] == ["CreateTrainingJob"]
    assert "is Failed: it has put out nothing" in run("results", "SFTTrainer/fails", code=1).stderr


def test_metrics_of_nova_are_read_from_the_log_without_mlflow(
    project: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: Any) -> Any:
        raise MlflowMissing("metrics need `pip install 'sagespec[mlflow]'`")

    write(project, "SFTTrainer", "nova", model=NOVA)
    write(project, "SFTTrainer", "open", model=MODEL)
    run("compile")
    run("apply", *FAST)
    of_mlflow = shown(run, "metrics", "SFTTrainer/nova")["steps"]
    monkeypatch.setattr(metrics, "_ask", missing)
    of_log = shown(run, "metrics", "SFTTrainer/nova")["steps"]
    assert of_log == of_mlflow
    assert shown(run, "metrics", "SFTTrainer/nova", "--metric", "lr")["steps"][0]["metrics"].keys() == {"lr"}
    assert "pip install" in run("metrics", "SFTTrainer/nova", "--metric", "reward", code=None).stderr
    assert "pip install" in run("metrics", "SFTTrainer/open", code=None).stderr
    told = run("results", "SFTTrainer/open")
    assert ":model-package/out-mpg/" in told.stdout
    assert "pip install" in told.stderr


def test_a_package_that_is_not_put_out_is_an_error_that_says_so(
    project: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, "SFTTrainer", "empty", model=MODEL, base_job_name="empty")
    write(project, "DPOTrainer", "waits", model={"ref": "SFTTrainer/empty"})
    run("compile")
    monkeypatch.setattr("sagespec.sandbox.packages.of_job", lambda *_: None)
    told = run("apply", *FAST, code=4).stderr
    assert "SFTTrainer/empty has put out no OutputModelPackageArn" in told
