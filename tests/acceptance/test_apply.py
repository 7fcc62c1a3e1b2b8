"""Apply against the sandbox, over real HTTP: once, in order, and nothing more the second time."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import boto3
import pytest

from compiler.executor import files
from compiler.sandbox import Sandbox
from tests.conftest import ROOT, Run

FAST = ("--yes", "--wait", "--poll", "0.1")


@pytest.fixture
def compiled(project: Path, run: Run) -> Path:
    """The examples, compiled."""
    shutil.rmtree(project / "specs")
    shutil.copytree(ROOT / "specs", project / "specs")
    run("compile")
    return project / "compiled"


def mutations(aws: Sandbox) -> list[str]:
    return sorted(call.operation for call in aws.mutations())


def test_the_examples_run_to_their_end_and_never_twice(compiled: Path, aws: Sandbox, run: Run) -> None:
    run("apply", *FAST)
    first = mutations(aws)
    assert first.count("CreateJob") == 2
    assert first.count("StartPipelineExecution") == first.count("CreatePipeline") == 7
    run("apply", *FAST)
    assert mutations(aws) == first
    assert run("plan", "--detailed-exitcode").code == 0
    (status,) = json.loads(run("status", "MultiTurnRLTrainer/support-agent", "-o", "json").stdout)["status"]
    assert status["status"] == "Completed"
    package = status["details"]["output_model_package_arn"]
    assert re.search(r"model-package/huggingface-reasoning-qwen3-32b-mtrl-mpg/[12]$", package)
    (status,) = json.loads(run("status", "MultiTurnRLEvaluator/calculator-episodes", "-o", "json").stdout)["status"]
    assert [s["name"] for s in status["steps"]] == [
        "CreateEvaluationAction",
        "EvaluateBaseModel",
        "EvaluateFineTunedModel",
        "AssociateLineage",
    ]
    assert status["steps"][1]["job_arn"].split("/")[1] == "AgentRFTEvaluation"


def test_a_dependent_evaluates_what_the_trainer_has_put_out(compiled: Path, aws: Sandbox, run: Run) -> None:
    run("apply", *FAST)
    sagemaker = boto3.client("sagemaker")
    name = "SagemakerEvaluation-MTRLEvaluation-calculator-episodes"
    definition = json.loads(sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"])
    document = json.loads(definition["Steps"][2]["Arguments"]["JobConfigDocument"])
    assert document["ModelPackageConfig"]["InputModelPackageArn"].rpartition("/")[0].endswith("-mtrl-mpg")
    assert document["AgentConfig"]["CustomAgentLambdaConfig"]["LambdaArn"].split(":")[2] == "lambda"


def test_without_wait_apply_goes_on_from_where_it_was(compiled: Path, aws: Sandbox, run: Run) -> None:
    result = run("apply", "--yes")
    assert "MultiTurnRLEvaluator/support-agent-episodes waits for MultiTurnRLTrainer/support-agent" in result.stderr
    run("apply", *FAST)
    assert mutations(aws).count("CreateJob") == 2


def test_a_dry_run_and_a_plan_change_nothing(compiled: Path, aws: Sandbox, run: Run) -> None:
    run("validate")
    run("compile")
    run("plan", "-o", "json")
    run("apply", "--dry-run")
    assert aws.calls
    assert mutations(aws) == []
    assert run("plan", "--detailed-exitcode", code=6).code == 6


def test_a_plan_of_many_unchanged_jobs_needs_few_calls(project: Path, aws: Sandbox, run: Run) -> None:
    spec = (ROOT / "specs" / "multi-turn-rl-trainer.yaml").read_text("utf-8")
    for number in range(250):
        text = spec.replace("name: support-agent", f"name: job-{number}")
        (project / "specs" / f"{number}.yaml").write_text(text, "utf-8")
    run("compile")
    run("apply", "--yes")
    before = len(aws.calls)
    run("plan")
    pages = 3
    assert len(aws.calls) - before <= pages + 5


def test_a_new_base_name_starts_nothing(project: Path, aws: Sandbox, run: Run) -> None:
    spec = (ROOT / "specs" / "multi-turn-rl-trainer.yaml").read_text("utf-8")
    (project / "specs" / "a.yaml").write_text(spec, "utf-8")
    run("compile")
    run("apply", *FAST)
    before = mutations(aws)
    (project / "specs" / "a.yaml").write_text(spec + "  base_job_name: another\n  tags: {new: tag}\n", "utf-8")
    run("compile")
    run("apply", *FAST)
    assert mutations(aws) == before


def test_run_repeats_the_same_content(project: Path, aws: Sandbox, run: Run) -> None:
    spec = (ROOT / "specs" / "multi-turn-rl-trainer.yaml").read_text("utf-8")
    (project / "specs" / "a.yaml").write_text(spec, "utf-8")
    run("compile")
    run("apply", *FAST)
    (project / "specs" / "a.yaml").write_text(
        spec.replace("  name: support-agent", "  name: support-agent\n  run: 2"), "utf-8"
    )
    run("compile")
    shown = run("plan").stdout
    assert "ran before as support-agent-" in shown
    assert '/OutputDataConfig/S3OutputPath: was "s3://my-bucket/output/support-agent/1"' in shown
    run("apply", *FAST)
    assert mutations(aws).count("CreateJob") == 2


def test_a_failed_job_ends_in_exit_4_and_blocks_its_dependents(
    compiled: Path, aws: Sandbox, run: Run, project: Path
) -> None:
    spec = project / "specs" / "multi-turn-rl-trainer.yaml"
    spec.write_text(spec.read_text("utf-8") + "  tags: {'sandbox:fail': out of memory}\n", "utf-8")
    run("compile")
    result = run("apply", *FAST, code=4)
    assert "is Failed: out of memory" in result.stderr
    assert "support-agent-episodes: skipped: it depends on MultiTurnRLTrainer/support-agent" in result.stderr
    assert "metadata.run" in result.stderr
    again = run("apply", *FAST, code=4)
    assert "blocked" in again.stdout
    assert mutations(aws).count("CreateJob") == 2


def test_a_pipeline_that_is_not_ours_is_never_touched(project: Path, aws: Sandbox, run: Run) -> None:
    shutil.copy(ROOT / "specs" / "bench-mark-evaluator.yaml", project / "specs")
    run("compile")
    boto3.client("sagemaker").create_pipeline(
        PipelineName="SagemakerEvaluation-BenchmarkEvaluation-llama-mmlu",
        RoleArn="arn:aws:iam::123456789012:role/Theirs",
        PipelineDefinition='{"Version": "2020-12-01", "Steps": []}',
    )
    result = run("apply", *FAST, code=4)
    assert "exists that this spec has not made" in result.stderr
    assert "UpdatePipeline" not in mutations(aws)


def test_changed_content_updates_the_pipeline_and_pins_its_version(project: Path, aws: Sandbox, run: Run) -> None:
    spec = (ROOT / "specs" / "bench-mark-evaluator.yaml").read_text("utf-8")
    for text in (spec, spec.replace("2048", "1024"), spec):
        (project / "specs" / "a.yaml").write_text(text, "utf-8")
        run("compile")
        run("apply", *FAST)
    assert mutations(aws) == ["CreatePipeline", "StartPipelineExecution", "StartPipelineExecution", "UpdatePipeline"]


def test_an_edited_file_is_refused(compiled: Path, aws: Sandbox, run: Run) -> None:
    file = compiled / "MultiTurnRLTrainer" / "support-agent.json"
    file.write_text(file.read_text("utf-8").replace('"group_size": "16"', '"group_size": "32"'), "utf-8")
    assert "changed after it was compiled" in run("apply", "--yes", code=1).stderr
    assert aws.calls == []


def test_another_account_is_refused(compiled: Path, aws: Sandbox, run: Run) -> None:
    order = files.read([compiled])
    assert {f.content.account for f in order.files.values()} == {"123456789012"}
    lock = compiled.parent / "sagespec.lock.json"
    lock.write_text(lock.read_text("utf-8").replace("123456789012", "999999999999"), "utf-8")
    for spec in (compiled.parent / "specs").glob("*.yaml"):
        spec.write_text(spec.read_text("utf-8").replace("123456789012", "999999999999"), "utf-8")
    run("compile")
    assert "the caller is in 123456789012" in run("apply", "--yes", code=1).stderr
    assert mutations(aws) == []


def test_a_changed_lambda_source_is_refused(compiled: Path, aws: Sandbox, run: Run, project: Path) -> None:
    (project / "specs" / "agents" / "calculator.py").write_text("def handler(e, c): return 1\n", "utf-8")
    result = run("apply", *FAST, code=4)
    assert "has changed since it was compiled" in result.stderr


def test_trouble_with_aws_ends_in_exit_3_with_the_way_out(
    compiled: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run("apply", "--yes", code=3)
    assert "hint: sign in" in result.stderr or "hint: name the region" in result.stderr
    for name, value in {
        "ACCESS_KEY_ID": "a",
        "SECRET_ACCESS_KEY": "b",
        "REGION": "us-west-2",
        "MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert "could not be reached" in run("plan", code=3).stderr


def test_a_saved_plan_is_refused_once_aws_has_moved(compiled: Path, aws: Sandbox, run: Run, tmp_path: Path) -> None:
    saved = tmp_path / "plan.json"
    run("plan", "--save", saved)
    run("apply", saved, "--yes")
    assert "have moved since the plan was saved" in run("apply", saved, "--yes", code=1).stderr


def test_nobody_to_ask_is_a_wrong_command_line(compiled: Path, aws: Sandbox, run: Run) -> None:
    assert "--yes" in run("apply", code=2).stderr
    assert mutations(aws) == []


def test_apply_with_its_own_sandbox(compiled: Path, run: Run) -> None:
    assert "Succeeded" in run("apply", "--sandbox", "--yes", "--wait").stderr
