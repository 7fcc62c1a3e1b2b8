"""What others have made is never changed, deleted or taken for ours, also under our names and in our pipelines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagespec.executor.runs import execution
from sagespec.sandbox import Sandbox
from sagespec.sandbox.server import Call
from sagespec.sandbox.service import REMEMBERED_SECONDS

from tests.acceptance.test_track import BENCHMARK, FAST, TRAINER, evaluated, trained
from tests.conftest import ROOT, Run

__all__ = ["evaluated", "trained"]
PIPELINE = "SagemakerEvaluation-BenchmarkEvaluation-llama-mmlu"
THEIRS = '{"Version": "2020-12-01", "Steps": []}'
LAMBDA = """
apiVersion: sagespec/v1
kind: CustomAgentLambda
metadata: {name: adapter}
spec:
  source: |
    def handler(event, context):
        return event
"""


def use_as_the_sdk_does(executions: int) -> list[str]:
    """Update the first pipeline with the prefix and the tag of evaluations, and run it: the SDK asks no more."""
    sagemaker = boto3.client("sagemaker")
    sagemaker.update_pipeline(PipelineName=PIPELINE, PipelineDefinition=THEIRS)
    return [
        sagemaker.start_pipeline_execution(
            PipelineName=PIPELINE, PipelineExecutionDisplayName=f"eval-meta-176722560{n:02}"
        )["PipelineExecutionArn"]
        for n in range(executions)
    ]


def lines(run: Run, *words: str) -> dict[str, tuple[str, str]]:
    (file,) = json.loads(run("plan", *words, "-o", "json").stdout)["files"]
    return {line["request"]: (line["action"], line["note"]) for line in file["requests"]}


@pytest.fixture
def benchmark(project: Path, aws: Sandbox, run: Run) -> Path:
    """One evaluation that has run."""
    shutil.copy(ROOT / "specs" / "bench-mark-evaluator.yaml", project / "specs")
    run("compile")
    run("apply", *FAST)
    return project


def test_a_pipeline_that_others_run_too_is_not_deleted(benchmark: Path, aws: Sandbox, run: Run) -> None:
    theirs = use_as_the_sdk_does(execution.MOST_NAMED + 3)
    before = len(aws.mutations())
    said = run("delete", BENCHMARK, "--yes", code=1).stderr
    assert "nothing was deleted" in said
    assert "eval-meta-17672256022 (Succeeded, 2" in said
    assert "started by arn:aws:sts::123456789012:assumed-role/SageMakerRole/sandbox" in said
    assert said.count("started by") == execution.MOST_NAMED
    assert "and 3 more" in said
    assert "metadata.run" in said
    assert len(aws.mutations()) == before
    assert aws.region("us-west-2").table("executions").keys() >= set(theirs)


def test_an_earlier_run_of_the_spec_is_another_execution(benchmark: Path, aws: Sandbox, run: Run) -> None:
    spec = benchmark / "specs" / "bench-mark-evaluator.yaml"
    spec.write_text(spec.read_text("utf-8").replace("2048", "1024"), "utf-8")
    run("compile")
    run("apply", *FAST)
    assert "an earlier content of this spec" in run("delete", BENCHMARK, "--yes", code=1).stderr
    assert len(aws.region("us-west-2").table("executions")) == 2


def test_what_goes_is_listed_before_it_is_asked(benchmark: Path, aws: Sandbox, run: Run) -> None:
    before = len(aws.mutations())
    said = run("delete", BENCHMARK, code=2).stderr
    assert f"deletes pipeline {PIPELINE}\ndeletes its only execution llama-mmlu-" in said
    assert "(Succeeded)" in said
    assert len(aws.mutations()) == before


@pytest.mark.parametrize("word", ["stop", "delete"])
def test_a_job_under_our_name_that_lacks_our_tags_is_left_alone(
    word: str, trained: Path, aws: Sandbox, run: Run
) -> None:
    (job,) = aws.region("us-west-2").table("jobs").values()
    aws.region("us-west-2").table("tags")[job["JobArn"]] = [{"Key": "sagespec:address", "Value": TRAINER}]
    before = len(aws.mutations())
    said = run(word, TRAINER, "--yes", code=1).stderr
    assert f"has no tag sagespec:identity: {TRAINER} has not made it" in said
    assert len(aws.mutations()) == before


def test_what_the_sdk_has_started_is_stopped_by_name_and_never_deleted(trained: Path, aws: Sandbox, run: Run) -> None:
    sagemaker = boto3.client("sagemaker")
    (job,) = aws.region("us-west-2").table("jobs").values()
    kept = ("JobCategory", "JobConfigSchemaVersion", "JobConfigDocument", "RoleArn")
    sagemaker.create_job(JobName="qwen3-mtrl-20260101000000", **{name: job[name] for name in kept})
    for name in ("qwen3-mtrl-20260101000000", *use_pipeline_of_others()):
        assert "only what one has made is deleted" in run("delete", name, "--yes", code=1).stderr
        assert run("stop", name, "--yes").stdout
    assert {c.operation for c in aws.mutations()} & {"DeleteJob", "DeletePipeline"} == set()


def use_pipeline_of_others() -> list[str]:
    sagemaker = boto3.client("sagemaker")
    name = "SagemakerEvaluation-BenchmarkEvaluation-theirs"
    role = "arn:aws:iam::123456789012:role/SageMakerRole"
    sagemaker.create_pipeline(PipelineName=name, RoleArn=role, PipelineDefinition=THEIRS)
    return [sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]]


def test_a_function_is_deleted_where_its_name_and_tags_are_ours(project: Path, aws: Sandbox, run: Run) -> None:
    client, spec = boto3.client("lambda"), project / "specs" / "a.yaml"
    spec.write_text(LAMBDA, "utf-8")
    run("compile")
    run("apply", *FAST)
    (function,) = client.list_functions()["Functions"]
    have = client.list_tags(Resource=function["FunctionArn"])["Tags"]
    assert have["sagespec:address"] == "CustomAgentLambda/adapter"
    client.untag_resource(Resource=function["FunctionArn"], TagKeys=["sagespec:identity"])
    assert "has no tag sagespec:identity" in run("delete", "CustomAgentLambda/adapter", "--yes", code=1).stderr
    client.tag_resource(Resource=function["FunctionArn"], Tags=have)
    run("delete", "CustomAgentLambda/adapter", "--yes")
    assert client.list_functions()["Functions"] == []

    spec.write_text(LAMBDA.replace("spec:\n", "spec:\n  function_name: shared\n"), "utf-8")
    run("compile")
    run("apply", *FAST)
    (function,) = client.list_functions()["Functions"]
    assert "sagespec:address" not in client.list_tags(Resource=function["FunctionArn"])["Tags"]
    assert "has its name from function_name" in run("delete", "CustomAgentLambda/adapter", "--yes", code=1).stderr
    assert [f["FunctionName"] for f in client.list_functions()["Functions"]] == ["shared"]


def test_a_plan_says_that_others_have_defined_the_pipeline_anew(benchmark: Path, aws: Sandbox, run: Run) -> None:
    assert lines(run)["pipeline"] == ("keep", "")
    use_as_the_sdk_does(1)
    action, note = lines(run)["pipeline"]
    assert action == "changed"
    assert "updated since, by arn:aws:sts::123456789012:" in note
    assert lines(run)["execution"][0] == "keep"
    before = len(aws.mutations())
    run("apply", *FAST)
    assert len(aws.mutations()) == before
    assert "\nCHANGED by others since it ran\n  ? BenchMark" in run("plan").stdout


def test_another_role_is_another_pipeline(benchmark: Path, aws: Sandbox, run: Run) -> None:
    boto3.client("sagemaker").update_pipeline(PipelineName=PIPELINE, RoleArn="arn:aws:iam::123456789012:role/Theirs")
    assert lines(run)["pipeline"][0] == "changed"


def test_who_may_not_list_pipelines_looks_at_each(
    benchmark: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sagespec.sandbox.service import OPERATIONS, Region, ServiceError

    def refuse(_region: Region, _request: dict[str, Any]) -> dict[str, Any]:
        raise ServiceError("AccessDeniedException", "not yours")

    monkeypatch.setitem(OPERATIONS, "ListPipelines", refuse)
    assert lines(run)["pipeline"] == ("keep", "")
    use_as_the_sdk_does(1)
    assert lines(run)["pipeline"][0] == "changed"


def test_the_executions_of_others_are_no_earlier_runs(benchmark: Path, aws: Sandbox, run: Run) -> None:
    spec = benchmark / "specs" / "bench-mark-evaluator.yaml"
    (ours,) = aws.region("us-west-2").table("executions").values()
    (theirs,) = use_as_the_sdk_does(1)
    spec.write_text(spec.read_text("utf-8").replace("2048", "1024"), "utf-8")
    run("compile")
    said = run("plan", "--verbose").stdout
    assert f"ran before as {ours['PipelineExecutionDisplayName']}" in said
    assert theirs not in said


def test_an_object_of_others_is_never_written_over(project: Path, aws: Sandbox, run: Run) -> None:
    shutil.copy(ROOT / "specs" / "llm-as-judge-evaluator.yaml", project / "specs")
    run("compile")
    (file,) = (project / "compiled").rglob("*.json")
    requests = json.loads(file.read_text("utf-8"))["requests"]
    place = next(r["parameters"] for r in requests if r["operation"] == "PutObject")
    s3, at = boto3.client("s3"), {"Bucket": place["Bucket"], "Key": place["Key"]}
    s3.put_object(**at, Body=b"theirs")
    for command in (["plan"], ["apply", *FAST]):
        said = run(*command, code=3).stderr
        assert f"s3://{at['Bucket']}/{at['Key']} has other content, and is never overwritten" in said
    assert s3.get_object(**at)["Body"].read() == b"theirs"


def test_an_object_that_is_the_same_is_kept_whoever_has_put_it_there(project: Path, aws: Sandbox, run: Run) -> None:
    shutil.copy(ROOT / "specs" / "llm-as-judge-evaluator.yaml", project / "specs")
    run("compile")
    run("apply", *FAST)
    (key,) = (c.operation.removeprefix("PUT /my-bucket/") for c in aws.mutations() if c.operation.startswith("PUT"))
    s3 = boto3.client("s3")
    content = s3.get_object(Bucket="my-bucket", Key=key)["Body"].read()
    s3.put_object(Bucket="my-bucket", Key=key, Body=content)  # without a checksum to compare
    run("delete", "LLMAsJudgeEvaluator/support-tone", "--yes")
    aws.clock.advance(REMEMBERED_SECONDS)  # a token that was used is good for a day
    before = sum(c.operation.startswith("PUT") for c in aws.mutations())
    run("apply", *FAST)
    assert sum(c.operation.startswith("PUT") for c in aws.mutations()) == before


def test_an_object_that_comes_between_plan_and_upload_stays(project: Path, aws: Sandbox, run: Run) -> None:
    shutil.copy(ROOT / "specs" / "llm-as-judge-evaluator.yaml", project / "specs")
    run("compile")

    def put(call: Call, done: bool) -> None:
        if call.operation.startswith("PUT ") and not done:
            aws.observer = None
            bucket, _, key = call.operation.removeprefix("PUT /").partition("/")
            boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=b"theirs")

    aws.observer = put
    assert "has other content; it is never overwritten" in run("apply", *FAST, code=None).stderr
    assert "StartPipelineExecution" not in [c.operation for c in aws.mutations()]
