"""Apply while others change the same account: between plan and apply, between two requests, while it waits."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagespec.sandbox import Sandbox
from sagespec.sandbox.server import Call

from tests.conftest import ROOT, Run

FAST = ("--yes", "--wait", "--poll", "1")
REGION = "us-west-2"


def compile_example(project: Path, run: Run, name: str) -> None:
    shutil.copy(ROOT / "specs" / name, project / "specs")
    run("compile")


def at(aws: Sandbox, operation: str, done: bool, act: Callable[[], Any]) -> None:
    """Act once, the first time that an operation is asked for, or is carried out and not yet answered."""

    def observe(call: Call, is_done: bool) -> None:
        if call.operation.startswith(operation) and is_done is done:
            aws.observer = None
            act()

    aws.observer = observe


def test_two_applies_make_one_artifact(project: Path, aws: Sandbox, run: Run) -> None:
    compile_example(project, run, "custom-scorer-evaluator.yaml")
    file = json.loads(next((project / "compiled").rglob("*.json")).read_text("utf-8"))
    wanted = next(r["parameters"] for r in file["requests"] if r["operation"] == "CreateArtifact")
    others: list[str] = []
    at(
        aws,
        "CreateArtifact",
        False,
        lambda: others.append(boto3.client("sagemaker").create_artifact(**wanted)["ArtifactArn"]),
    )
    run("apply", *FAST)
    assert list(aws.region(REGION).table("artifacts")) == others
    (pipeline,) = aws.region(REGION).table("pipelines").values()
    assert others[0] in pipeline["Versions"][0]["Definition"]


def test_a_pipeline_changed_by_somebody_else_runs_as_it_was_compiled(project: Path, aws: Sandbox, run: Run) -> None:
    compile_example(project, run, "bench-mark-evaluator.yaml")

    def change() -> None:
        (found,) = aws.region(REGION).table("pipelines").values()
        definition = '{"Version": "2020-12-01", "Steps": []}'
        boto3.client("sagemaker").update_pipeline(PipelineName=found["PipelineName"], PipelineDefinition=definition)

    at(aws, "StartPipelineExecution", False, change)
    run("apply", *FAST)
    assert "ran what is in" in run("verify", "BenchMarkEvaluator/llama-mmlu").stderr
    calls = len(aws.mutations())
    run("apply", *FAST)
    assert len(aws.mutations()) == calls


def test_an_execution_that_is_not_listed_yet_is_not_doubled(project: Path, aws: Sandbox, run: Run) -> None:
    compile_example(project, run, "bench-mark-evaluator.yaml")
    run("apply", *FAST)
    executions = aws.region(REGION).table("executions")
    late = dict(executions)
    executions.clear()
    at(aws, "StartPipelineExecution", True, lambda: executions.update(late))
    run("apply", *FAST)
    assert len(executions) == 1


def test_a_job_that_is_not_listed_yet_is_not_doubled(project: Path, aws: Sandbox, run: Run) -> None:
    compile_example(project, run, "multi-turn-rl-trainer.yaml")
    run("apply", *FAST)
    jobs = aws.region(REGION).table("jobs")
    late = dict(jobs)
    jobs.clear()
    at(aws, "CreateJob", False, lambda: jobs.update(late))
    assert "job kept support-agent-" in run("apply", *FAST).stderr
    assert len(jobs) == 1


def test_a_function_that_is_never_shown_is_an_error(project: Path, aws: Sandbox, run: Run) -> None:
    source = "def handler(event, context):\n    return event\n"
    (project / "specs" / "agent.py").write_text(source, "utf-8")
    spec = "apiVersion: sagespec/v1\nkind: CustomAgentLambda\nmetadata: {name: adapter}\nspec: {source: agent.py}\n"
    (project / "specs" / "a.yaml").write_text(spec, "utf-8")
    run("compile")

    def delete() -> None:
        client = boto3.client("lambda")
        (found,) = client.list_functions()["Functions"]
        client.delete_function(FunctionName=found["FunctionName"])

    at(aws, "POST /2015-03-31/functions", True, delete)
    assert "does not show it; apply again later" in run("apply", *FAST, code=None).stderr
    run("apply", *FAST)


def test_a_job_deleted_while_it_runs_hides_no_other(project: Path, aws: Sandbox, run: Run) -> None:
    compile_example(project, run, "multi-turn-rl-trainer.yaml")
    spec = (ROOT / "specs" / "multi-turn-rl-trainer.yaml").read_text("utf-8")
    other = spec.replace("name: support-agent", "name: other")
    (project / "specs" / "other.yaml").write_text(other, "utf-8")
    run("compile")
    jobs = aws.region(REGION).table("jobs")

    def delete() -> None:
        for name in [name for name in jobs if name.startswith("other-")]:
            del jobs[name]

    at(aws, "DescribeJob", False, delete)
    said = run("apply", *FAST, code=3).stderr
    assert "error: MultiTurnRLTrainer/other: DescribeJob: Could not find job other-" in said
    assert "MultiTurnRLTrainer/support-agent Completed" in said


@pytest.mark.parametrize("otherwise", [True, False], ids=["for-other-parameters", "as-it-was"])
def test_a_start_that_aws_remembers_is_not_repeated(project: Path, aws: Sandbox, run: Run, otherwise: bool) -> None:
    compile_example(project, run, "bench-mark-evaluator.yaml")
    run("apply", *FAST)
    run("delete", "BenchMarkEvaluator/llama-mmlu", "--yes")
    file = project / "specs" / "bench-mark-evaluator.yaml"
    tokens = aws.region(REGION).tokens
    for key, (time, _, answer) in list(tokens.items()):
        if key[0] == "CreatePipeline":
            del tokens[key]
        elif otherwise:
            tokens[key] = (time, "{}", answer)
    assert "raise metadata.run" in run("apply", *FAST, code=4).stderr
    assert len([c for c in aws.calls if c.operation == "StartPipelineExecution"]) == 2
    assert not aws.region(REGION).table("executions")
    text = file.read_text("utf-8").replace("name: llama-mmlu", "name: llama-mmlu\n  run: 2")
    file.write_text(text, "utf-8")
    run("compile")
    run("apply", *FAST)


def test_verify_overlooks_what_the_service_adds(project: Path, aws: Sandbox, run: Run) -> None:
    for name in ("model-trainer.yaml", "torchrun.yaml", "training"):
        copy = shutil.copytree if (ROOT / "specs" / name).is_dir() else shutil.copy
        copy(ROOT / "specs" / name, project / "specs" / name)
    run("compile")
    run("apply", *FAST)
    (job,) = aws.region(REGION).table("training_jobs").values()
    job["InputDataConfig"] = [{**channel, "CompressionType": "None"} for channel in job["InputDataConfig"]]
    assert "ran what is in" in run("verify", "ModelTrainer/line").stderr
    job["HyperParameters"] = {**job.get("HyperParameters", {}), "more": "1"}
    assert "/HyperParameters" in run("verify", "ModelTrainer/line", code=1).stdout


@pytest.mark.parametrize(("taken", "code"), [(1, 0), (0, 3)])
def test_a_quota_that_can_never_do_is_not_waited_for(
    project: Path, aws: Sandbox, run: Run, taken: int, code: int
) -> None:
    compile_example(project, run, "multi-turn-rl-trainer.yaml")
    aws.region(REGION).limits["AgentRFT"] = taken
    assert run("apply", *FAST, "--timeout", "60", code=None).code == code
