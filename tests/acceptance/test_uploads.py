"""What is uploaded for a training: under the output's key, to a bucket of ours, and drivers of another version."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.backends import get_backend
from sagespec.executor import cloud_errors
from sagespec.executor.runs import drivers
from sagespec.sandbox import Sandbox, buckets
from sagespec.sandbox.service import ServiceError

from tests import proxy
from tests.conftest import ROOT, Run

KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OURS = "sagemaker-us-west-2-123456789012"
TRAINING = """
apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: t}
spec:
  training_image: image:1
  compute: {instance_type: ml.m5.large}
  source_code: {source_dir: code, entry_script: train.py}
  output_data_config: {kms_key_id: KEY}
"""
JUDGE = """
apiVersion: sagespec/v1
kind: LLMAsJudgeEvaluator
metadata: {name: j}
spec:
  model: huggingface-reasoning-qwen3-32b
  evaluator_model: anthropic.claude-sonnet-4-5-20250929-v1:0
  dataset: s3://my-bucket/a.jsonl
  custom_metrics: [{customMetricDefinition: {name: M, instructions: "Rate {{prediction}}"}}]
  s3_output_path: OUTPUT
"""


@pytest.fixture
def training(project: Path) -> Path:
    (project / "specs" / "code").mkdir()
    (project / "specs" / "code" / "train.py").write_text("print(1)\n", "utf-8")
    (project / "specs" / "t.yaml").write_text(TRAINING.replace("KEY", KEY), "utf-8")
    return project


def test_every_upload_has_the_key_of_the_output_and_an_owner(
    training: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("compile")
    asked: list[tuple[str, dict[str, str]]] = []
    with proxy.before(aws.url, heard=lambda *what: asked.append(what)) as url, monkeypatch.context() as there:
        there.setenv("AWS_ENDPOINT_URL", url)
        run("apply", "--yes")
    puts = [headers for operation, headers in asked if operation.startswith("PUT ")]
    heads = [headers for operation, headers in asked if operation.startswith(f"HEAD /{OURS}/sagespec/")]
    assert len(puts) > 5
    assert len(heads) >= len(puts)
    assert {headers.get("x-amz-server-side-encryption-aws-kms-key-id") for headers in puts} == {KEY}
    assert {headers.get("x-amz-expected-bucket-owner") for headers in (*puts, *heads)} == {"123456789012"}
    (listed,) = {o["Key"].split("/")[2] for o in objects() if "/code/" in o["Key"]}
    assert boto3.client("s3").head_object(Bucket=OURS, Key=f"sagespec/code/{listed}/train.py")["SSEKMSKeyId"] == KEY


def test_each_key_has_objects_of_its_own(training: Path, aws: Sandbox, run: Run) -> None:
    """A job's role may not read what was encrypted for another: nothing is shared between keys, or overwritten."""
    run("compile")
    run("apply", "--yes")
    before = {o["Key"]: o["LastModified"] for o in objects()}
    spec = training / "specs" / "t.yaml"
    other = KEY.replace("1234abcd", "abcd1234")
    spec.write_text(spec.read_text("utf-8").replace(KEY, other), "utf-8")
    run("compile")
    run("apply", "--yes")
    assert len(aws.region("us-west-2").table("training_jobs")) == 2
    after = {o["Key"]: o["LastModified"] for o in objects()}
    assert before.items() < after.items()
    assert len(after) == 2 * len(before)
    held = {key: boto3.client("s3").head_object(Bucket=OURS, Key=key).get("SSEKMSKeyId") for key in after}
    assert all(held[key] == (KEY if key in before else other) for key in after)


def objects() -> list[dict[str, Any]]:
    """What apply has uploaded; the models of finished trainings lie elsewhere."""
    found: list[dict[str, Any]] = boto3.client("s3").list_objects_v2(Bucket=OURS, Prefix="sagespec/")["Contents"]
    return found


@pytest.mark.parametrize(("path", "owner"), [(f"s3://{OURS}/x", "123456789012"), ("s3://my-bucket/x", None)])
def test_only_the_bucket_that_is_generated_has_a_known_owner(project: Path, run: Run, path: str, owner: str) -> None:
    (project / "specs" / "j.yaml").write_text(JUDGE.replace("OUTPUT", path), "utf-8")
    made = json.loads(run("compile", "--stdout", "LLMAsJudgeEvaluator/j").stdout)
    (upload,) = [r["parameters"] for r in made["requests"] if r["operation"] == "PutObject"]
    assert upload.get("ExpectedBucketOwner") == owner
    assert "SSEKMSKeyId" not in upload


def test_a_default_bucket_that_is_missing_is_an_error_of_plan(training: Path, aws: Sandbox, run: Run) -> None:
    spec = training / "specs" / "t.yaml"
    spec.write_text(f"{spec.read_text('utf-8')}  default_bucket: no-bucket\n", "utf-8")
    run("compile")
    told = run("plan", code=3).stderr
    assert "there is no bucket no-bucket" in told
    assert "hint: create the bucket first; sagespec never does" in told


def test_a_bucket_of_somebody_else_is_told_before_anything_is_sent(training: Path, aws: Sandbox, run: Run) -> None:
    boto3.client("s3").delete_bucket(Bucket=OURS)
    get_backend("s3")["210987654321"]["aws"].create_bucket(OURS, "us-west-2")
    run("compile")
    changes = len(aws.mutations())
    for command in ("plan", "apply"):
        told = run(command, *(["--yes"] if command == "apply" else []), code=3).stderr
        assert f"bucket {OURS} is not of account 123456789012" in told
        assert "hint: somebody else has made a bucket of this name" in told
    assert len(aws.mutations()) == changes


def test_a_bucket_that_shows_nothing_may_be_somebody_elses(
    training: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever lacks s3:ListBucket is told the same: no obstacle, but a note, and both reasons when it is refused."""

    def check_owner(environ: dict[str, Any]) -> None:
        raise ServiceError("AccessDenied", "Access Denied", 403)

    run("compile")
    monkeypatch.setattr(buckets, "check_owner", check_owner)
    lines = run("plan", "--verbose").stdout.splitlines()
    uploads = [line for line in lines if "+ create" in line]
    assert len(uploads) > 5
    assert all("or the bucket is somebody else's" in line for line in uploads)
    assert "it is expected to be of account 123456789012" in run("apply", "--yes", code=3).stderr
    assert not aws.region("us-west-2").table("training_jobs")


def test_a_refused_upload_says_whose_the_bucket_is_expected_to_be() -> None:
    given = {"ExpectedBucketOwner": "123456789012"}
    for operation in ("PutObject", "HeadObject"):
        told = cloud_errors.hint("AccessDenied", "Access Denied", "s3", operation, given)
        assert told.endswith("or the bucket is somebody else's: it is expected to be of account 123456789012")
        assert "somebody else" not in cloud_errors.hint("AccessDenied", "Access Denied", "s3", operation, {})


def test_without_a_key_nothing_is_said_of_encryption(training: Path, run: Run) -> None:
    spec = training / "specs" / "t.yaml"
    spec.write_text(spec.read_text("utf-8").partition("  output_data_config")[0], "utf-8")
    assert "ServerSideEncryption" not in run("compile", "--stdout", "ModelTrainer/t").stdout


def test_an_upgrade_of_our_drivers_is_no_other_identity(training: Path, run: Run) -> None:
    before = json.loads(run("compile", "--stdout", "ModelTrainer/t").stdout)
    for folder in ("compiler", "schemas", "templates"):
        shutil.copytree(ROOT / folder, training / "lib" / folder, ignore=shutil.ignore_patterns("__pycache__"))
    driver = training / "lib" / "compiler" / "sagespec" / "drivers" / "run.py"
    driver.write_text(driver.read_text("utf-8") + "# a newer version\n", "utf-8")
    command = [sys.executable, "-m", "sagespec", "compile", "--stdout", "ModelTrainer/t"]
    environment = {**os.environ, "PYTHONPATH": str(training / "lib" / "compiler")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    after = json.loads(done.stdout)
    assert after["metadata"]["identity"] == before["metadata"]["identity"]
    assert after["metadata"]["digest"] != before["metadata"]["digest"]
    ran, wanted = (one["requests"][-1]["parameters"] for one in (before, after))
    assert ran != wanted
    assert drivers.as_compiled(ran, wanted) == wanted


def test_what_ran_with_other_drivers_of_ours_is_as_compiled_with_a_note(
    training: Path, aws: Sandbox, run: Run
) -> None:
    run("compile")
    run("apply", "--yes", "--wait", "--poll", "1")
    (job,) = aws.region("us-west-2").table("training_jobs").values()
    code, ours = (channel["DataSource"]["S3DataSource"] for channel in job["InputDataConfig"])
    ours["S3Uri"] = f"s3://{OURS}/sagespec/sm_drivers/{'0' * 16}/"
    done = run("verify", "ModelTrainer/t")
    assert "note: it ran with the drivers of another version of sagespec" in done.stderr
    assert json.loads(run("verify", "ModelTrainer/t", "-o", "json").stdout)["differences"] == []
    assert run("plan").stdout.endswith("UNCHANGED 1\nnothing to do.\n")
    ours["S3Uri"] = f"s3://others/sagespec/sm_drivers/{'0' * 16}/"
    assert "S3Uri" in run("verify", "ModelTrainer/t", code=1).stdout
    code["S3Uri"] = f"s3://{OURS}/sagespec/code/{'0' * 16}/"
    assert "/code/0000" in run("verify", "ModelTrainer/t", code=1).stdout


def test_a_sandbox_takes_an_image_of_another_registry(training: Path, run: Run) -> None:
    run("compile")
    assert "\nSTART\n  > " in run("apply", "--sandbox", "--dry-run").stdout
