"""A training whose channel is the model artifacts of another: order, failures, kills, late reads, staleness."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagespec.executor import patience
from sagespec.sandbox import Faults, Sandbox
from sagespec.sandbox.service import OPERATIONS, Timing

from tests import forks
from tests.acceptance import test_faults as faults
from tests.acceptance.test_apply import FAST
from tests.acceptance.test_commits import git
from tests.conftest import LOCK, Run
from tests.iam import KEY

FIRST, SECOND = "ModelTrainer/first", "ModelTrainer/second"
UPSTREAM = """apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: first}
spec:
  training_image: 763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.4-gpu
  compute: {instance_type: ml.g5.xlarge}
  output_data_config: {s3_output_path: s3://my-bucket/models}
"""
CONSUMER = """apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: second}
spec:
  training_image: 763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.4-gpu
  compute: {instance_type: ml.g5.xlarge}
  source_code: {source_dir: code, entry_script: measure.py}
  input_data_config:
  - {channel_name: model, data_source: {ref: ModelTrainer/first}}
  output_data_config: {s3_output_path: s3://my-bucket/output}
"""
MEASURE = "import os; print(sorted(os.listdir(os.environ['SM_CHANNEL_MODEL'])))\n"


def write(project: Path, *specs: str) -> None:
    (project / "specs" / "code").mkdir(exist_ok=True)
    (project / "specs" / "code" / "measure.py").write_text(MEASURE, "utf-8")
    (project / "specs" / "stages.yaml").write_text("---\n".join(specs), "utf-8")


@pytest.fixture
def stages(project: Path, run: Run) -> Path:
    write(project, UPSTREAM, CONSUMER)
    run("compile")
    return project


def jobs(aws: Sandbox) -> dict[str, dict[str, Any]]:
    """The training jobs of the account by the spec's name; none is there twice."""
    names, sagemaker = list(aws.region("us-west-2").table("training_jobs")), boto3.client("sagemaker")
    found = {name.rpartition("-")[0]: sagemaker.describe_training_job(TrainingJobName=name) for name in names}
    assert len(found) == len(names)
    return found


def source(job: dict[str, Any]) -> dict[str, Any]:
    (found,) = (c["DataSource"]["S3DataSource"] for c in job["InputDataConfig"] if c["ChannelName"] == "model")
    return dict(found)


def actions(run: Run, *arguments: str) -> dict[str, set[str]]:
    files = json.loads(run("plan", "-o", "json", *arguments).stdout)["files"]
    return {file["address"]: {line["action"] for line in file["requests"]} for file in files}


def test_the_second_gets_the_archive_that_the_first_has_written(stages: Path, aws: Sandbox, run: Run) -> None:
    planned = run("plan").stdout
    assert "THEN, each when what it waits for has completed\n  . ModelTrainer/second  " in planned
    assert "after ModelTrainer/first" in planned
    run("apply", *FAST)
    made = jobs(aws)
    artifacts = made["first"]["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifacts == f"s3://my-bucket/models/{made['first']['TrainingJobName']}/output/model.tar.gz"
    assert source(made["second"]) == {
        "S3DataDistributionType": "FullyReplicated",
        "S3DataType": "S3Prefix",
        "S3Uri": artifacts,
    }
    bucket, _, key = artifacts.removeprefix("s3://").partition("/")
    boto3.client("s3").download_file(bucket, key, "model.tar.gz")
    with tarfile.open("model.tar.gz") as archive:
        assert archive.getnames()
    assert made["first"]["TrainingEndTime"] <= made["second"]["CreationTime"]
    run("verify", SECOND)
    assert "depends on  ModelTrainer/first" in run("describe", SECOND).stdout
    assert artifacts in run("describe", FIRST).stdout
    before = len(aws.mutations())
    run("apply", *FAST)
    assert len(aws.mutations()) == before


def test_a_first_that_has_run_before_is_not_run_again(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, UPSTREAM)
    run("compile")
    run("apply", *FAST)
    write(project, UPSTREAM, CONSUMER)
    run("compile")
    assert actions(run) == {FIRST: {"keep"}, SECOND: {"create", "start"}}
    run("apply", *FAST, SECOND)
    made = jobs(aws)
    assert source(made["second"])["S3Uri"] == made["first"]["ModelArtifacts"]["S3ModelArtifacts"]


def test_without_wait_the_next_apply_goes_on(stages: Path, aws: Sandbox, run: Run) -> None:
    said = run("apply", "--yes").stderr
    assert f"{SECOND} waits for {FIRST}" in said
    assert set(jobs(aws)) == {"first"}
    run("apply", *FAST)
    assert set(jobs(aws)) == {"first", "second"}


def test_an_uncompressed_model_is_a_folder(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, UPSTREAM.replace("/models}", "/models, compression_type: NONE}"), CONSUMER)
    run("compile")
    run("apply", *FAST)
    assert source(jobs(aws)["second"])["S3Uri"].endswith("/output/model/")


def test_a_first_that_failed_blocks_the_second(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, UPSTREAM + "  tags: {'sandbox:fail': out of memory}\n", CONSUMER)
    run("compile")
    said = run("apply", *FAST, code=4).stderr
    assert "is Failed: out of memory" in said
    assert f"{SECOND}: skipped: it depends on {FIRST}" in said
    assert actions(run)[SECOND] == {"blocked"}
    assert set(jobs(aws)) == {"first"}


def test_a_first_that_was_stopped_blocks_the_second(stages: Path, aws: Sandbox, run: Run) -> None:
    aws.region("us-west-2").timing = Timing(job=100_000)  # it is stopped before its end
    run("apply", "--yes")
    run("stop", FIRST, "--yes")
    run("wait", FIRST, "--poll", "1", code=4)
    said = run("apply", *FAST, code=4).stderr
    assert "is Stopped" in said
    assert f"by {FIRST}" in run("plan").stdout
    assert set(jobs(aws)) == {"first"}


def test_a_first_without_artifacts_is_named(
    stages: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS may show a job that has just completed without them: they are waited for, then their lack is an error."""
    describe = OPERATIONS["DescribeTrainingJob"]
    monkeypatch.setitem(
        OPERATIONS,
        "DescribeTrainingJob",
        lambda region, request: {k: v for k, v in describe(region, request).items() if k != "ModelArtifacts"},
    )
    before = aws.clock.now()
    said = run("apply", *FAST, code=4).stderr
    assert f"{SECOND}: {FIRST} has put out no S3ModelArtifacts" in said
    assert aws.clock.now() - before > patience.SECONDS
    assert set(jobs(aws)) == {"first"}


def test_another_training_of_the_same_content_makes_the_second_stale(stages: Path, aws: Sandbox, run: Run) -> None:
    """It writes to the same place: what the second has used is there no more."""
    run("apply", *FAST)
    used = jobs(aws)["first"]["ModelArtifacts"]["S3ModelArtifacts"]
    assert json.loads(run("status", "-o", "json").stdout)["stale"] == {}
    run("delete", FIRST, "--yes")
    run("apply", *FAST)
    expected = f"stale: {FIRST} has written {used}, which it used, once more since"
    for words, code in ((["plan"], 0), (["status", SECOND], 0), (["verify", SECOND], 1)):
        said = run(*words, code=code)
        assert expected in said.stdout + said.stderr, words
    assert list(json.loads(run("status", "-o", "json").stdout)["stale"]) == [SECOND]
    run("delete", SECOND, "--yes")
    run("apply", *FAST)
    assert json.loads(run("status", "-o", "json").stdout)["stale"] == {}


def test_a_change_of_the_first_starts_the_second(stages: Path, run: Run) -> None:
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    before = json.loads(Path("compiled", f"{SECOND}.json").read_text("utf-8"))
    write(stages, UPSTREAM.replace("ml.g5.xlarge", "ml.g5.2xlarge"), CONSUMER)
    lines = run("diff").stdout
    assert f"> {FIRST}" in lines
    assert f"  <- {SECOND}" in lines
    run("compile")
    after = json.loads(Path("compiled", f"{SECOND}.json").read_text("utf-8"))
    assert before["requests"] == after["requests"]
    changed = {key for key, value in after["metadata"].items() if before["metadata"][key] != value}
    assert changed == {"dependsOn", "digest", "identity"}


def test_the_role_may_read_the_model_and_nothing_else_of_the_first(project: Path, run: Run) -> None:
    write(project, UPSTREAM.replace("/models}", f"/models, kms_key_id: {KEY}}}"), CONSUMER)
    run("compile")
    (policy,) = json.loads(run("iam-policy", SECOND, "--for", "execution").stdout)["policies"]
    stated = [s for s in policy["document"]["Statement"] if "s3:GetObject" in s["Action"]]
    resources = {one for statement in stated for one in statement["Resource"] if "/models" in one}
    assert resources == {"arn:aws:s3:::my-bucket/models/first-*/output/model*"}
    keys = [(s["Action"], s["Resource"]) for s in policy["document"]["Statement"] if "kms" in str(s["Action"])]
    assert keys == [(["kms:Decrypt"], [KEY])]


def test_the_graph_has_an_edge_for_the_channel(stages: Path, run: Run) -> None:
    edges = json.loads(run("graph", "-o", "json").stdout)["edges"]
    assert edges == [{"first": FIRST, "then": SECOND, "field": "input_data_config[0].data_source"}]


def test_here_the_channel_is_an_empty_folder_or_a_given_one(stages: Path, run: Run) -> None:
    assert "[]" in run("run", "second").stdout
    (stages / "given").mkdir()
    (stages / "given" / "model.tar.gz").touch()
    assert "['model.tar.gz']" in run("run", "second", "--channel", "model=given").stdout


@pytest.mark.parametrize("lag", [0, 60])
@pytest.mark.parametrize(
    ("boundary", "nth"),
    [
        (("CreateTrainingJob", True), 1),
        (("DescribeTrainingJob", True), 1),
        (("CreateTrainingJob", False), 2),
    ],
)
def test_a_kill_between_the_two_doubles_nothing(
    tmp_path: Path, boundary: tuple[str, bool], nth: int, lag: float
) -> None:
    project = tmp_path / "project"
    (project / "specs").mkdir(parents=True)
    shutil.copy(LOCK, project)
    write(project, UPSTREAM, CONSUMER)
    forks.finish(["compile"], os.environ, project)
    toll = faults.Toll()
    with faults.start(Faults(lag=lag), project / "compiled") as running:
        assert faults.apply_and_kill(project / "compiled", running, boundary, nth)
        faults.apply_until_done(project / "compiled", running, toll)
        faults.count(project / "compiled", running, toll)
    assert (toll.duplicates, toll.losses) == (0, 0)
