"""What came out, also where it is not all there, not as expected, or hard to show."""

from __future__ import annotations

import html
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import boto3
import pytest
from sagespec.executor import thresholds
from sagespec.executor.follow import has_had
from sagespec.executor.results import Score
from sagespec.executor.runs.status import Status, progress
from sagespec.sandbox import Sandbox
from sagespec.sandbox.lifecycle import FAIL_TAG
from sagespec.sandbox.service import OPERATIONS, Region, Timing

from tests.acceptance.test_track import BENCHMARK, FAST, JUDGE, LONG, evaluated, release, write
from tests.conftest import ROOT, Run

__all__ = ["evaluated"]


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
    with_thresholds(evaluated, f"{{metric: {metric}, minimum: 0.99}}", "{metric: accuracy_stderr, minimum: 0.5}")
    run("compile")
    missed = run("results", BENCHMARK, "--check", code=4).stdout
    assert f"MISSED: {metric} at least 0.99, but is 0." in missed
    assert "MISSED: accuracy_stderr at least 0.5, but is 0." in missed
    assert run("results", BENCHMARK).code == 0
    run("apply", *FAST, code=4)
    suite = ElementTree.fromstring(run("results", BENCHMARK, "-o", "junit").stdout)
    assert (suite.get("failures"), len(suite.findall("testcase"))) == ("2", 2)
    markdown = html.unescape(run("results", BENCHMARK, "-o", "markdown").stdout)
    assert f"| <code>{metric}</code> | " in markdown
    assert "- **missed**: <code>accuracy_stderr at least 0.5" in markdown


def test_judgements_page_by_page(evaluated: Path, run: Run) -> None:
    shown = json.loads(run("results", JUDGE, "--limit", "2", "--offset", "1", "-o", "json").stdout)["judgements"]
    assert shown["total"] >= 3
    assert len(shown["judgements"]) == 2
    assert "Question 2?" in shown["judgements"][0]["prompt"]
    text = run("results", JUDGE, "--limit", "1", "--explanations").stdout
    assert "judgements 1 to 1 of" in text
    assert "It is right." in text
    assert "has no judge" in run("results", BENCHMARK, "--limit", "1", code=1).stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"results": {"all": {"acc', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("\udcff\udcfe", "not JSON"),
        ("[]", "no JSON object"),
        ('{"results": [1, 2]}', "`results` is not a mapping"),
    ],
)
def test_results_that_are_not_as_expected(evaluated: Path, run: Run, content: str, said: str) -> None:
    bucket, key = objects("results_")[0]
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=content.encode("utf-8", "surrogateescape"))
    result = run("results", BENCHMARK, code=1)
    assert f"s3://{bucket}/{key} is not a result of an evaluation: " in result.stderr
    assert said in result.stderr


def test_what_is_not_a_number_is_null(evaluated: Path, run: Run) -> None:
    bucket, key = objects("results_")[0]
    body = json.dumps({"results": {"all": {"accuracy": float("nan"), "f1": float("inf"), "em": 0.5, "on": True}}})
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    text = run("results", BENCHMARK, "-o", "json").stdout
    scores = {s["metric"]: s["base"] for s in json.loads(text, parse_constant=pytest.fail)["scores"]}
    assert scores == {"accuracy": None, "f1": None, "em": 0.5}


@pytest.mark.parametrize("line", ["not json", "[]", "17"])
def test_judgements_that_are_not_as_expected(evaluated: Path, run: Run, line: str) -> None:
    bucket, key = objects("_output.jsonl")[0]
    strange = (
        '{"inputRecord": [], "modelResponses": 3, "automatedEvaluationResult": {"scores": [1, {"result": "x"}]}}'
    )
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=f"{strange}\n{line}\n")
    assert run("results", JUDGE, "--limit", "1").code == 0
    assert f"line 2 of s3://{bucket}/{key} is not a result" in run("results", JUDGE, "--limit", "2", code=1).stderr


def objects(ending: str) -> list[tuple[str, str]]:
    """Buckets and keys of what evaluations have left, by a part of the file's name."""
    pages = boto3.client("s3").list_objects_v2(Bucket="my-bucket")["Contents"]
    return [("my-bucket", entry["Key"]) for entry in pages if ending in entry["Key"].rpartition("/")[2]]


def test_results_are_where_the_jobs_have_written(evaluated: Path, aws: Sandbox, run: Run) -> None:
    """A pipeline of others may say only by an expression where its jobs write."""
    sagemaker = boto3.client("sagemaker")
    name = "SagemakerEvaluation-BenchmarkEvaluation-llama-mmlu"
    definition = json.loads(sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"])
    for step in definition["Steps"]:
        if "OutputDataConfig" in step["Arguments"]:
            output = step["Arguments"]["OutputDataConfig"]
            where = [output["S3OutputPath"], {"Get": "Execution.PipelineExecutionId"}]
            output["S3OutputPath"] = {"Std:Join": {"On": "/", "Values": where}}
    theirs = {"PipelineName": f"{name}-of-theirs", "RoleArn": "arn:aws:iam::123456789012:role/Theirs"}
    sagemaker.create_pipeline(PipelineDefinition=json.dumps(definition), **theirs)
    arn = sagemaker.start_pipeline_execution(PipelineName=theirs["PipelineName"])["PipelineExecutionArn"]
    run("wait", arn, "--poll", "1")
    assert json.loads(run("results", arn, "-o", "json").stdout)["scores"]
    said = json.loads(run("describe", arn, "-o", "json").stdout)
    assert said["details"]["s3_output_path"].endswith(f"/{arn.rpartition('/')[2]}")


def test_an_execution_named_by_its_arn_belongs_to_its_file(evaluated: Path, aws: Sandbox, run: Run) -> None:
    said = json.loads(run("describe", BENCHMARK, "-o", "json").stdout)
    assert "ran what is in" in run("verify", said["arn"]).stderr
    assert json.loads(run("describe", said["arn"], "-o", "json").stdout) == said
    with_thresholds(evaluated, "{metric: accuracy, minimum: 1}")
    run("compile")
    assert "MISSED: accuracy" in run("results", said["arn"], "--check", code=4).stdout
    shutil.rmtree(evaluated / "compiled")
    assert "no compiled file has the identity of llama-mmlu-" in run("verify", said["arn"], code=1).stderr


def put_scores(scores: dict[str, object]) -> None:
    bucket, key = objects("results_")[0]
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps({"results": {"all": scores}}))


def test_numbers_of_any_size(evaluated: Path, run: Run) -> None:
    put_scores({"huge": 10**400, "less": -(10**400), "large": 123456789.125, "small": 1})
    found = {s["metric"]: s["base"] for s in json.loads(run("results", BENCHMARK, "-o", "json").stdout)["scores"]}
    assert found == {"huge": None, "less": None, "large": 123456789.125, "small": 1.0}
    lines = run("results", BENCHMARK).stdout.splitlines()
    assert [line.split() for line in lines[1:]][2:] == [["large", "123456789.1250", "-"], ["small", "1.0000", "-"]]


def test_names_of_any_length_and_kind(evaluated: Path, run: Run) -> None:
    names = ["n" * 60, "a|b @me [x](//y)", "a\\|b", "<b>&amp;", "line\nfeed", "\x00\ud800\uffff", "名", ""]
    put_scores(dict.fromkeys(names, 0.5))
    lines = run("results", BENCHMARK).stdout.splitlines()
    assert len(lines) == 1 + len(names)
    assert len(lines[0]) == len(lines[1]) == len(lines[2])
    cases = ElementTree.fromstring(run("results", BENCHMARK, "-o", "junit").stdout).findall("testcase")
    assert [case.get("name") for case in cases][:2] == names[:2]
    rows = [line for line in run("results", BENCHMARK, "-o", "markdown").stdout.splitlines() if line.startswith("| ")]
    cells = ("a&#124;b &#64;me &#91;x&#93;&#40;//y&#41;", "a&#92;&#124;b", "&#60;b&#62;&#38;amp&#59;")
    assert rows[2:5] == [f"| <code>{cell}</code> | 0.5000 | - |" for cell in cells]


def test_thresholds_are_of_the_numbers_that_are_shown() -> None:
    def reasons(minimum: float | None, loss: float | None, base: float | None, custom: float | None) -> list[str]:
        wanted = {"metric": "m", "minimum": minimum, "maximum_loss": loss}
        return [v.reason for v in thresholds.judge([wanted], [Score("m", base, custom)]) if not v.met]

    assert reasons(None, 0.02, 0.8, 0.78) == [], "0.8 - 0.78 is a little more than 0.02 in binary"
    assert reasons(None, 0, 0.3, 0.3) == []
    assert reasons(None, 0.02, 0.8, 0.7799) == ["is 0.7799, 0.0201 below 0.8"]
    assert reasons(0.6, None, None, 0.59999) == ["is 0.59999"]
    for number in (float("nan"), float("inf"), float("-inf")):
        for base, custom in ((number, number), (0.5, number), (number, 0.5)):
            assert len(reasons(0.4, 0.1, base, custom)) == (1 if custom == 0.5 else 2)
        assert reasons(-1e300, None, number, None) == [f"is {number}"]
    assert reasons(None, 10**400, 1e307, -1e307) == []


def test_a_metric_of_a_judge_goes_by_either_of_its_names() -> None:
    for asked, scored in (("Correctness", "Builtin.Correctness"), ("Builtin.Correctness", "Correctness")):
        wanted = {"metric": asked, "minimum": 0.5}
        assert [v.met for v in thresholds.judge([wanted], [Score(scored, None, 0.7)])] == [True]


def test_scores_that_are_no_numbers_meet_nothing(evaluated: Path, run: Run) -> None:
    with_thresholds(evaluated, "{metric: accuracy, minimum: 0.1}")
    run("compile")
    for score in ("Infinity", "-Infinity", "NaN", "1e999", "null", '"0.9"', "true"):
        bucket, key = objects("results_")[0]
        body = f'{{"results": {{"all": {{"accuracy": {score}}}}}}}'
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        assert "MISSED: accuracy at least 0.1" in run("results", BENCHMARK, "--check", code=4).stdout


EPISODES = """
apiVersion: sagespec/v1
kind: MultiTurnRLEvaluator
metadata:
  name: episodes
  thresholds: [{metric: eval/reward/mean, minimum: 0.1}]
spec:
  model: huggingface-reasoning-qwen3-32b
  agent_config: arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/myRuntime-aBcDeFgHiJ
  dataset: s3://my-bucket/evaluation.jsonl
  s3_output_path: s3://my-bucket/evaluations
"""


def test_thresholds_that_cannot_be_read_here_are_told_beforehand(
    project: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "specs" / "episodes.yaml").write_text(EPISODES, "utf-8")
    run("compile")
    assert "MLflow" not in run("plan").stderr
    monkeypatch.setitem(sys.modules, "mlflow", None)
    for command in (["plan"], ["apply", "--dry-run"], ["apply", *FAST]):
        said = run(*command).stderr
        assert "warning: MultiTurnRLEvaluator/episodes: its thresholds may be about metrics in MLflow" in said
        assert "hint: pip install 'sagespec[mlflow]'" in said
    region = aws.region("us-west-2")
    monkeypatch.setattr("sagespec.sandbox.documents.evaluation_metrics", lambda *_: {})
    assert region.table("jobs")
    for command in (["apply", *FAST], ["results", "MultiTurnRLEvaluator/episodes", "--check"]):
        ended = run(*command, code=2)
        assert "metrics need `pip install 'sagespec[mlflow]'`" in ended.stderr
        assert "MISSED" not in ended.stdout


BOTH = """
apiVersion: sagespec/v1
kind: BenchMarkEvaluator
metadata:
  name: llama-mmlu
  thresholds: [{metric: accuracy, minimum: 0.1}]
spec:
  model: arn:aws:sagemaker:us-west-2:123456789012:model-package/llama-ft/1
  benchmark: mmlu
  evaluate_base_model: true
  s3_output_path: s3://my-bucket/evaluations
"""


def test_half_an_evaluation_is_no_good_one(project: Path, aws: Sandbox, run: Run) -> None:
    """The base model has scored, which the thresholds are not about; the fine-tuned one has not, and fails."""
    (project / "specs" / "both.yaml").write_text(BOTH, "utf-8")
    run("compile")
    region = aws.region("us-west-2")
    region.timing = Timing(job=LONG, lineage=0.01)
    run("apply", "--yes")
    run("status")
    for job in region.table("training_jobs").values():
        if "SourceModelPackageArn" in job.get("ModelPackageConfig", {}):
            region.table("tags")[job["TrainingJobArn"]].append({"Key": FAIL_TAG, "Value": "out of\nmemory"})
        else:
            job["CreationTime"] -= 2 * LONG
    early = run("results", BENCHMARK)
    assert "accuracy" in early.stdout
    assert re.match(r"these are not all its results: \S+ is Executing\n", early.stderr)
    refused = run("results", BENCHMARK, "--check", code=1).stderr
    assert "is Executing: there is nothing to check before its end" in refused
    release(aws)
    late = run("results", BENCHMARK, "--check", code=4)
    assert "met: accuracy at least 0.1" in late.stdout
    assert re.search(
        r"MISSED: llama-mmlu-\w+ succeeds, but is Failed: Step failure: .*EvaluateCustomModel", late.stdout
    )
    assert "these are not all its results: llama-mmlu-" in late.stderr


def test_what_has_scored_nothing_misses(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, "bench-mark-evaluator")
    with_thresholds(project, "{metric: accuracy, minimum: 0.1}")
    run("compile")
    aws.region("us-west-2").timing = Timing(job=LONG, lineage=0.01)
    run("apply", "--yes")
    run("stop", BENCHMARK, "--yes")
    said = run("results", BENCHMARK, "--check", "-o", "junit", code=4)
    assert ElementTree.fromstring(said.stdout).get("failures") == "2"
    assert "is Stopped" in said.stderr
    assert "has no step that has scored anything" in run("results", BENCHMARK, code=1).stderr


def test_no_thresholds_are_said_to_be_none(evaluated: Path, run: Run) -> None:
    assert "has no thresholds to check" in run("results", BENCHMARK, "--check").stderr


ODD = [
    {"ServiceOutput": None, "TrainingConfig": None, "OutputDataConfig": None},
    {"ServiceOutput": {"ProgressInfo": {"MaxEpoch": 2, "CurrentStep": None}, "MlflowDetails": {}}},
    {"ServiceOutput": {"ProgressInfo": {"MaxSteps": 9}}, "AgentConfig": ["\x1b[2J", {"\x1b[2J": 1}]},
    {"ServiceOutput": [], "TrainingConfig": "x", "OutputDataConfig": {"S3OutputPath": 3}},
]


@pytest.mark.parametrize("document", ODD, ids=lambda document: str(document)[:40])
def test_documents_of_others_may_hold_anything(
    document: dict[str, object], project: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe = OPERATIONS["DescribeJob"]

    def answer(region: Region, request: dict[str, Any]) -> dict[str, Any]:
        return {**describe(region, request), "JobConfigDocument": json.dumps(document)}

    monkeypatch.setitem(OPERATIONS, "DescribeJob", answer)
    for command in ("status", "describe", "wait"):
        assert "\x1b" not in run(command, "finished-mtrl-job").stdout
    for command in ("mlflow-url", "metrics", "results"):
        assert "error: finished-mtrl-job " in run(command, "finished-mtrl-job", code=1).stderr


def test_progress_in_the_words_of_every_sort_of_job() -> None:
    def said(**info: int) -> str:
        return progress(Status("job", "a", "", "InProgress", details={"progress_info": info}))

    assert said(MaxEpoch=2, StepsPerEpoch=5, CurrentEpoch=2, CurrentStep=3) == "epoch 2/2, step 3/5"
    assert said(MaxEpoch=2, TotalStepCountPerEpoch=5, CurrentEpoch=1, CurrentStep=5) == "epoch 1/2, step 5/5"
    assert said(MaxSteps=9, CurrentStep=4) == "step 4/9"
    assert said() == ""


def test_a_function_is_never_in_progress() -> None:
    assert not has_had(Status("function", "a", "", "Active"), ["InProgress", "Executing"])


def test_a_training_job_says_where_it_logs(evaluated: Path, aws: Sandbox, run: Run) -> None:
    """What fine-tunes and evaluates by CreateTrainingJob logs to MLflow, too."""
    said = json.loads(run("describe", BENCHMARK, "-o", "json").stdout)
    arn = next(step["job_arn"] for step in said["steps"] if step["job_arn"])
    assert "has no MLflow app" in run("mlflow-url", arn, code=1).stderr
    job = aws.region("us-west-2").table("training_jobs")[arn.rpartition("/")[2]]
    app = boto3.client("sagemaker", "us-west-2").create_mlflow_app(
        Name="theirs",
        ArtifactStoreUri="s3://my-bucket/x",
        RoleArn="arn:aws:iam::123456789012:role/SageMakerRole",
    )
    job["MlflowConfig"] = {"MlflowResourceArn": app["Arn"]}
    job["MlflowDetails"] = {"MlflowExperimentId": "7", "MlflowRunId": "ab"}
    assert run("mlflow-url", arn).stdout.endswith("#/experiments/7/runs/ab?workspace=default\n")
    asked = run("metrics", BENCHMARK, code=1).stderr
    assert f"has no MLflow run of its own: ask for that of a job: {arn}" in asked
