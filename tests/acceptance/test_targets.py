"""What commands are about: names, ARNs, files and folders, ours and those of others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagespec.sandbox import Sandbox, existing
from sagespec.sandbox.service import OPERATIONS, Region, ServiceError

from tests.acceptance.test_track import BENCHMARK, TRAINER, evaluated, trained
from tests.conftest import Run

__all__ = ["evaluated", "trained"]


def described(run: Run, target: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(run("describe", target, "-o", "json").stdout)
    return found


def test_the_arn_of_another_accounts_job_is_not_ours(trained: Path, aws: Sandbox, run: Run) -> None:
    arn = described(run, TRAINER)["arn"]
    theirs = arn.replace(aws.account, "999999999999")
    for words in (("describe", theirs), ("delete", theirs, "--yes"), ("stop", theirs, "--yes"), ("wait", theirs)):
        assert f"nothing is called {theirs!r}" in run(*words, code=1).stderr
    assert described(run, arn)["arn"] == arn, "and nothing has been deleted"


def test_an_execution_goes_by_its_name_too(evaluated: Path, run: Run) -> None:
    said = described(run, BENCHMARK)
    assert described(run, said["name"]) == said
    assert "nothing is called 'nothing'" in run("describe", "nothing", code=1).stderr
    for name in (f"{said['arn']}x", "arn:aws:sagemaker:us-west-2:123456789012:job/AgentRFT/x", "a b", "."):
        assert run("describe", name, code=1).stderr.startswith("error: ")
    misspelt = run("describe", "BenchMarkEvaluator/lama-mmlu", code=1).stderr
    assert f"did you mean {BENCHMARK!r}?" in misspelt


def test_a_folder_is_one_target_where_it_has_one_file(evaluated: Path, run: Run) -> None:
    said = described(run, "compiled/BenchMarkEvaluator")
    assert said["address"] == BENCHMARK
    assert "compiled has 2 compiled files: name one of them" in run("stop", "compiled", "--yes", code=1).stderr
    assert run("wait", "compiled").stderr.count("Succeeded") == 2


def test_what_runs_nothing_itself(project: Path, aws: Sandbox, run: Run) -> None:
    """A function of others is only looked at."""
    (project / "specs" / "agent.yaml").write_text(
        "apiVersion: sagespec/v1\nkind: CustomAgentLambda\nmetadata: {name: theirs}\n"
        "spec: {lambda_arn: 'arn:aws:lambda:us-west-2:123456789012:function:theirs'}\n",
        "utf-8",
    )
    run("compile")
    assert "CustomAgentLambda/theirs runs nothing itself" in run("wait", "CustomAgentLambda/theirs", code=1).stderr
    run("wait", "compiled")


def test_files_of_another_account_are_not_there(trained: Path, aws: Sandbox, run: Run) -> None:
    run("delete", TRAINER, "--yes")
    assert "has not run" in run("status").stdout
    aws.region("us-west-2").account = "999999999999"
    for words in (("status",), ("describe", TRAINER)):
        said = run(*words, code=1).stderr
        assert "compiled for account 123456789012, but the caller is in 999999999999" in said


def test_who_may_not_see_training_jobs_finds_others(
    trained: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_region: Region, _request: dict[str, Any]) -> dict[str, Any]:
        raise ServiceError("AccessDeniedException", "not yours")

    name = described(run, TRAINER)["name"]
    monkeypatch.setitem(OPERATIONS, "DescribeTrainingJob", refuse)
    assert described(run, name)["kind"] == "job"
    assert "the permission sagemaker:DescribeTrainingJob" in run("describe", "nothing", code=3).stderr


def test_list_hides_the_jobs_of_steps_and_no_others(evaluated: Path, aws: Sandbox, run: Run) -> None:
    sagemaker = boto3.client("sagemaker")
    listing = sagemaker.list_training_jobs(NameContains="pipelines-")["TrainingJobSummaries"]
    names = [job["TrainingJobName"] for job in listing]
    job = sagemaker.describe_training_job(TrainingJobName=names[0])
    kept = {"RoleArn", "AlgorithmSpecification", "ResourceConfig", "ServerlessJobConfig", "HyperParameters"}
    job = {key: value for key, value in job.items() if key in {*kept, "OutputDataConfig", "StoppingCondition"}}
    ours = "pipelines-of-mine-0123456789ab"
    sagemaker.create_training_job(TrainingJobName=ours, **job)
    listed = {entry["name"] for entry in json.loads(run("list", "-o", "json").stdout)["runs"]}
    assert ours in listed
    assert not listed & set(names)


def test_status_says_what_cannot_have_one(project: Path, aws: Sandbox, run: Run) -> None:
    assert "run `sagespec compile` first" in run("status", code=1).stderr
    run("init", "MPI", "m")
    run("compile")
    assert run("status", "MPI/m").stdout == "MPI/m: runs nothing itself\n"
    assert run("status").stdout == ""


def test_a_function_of_others_is_a_target_by_its_arn(project: Path, aws: Sandbox, run: Run) -> None:
    existing.create(aws.region("us-west-2"), ARN)
    for name in (ARN, f"{ARN}:$LATEST"):
        (found,) = json.loads(run("status", name, "-o", "json").stdout)["status"]
        assert (found["kind"], found["name"], found["arn"]) == ("function", "theirs", ARN)
    changes = len(aws.mutations())
    run("stop", ARN, "--yes", code=None)
    assert "theirs" in run("delete", ARN, "--yes", code=1).stderr
    assert len(aws.mutations()) == changes
    run("status", f"{ARN}X", code=1)
    assert "210987654321" in run("status", ARN.replace("123456789012", "210987654321"), code=1).stderr


ARN = "arn:aws:lambda:us-west-2:123456789012:function:theirs"
