"""Apply against the sandbox, over real HTTP: once, in order, and nothing more the second time."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from sagespec.executor import files
from sagespec.sandbox import Sandbox, service
from sagespec.sandbox.server import Call

from tests.conftest import ROOT, Run

FAST = ("--yes", "--wait", "--poll", "1")


@pytest.fixture
def compiled(project: Path, run: Run) -> Path:
    """The examples, compiled."""
    shutil.rmtree(project / "specs")
    shutil.copytree(ROOT / "specs", project / "specs")
    run("compile")
    return project / "compiled"


def write_trainers(project: Path, number: int) -> None:
    """Write the example's trainer that many times, under other names."""
    spec = (ROOT / "specs" / "multi-turn-rl-trainer.yaml").read_text("utf-8")
    for n in range(number):
        text = spec.replace("name: support-agent", f"name: job-{n}")
        (project / "specs" / f"{n}.yaml").write_text(text, "utf-8")


def mutations(aws: Sandbox) -> list[str]:
    return sorted(call.operation for call in aws.mutations())


def test_the_examples_run_to_their_end_and_never_twice(compiled: Path, aws: Sandbox, run: Run) -> None:
    run("apply", *FAST)
    first = mutations(aws)
    assert first.count("CreateJob") == 2
    assert first.count("StartPipelineExecution") == first.count("CreatePipeline") == 9
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


@pytest.mark.slow
def test_a_plan_of_many_unchanged_jobs_needs_few_calls(project: Path, aws: Sandbox, run: Run) -> None:
    write_trainers(project, 500)
    run("compile")
    run("apply", "--yes")
    before = len(aws.calls)
    run("plan")
    assert len(aws.calls) - before <= 10


def test_a_new_tag_starts_nothing_and_a_new_base_name_another_run(project: Path, aws: Sandbox, run: Run) -> None:
    spec = (ROOT / "specs" / "multi-turn-rl-trainer.yaml").read_text("utf-8")
    (project / "specs" / "a.yaml").write_text(spec, "utf-8")
    run("compile")
    run("apply", *FAST)
    before = mutations(aws)
    (project / "specs" / "a.yaml").write_text(spec + "  tags: {new: tag}\n", "utf-8")
    run("compile")
    run("apply", *FAST)
    assert mutations(aws) == before
    (project / "specs" / "a.yaml").write_text(spec + "  base_job_name: another\n", "utf-8")
    run("compile")
    assert "1 starts now: 1 serverless run, billed by use." in run("plan").stdout


def test_run_repeats_the_same_content(project: Path, aws: Sandbox, run: Run) -> None:
    spec = (ROOT / "specs" / "multi-turn-rl-trainer.yaml").read_text("utf-8")
    (project / "specs" / "a.yaml").write_text(spec, "utf-8")
    run("compile")
    run("apply", *FAST)
    (project / "specs" / "a.yaml").write_text(
        spec.replace("  name: support-agent", "  name: support-agent\n  run: 2"), "utf-8"
    )
    run("compile")
    assert re.search(r"  run 2; since [0-9a-f]{12}: S3OutputPath s3://", run("plan").stdout)
    shown = run("plan", "--verbose").stdout
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
    assert (
        "`sagespec logs MultiTurnRLTrainer/support-agent` shows what it has written; raise metadata.run"
        in result.stderr
    )
    again = run("apply", *FAST, code=4)
    assert re.search(r"^FAILED.*\n  ! .*\nBLOCKED\n  ! .*  by ", again.stdout, re.MULTILINE)
    assert mutations(aws).count("CreateJob") == 2


def test_a_pipeline_that_is_not_ours_is_never_touched(project: Path, aws: Sandbox, run: Run) -> None:
    shutil.copy(ROOT / "specs" / "bench-mark-evaluator.yaml", project / "specs")
    run("compile")
    boto3.client("sagemaker").create_pipeline(
        PipelineName="SagemakerEvaluation-BenchmarkEvaluation-llama-mmlu",
        RoleArn="arn:aws:iam::123456789012:role/Theirs",
        PipelineDefinition='{"Version": "2020-12-01", "Steps": []}',
    )
    assert "exists that is not this spec's" in run("plan", code=3).stderr
    result = run("apply", *FAST, code=3)
    assert "exists that is not this spec's" in result.stderr
    assert mutations(aws) == ["CreatePipeline"]


def test_changed_content_updates_the_pipeline_and_pins_its_version(project: Path, aws: Sandbox, run: Run) -> None:
    spec = (ROOT / "specs" / "bench-mark-evaluator.yaml").read_text("utf-8")
    for text in (spec, spec.replace("2048", "1024"), spec):
        (project / "specs" / "a.yaml").write_text(text, "utf-8")
        run("compile")
        run("apply", *FAST)
    assert mutations(aws) == ["CreatePipeline", "StartPipelineExecution", "StartPipelineExecution", "UpdatePipeline"]


def test_files_named_twice_are_taken_once(compiled: Path, aws: Sandbox, run: Run) -> None:
    file = compiled / "MultiTurnRLTrainer" / "support-agent.json"
    once = run("plan", file).stdout
    roundabout = file.parent / ".." / file.parent.name / file.name
    assert run("plan", file, roundabout, Path("compiled", *file.parts[-2:])).stdout == once


def test_a_folder_of_environments_is_told_from_an_empty_one(compiled: Path, aws: Sandbox, run: Run) -> None:
    compiled.rename(compiled.with_name("prod"))
    compiled.mkdir()
    assert "run `sagespec compile` first" in run("plan", "compiled", code=1).stderr
    compiled.with_name("prod").rename(compiled / "prod")
    assert "choose an environment with -e" in run("plan", "compiled", code=1).stderr


def test_only_a_judge_needs_the_lock_again(compiled: Path, aws: Sandbox, run: Run) -> None:
    (compiled.parent / "sagespec.lock.json").write_text('{"contexts": {', "utf-8")
    run("plan", compiled / "MultiTurnRLTrainer")
    assert "sagespec.lock.json:1:" in run("plan", code=1).stderr


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


def test_a_changed_source_is_refused_before_anything_is_sent(
    compiled: Path, aws: Sandbox, run: Run, project: Path
) -> None:
    (project / "specs" / "agents" / "calculator.py").write_text("def handler(e, c): return 1\n", "utf-8")
    (project / "specs" / "training" / "train.py").write_text("print(1)\n", "utf-8")
    for command in (["plan"], ["apply", *FAST]):
        said = run(*command, code=1).stderr
        assert "specs/agents/calculator.py has changed since it was compiled" in said
        assert "specs/training/train.py has changed since it was compiled" in said
    assert mutations(aws) == []


def test_a_missing_bucket_is_an_error_of_plan(project: Path, aws: Sandbox, run: Run) -> None:
    spec = (ROOT / "specs" / "multi-turn-rl-trainer.yaml").read_text("utf-8")
    (project / "specs" / "a.yaml").write_text(spec.replace("s3://my-bucket/output", "s3://no-bucket/output"), "utf-8")
    run("compile")
    for command in (["plan"], ["apply", "--dry-run"], ["apply", *FAST]):
        said = run(*command, code=3).stderr
        assert "there is no bucket no-bucket" in said
        assert "specs/a.yaml:13:19: error[aws]: there is no bucket" in said
        assert "create the bucket first" in said
    assert mutations(aws) == []


def test_a_plan_tells_what_is_there_already(project: Path, aws: Sandbox, run: Run) -> None:
    shutil.rmtree(project / "specs")
    shutil.copytree(ROOT / "specs", project / "specs")
    names = ("MultiTurnRLTrainer/support-agent", "BenchMarkEvaluator/llama-mmlu", "ModelTrainer/tune")
    trainer = next(p for p in (project / "specs").glob("*.yaml") if "kind: ModelTrainer" in p.read_text("utf-8"))
    for path in (project / "specs").glob("*.yaml"):
        if path.name not in (
            "multi-turn-rl-trainer.yaml",
            "bench-mark-evaluator.yaml",
            trainer.name,
            "torchrun.yaml",
        ):
            path.unlink()
    run("compile")
    run("apply", *FAST)
    for path in (project / "specs").glob("*.yaml"):
        text = path.read_text("utf-8")
        name = re.search(r"name: ([\w-]+)", text)
        assert name is not None
        changed = text.replace("2048", "1024")
        if f"metadata: {{{name[0]}}}" in changed:
            changed = changed.replace(f"metadata: {{{name[0]}}}", f"metadata: {{{name[0]}, run: 2}}")
        else:
            changed = changed.replace(f"  {name[0]}\n", f"  {name[0]}\n  run: 2\n", 1)
        path.write_text(changed, "utf-8")
    run("compile")
    before = mutations(aws)
    plan = json.loads(run("plan", "-o", "json").stdout)["files"]
    words = {f["address"].partition("/")[0]: {r["request"]: r["action"] for r in f["requests"]} for f in plan}
    assert words["MultiTurnRLTrainer"] == {"output-group": "keep", "checkpoint-group": "keep", "job": "start"}
    assert words["BenchMarkEvaluator"]["pipeline"] == "update"
    uploads = {action for request, action in words["ModelTrainer"].items() if "/" in request}
    assert uploads == {"keep"}, names
    run("apply", *FAST)
    assert [m for m in mutations(aws) if m.startswith("PUT")] == [m for m in before if m.startswith("PUT")]


def test_what_was_deleted_may_run_again(project: Path, aws: Sandbox, run: Run) -> None:
    """An evaluation only once AWS has forgotten its start, or with another run: nothing tells late from deleted."""
    spec = project / "specs" / "bench-mark-evaluator.yaml"
    shutil.copy(ROOT / "specs" / spec.name, spec)
    executions = aws.region("us-west-2").table("executions")
    run("compile")
    run("apply", *FAST)
    run("delete", "BenchMarkEvaluator/llama-mmlu", "--yes")
    refused = run("apply", *FAST, code=4).stderr
    assert "AWS remembers its creation for a while: raise metadata.run" in refused
    assert not executions
    aws.clock.advance(service.REMEMBERED_SECONDS)
    run("apply", *FAST)
    assert len(executions) == 1
    run("delete", "BenchMarkEvaluator/llama-mmlu", "--yes")
    spec.write_text(spec.read_text("utf-8").replace("name: llama-mmlu", "name: llama-mmlu\n  run: 2"), "utf-8")
    run("compile")
    run("apply", *FAST)
    assert len(executions) == 1


def test_artifacts_are_shared_and_never_doubled(project: Path, aws: Sandbox, run: Run) -> None:
    spec = (ROOT / "specs" / "custom-scorer-evaluator.yaml").read_text("utf-8")
    name = re.search(r"name: ([\w-]+)", spec)
    assert name is not None
    for number in range(6):
        text = spec.replace(name[0], f"{name[0]}-{number}").replace("llama-own-problems/", f"{number}/")
        (project / "specs" / f"{number}.yaml").write_text(text, "utf-8")
    run("compile")
    run("apply", "--yes")
    assert len(aws.region("us-west-2").table("artifacts")) == 1


def test_another_configuration_of_a_function_is_refused(project: Path, aws: Sandbox, run: Run) -> None:
    spec = """
apiVersion: sagespec/v1
kind: CustomAgentLambda
metadata: {name: fixed}
spec:
  function_name: fixed
  source: |
    def handler(event, context):
        return event
  environment: {NOTE: one}
"""
    (project / "specs" / "a.yaml").write_text(spec, "utf-8")
    run("compile")
    run("apply", *FAST)
    (project / "specs" / "a.yaml").write_text(spec.replace("one", "two"), "utf-8")
    run("compile")
    before = mutations(aws)
    assert "exists with another Environment" in run("plan", code=3).stderr
    run("apply", *FAST, code=3)
    assert mutations(aws) == before


def test_another_region_is_refused(compiled: Path, aws: Sandbox, run: Run) -> None:
    assert "compiled for us-west-2" in run("plan", "--region", "eu-west-1", code=1).stderr


def test_why_a_job_has_failed_is_told_every_time(project: Path, aws: Sandbox, run: Run) -> None:
    spec = (ROOT / "specs" / "multi-turn-rl-trainer.yaml").read_text("utf-8")
    (project / "specs" / "a.yaml").write_text(spec + "  tags: {'sandbox:fail': out of memory}\n", "utf-8")
    run("compile")
    for _ in range(2):
        assert "out of memory" in run("apply", *FAST, code=4).stderr


def test_an_interrupt_starts_nothing_more(project: Path, aws: Sandbox, run: Run) -> None:
    write_trainers(project, 40)
    run("compile")
    command = [sys.executable, "-m", "sagespec", "apply", "--yes", "--concurrency", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "compiler")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def interrupt(call: Call, done: bool) -> None:
        if done and call.operation == "CreateJob":
            process.send_signal(signal.SIGINT)

    aws.observer = interrupt
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "runs continue: repeat the command to follow them and to send the rest\n" in said
    assert mutations(aws).count("CreateJob") < 5


def test_a_few_jobs_among_many_are_found_with_few_calls(project: Path, aws: Sandbox, run: Run) -> None:
    write_trainers(project, 5)
    run("compile")
    run("apply", "--yes")
    jobs = aws.region("us-west-2").table("jobs")
    first = next(iter(jobs.values()))
    for number in range(1500):
        name = f"other-{number}-0123456789ab"
        jobs[name] = {**first, "JobName": name, "CreationTime": first["CreationTime"] + 1 + number}
    for files_ in ([], [project / "compiled" / "MultiTurnRLTrainer" / "job-0.json"]):
        before = len(aws.calls)
        assert "\nSTART\n" not in run("plan", *files_).stdout
        needed = min(15, 5 - 4 * len(files_)) + 5
        assert len(aws.calls) - before <= needed + 1  # and one to ask who we are


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
    said = run("apply", saved, "--yes", code=1).stderr
    assert "have changed since the plan was saved" in said
    assert re.search(
        r"\nMultiTurnRLTrainer/support-agent: job support-agent-\w+: the plan was start, now it is ", said
    )
    assert re.search(
        r"\nMultiTurnRLTrainer/support-agent: output-group \S+: the plan was create, now it is keep\n", said
    )
    assert str(tmp_path) not in saved.read_text("utf-8")


def test_a_saved_plan_says_which_files_have_moved(compiled: Path, aws: Sandbox, run: Run, project: Path) -> None:
    folders = [compiled / name for name in ("MultiTurnRLTrainer", "BenchMarkEvaluator")]
    run("plan", *folders, "--save", "plan.json")
    spec = project / "specs" / "bench-mark-evaluator.yaml"
    spec.write_text(spec.read_text("utf-8").replace("2048", "1024"), "utf-8")
    run("compile")
    said = run("apply", "plan.json", "--yes", code=1).stderr
    changed = "BenchMarkEvaluator/llama-mmlu: compiled/BenchMarkEvaluator/llama-mmlu.json has been compiled again"
    assert said.splitlines()[1:] == [changed]
    plan = json.loads((project / "plan.json").read_text("utf-8"))
    for requests in (None, [1], [{"request": [1]}]):
        (project / "plan.json").write_text(
            json.dumps({**plan, "files": [{**plan["files"][-1], "requests": requests}]})
        )
        assert "now it is" in run("apply", "plan.json", "--yes", code=1).stderr


def test_a_saved_plan_says_that_tags_have_moved(compiled: Path, aws: Sandbox, run: Run, project: Path) -> None:
    trainer = compiled / "MultiTurnRLTrainer"
    run("plan", trainer, "--save", "plan.json")
    plan = json.loads((project / "plan.json").read_text("utf-8"))
    for member, told in (
        ("tags", "the tags to set have changed"),
        ("differences", "its differences from the earlier run have changed"),
    ):
        other = {**plan["files"][0], member: [{"arn": "a", "wanted": {}}]}
        (project / "plan.json").write_text(json.dumps({**plan, "files": [other]}), "utf-8")
        said = run("apply", "plan.json", "--yes", code=1).stderr
        assert said.splitlines()[1:] == [f"MultiTurnRLTrainer/support-agent: {told}"]


@pytest.mark.parametrize("files_", ["[]", "[1]", '[{"path": 3}]', '[{"path": "a"}, {}]', '[{"path": "a"}, 1]', "{}"])
def test_what_is_no_saved_plan_is_an_error(project: Path, aws: Sandbox, run: Run, files_: str) -> None:
    (project / "plan.json").write_text(f'{{"kind": "Plan", "files": {files_}}}', "utf-8")
    assert "plan.json: not a plan" in run("apply", "plan.json", "--yes", code=1).stderr


def test_nobody_to_ask_is_a_wrong_command_line(compiled: Path, aws: Sandbox, run: Run) -> None:
    assert "--yes" in run("apply", code=2).stderr
    assert mutations(aws) == []


def test_apply_with_its_own_sandbox(compiled: Path, own_sandbox: None, run: Run) -> None:
    assert "Succeeded" in run("apply", "--sandbox", "--yes", "--wait").stderr


def test_what_waits_for_what_nobody_starts_is_no_success(project: Path, aws: Sandbox, run: Run) -> None:
    shutil.copy(ROOT / "specs" / "multi-turn-rl-trainer.yaml", project / "specs")
    shutil.copy(ROOT / "specs" / "multi-turn-rl-evaluator.yaml", project / "specs")
    run("compile")
    folder = project / "compiled" / "MultiTurnRLEvaluator"
    waiting = next(f for f in folder.iterdir() if json.loads(f.read_text("utf-8"))["metadata"]["dependsOn"])
    assert "apply that, too" in run("apply", waiting, "--yes").stderr
    assert "has not run and is not applied here" in run("apply", waiting, *FAST, code=4).stderr
    assert "StartPipelineExecution" not in mutations(aws)
    assert run("results", waiting, code=1).stderr.count("`sagespec apply` submits what has not run") == 1
