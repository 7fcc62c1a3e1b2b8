"""The lock, written: exactly what the specs need, the same bytes every time, nothing on failure."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagespec.checking import schema
from sagespec.executor.lock import lookup
from sagespec.project import starter
from sagespec.sandbox import Sandbox, hub
from sagespec.sandbox.account import built_in
from sagespec.sandbox.service import ServiceError

from tests.conftest import LOCK, ROOT, Run

FILE = "sagespec.lock.json"
RECORDED = json.loads(LOCK.read_text("utf-8"))["contexts"]["123456789012/us-west-2"]


@pytest.fixture
def unlocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The examples, in the project of their own, with no lock."""
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    shutil.copy(ROOT / "sagespec.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def context(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / FILE).read_text("utf-8"))["contexts"]["123456789012/us-west-2"]
    return found


def write(project: Path, kind: str, name: str, **fields: Any) -> None:
    spec = {"apiVersion": "sagespec/v1", "kind": kind, "metadata": {"name": name}, "spec": fields}
    (project / "specs" / f"{name}.json").write_text(json.dumps(spec), "utf-8")


def benchmark(project: Path, name: str, **fields: Any) -> None:
    given = {"model": "huggingface-reasoning-qwen3-4b", "benchmark": "mmlu", "s3_output_path": "s3://my-bucket/o"}
    write(project, "BenchMarkEvaluator", name, **{**given, **fields})


def test_what_is_locked_is_what_was_recorded(unlocked: Path, aws: Sandbox, run: Run) -> None:
    run("lock")
    assert aws.mutations() == []
    locked = context(unlocked)
    for section in ("roles", "hub_models", "model_packages", "agent_runtimes", "judge_models"):
        assert locked[section].items() <= RECORDED[section].items(), section
        assert locked[section], section
    assert sorted(locked["hub_models"]) == [
        "huggingface-reasoning-qwen3-32b",
        "meta-textgeneration-llama-3-2-1b-instruct",
    ]
    assert locked["default_mlflow_app"] == RECORDED["default_mlflow_app"]
    assert sorted(locked["job_schemas"]) == ["AgentRFT/1.0.0", "AgentRFTEvaluation/1.0.0"]
    run("compile")
    run("lock", "--check")


def test_locking_again_changes_nothing(unlocked: Path, aws: Sandbox, run: Run) -> None:
    run("lock")
    before = (unlocked / FILE).read_bytes()
    (unlocked / FILE).unlink()
    elsewhere = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT / "compiler")}
    subprocess.run([sys.executable, "-m", "sagespec", "lock"], check=True, env={**os.environ, **elsewhere})
    assert (unlocked / FILE).read_bytes() == before
    run("lock", "--upgrade")
    assert (unlocked / FILE).read_bytes() == before


def test_what_is_there_stays_until_it_is_upgraded(unlocked: Path, aws: Sandbox, run: Run) -> None:
    run("lock")
    models = aws.region("us-west-2").facts["hub_models"]
    model = models["huggingface-reasoning-qwen3-32b"]
    models["huggingface-reasoning-qwen3-32b"] = {**model, "version": "3.0.0", "arn": model["arn"][:-5] + "3.0.0"}
    run("lock")
    assert context(unlocked)["hub_models"]["huggingface-reasoning-qwen3-32b"]["version"] == "2.0.1"
    said = run("lock", "--check", code=1).stdout
    assert '/hub_models/huggingface-reasoning-qwen3-32b/version: was "2.0.1", now "3.0.0"' in said
    run("lock", "--upgrade", "BenchMarkEvaluator/llama-mmlu")
    assert context(unlocked)["hub_models"]["huggingface-reasoning-qwen3-32b"]["version"] == "2.0.1"
    said = run("lock", "--upgrade", "MultiTurnRLTrainer/support-agent").stderr
    assert '/hub_models/huggingface-reasoning-qwen3-32b/version: was "2.0.1", now "3.0.0"' in said
    assert context(unlocked)["hub_models"]["huggingface-reasoning-qwen3-32b"]["version"] == "3.0.0"
    assert "no spec is called" in run("lock", "--upgrade", "MultiTurnRLTrainer/nobody", code=2).stderr


def test_a_changed_range_and_a_new_schema_property_are_told(unlocked: Path, aws: Sandbox, run: Run) -> None:
    run("lock")
    lock = json.loads((unlocked / FILE).read_text("utf-8"))
    facts = lock["contexts"]["123456789012/us-west-2"]
    recipe = facts["hub_models"]["huggingface-reasoning-qwen3-32b"]["recipes"]["FineTuning/MTRL/LORA"]
    recipe["hyperparameters"]["group_size"]["max"] = 4
    removed = facts["job_schemas"]["AgentRFT/1.0.0"]["properties"].popitem()
    (unlocked / FILE).write_text(json.dumps(lock), "utf-8")
    said = run("lock", "--check", code=1).stdout
    assert re.search(r"group_size/max: was 4, now \d+", said)
    assert f"/properties/{removed[0]}: new" in said


def test_facts_that_nobody_uses_are_dropped_from_a_whole_project_only(tmp_path: Path, aws: Sandbox, run: Run) -> None:
    os.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    benchmark(tmp_path, "one")
    benchmark(tmp_path, "two", model="huggingface-reasoning-qwen3-32b")
    run("lock", "--region", "us-west-2")
    (tmp_path / "specs" / "two.json").unlink()
    run("lock", "specs/one.json")
    assert len(context(tmp_path)["hub_models"]) == 2
    run("lock")
    assert list(context(tmp_path)["hub_models"]) == ["huggingface-reasoning-qwen3-4b"]


def test_a_check_tells_what_nobody_uses_any_more_from_what_aws_answers(
    unlocked: Path, aws: Sandbox, run: Run
) -> None:
    run("lock")
    assert context(unlocked)["default_mlflow_app"]
    for file in (unlocked / "specs").glob("*.yaml"):
        if file.stem not in ("model-trainer", "torchrun"):
            file.unlink()
    said = run("lock", "--check")
    assert (said.stdout, said.stderr) == ("", "AWS answers as before\n")
    assert "was" not in run("lock").stderr
    assert context(unlocked)["default_mlflow_app"] is None


def test_a_failed_look_up_names_field_and_permission_and_keeps_the_rest(
    unlocked: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark(unlocked, "nowhere", model="no-such-model", role="NoSuchRole")
    said = run("lock", code=1).stderr
    assert "specs/nowhere.json:1:" in said
    assert "there is no model 'no-such-model' in SageMakerPublicHub" in said
    assert "there is no role 'NoSuchRole'" in said
    assert "could not look up hub_models/no-such-model, roles/NoSuchRole: " in said
    found = context(unlocked)
    assert "NoSuchRole" not in found["roles"]
    assert "LambdaRole" in found["roles"]
    refused = run("compile", code=1).stderr
    assert re.search(r"specs/nowhere.json:1:\d+: error\[missing-fact\]: the lock has no role 'NoSuchRole'", refused)
    (unlocked / "specs" / "nowhere.json").unlink()
    (unlocked / FILE).unlink()

    def denied(*_: Any) -> Any:
        raise ServiceError("AccessDeniedException", "User is not authorized")

    with monkeypatch.context() as patch:
        patch.setattr(hub, "agent_runtimes", denied)
        refused = run("lock", code=3).stderr
    assert "the caller needs the permission bedrock-agentcore:GetAgentRuntime" in refused
    assert "agent_env" in refused
    assert context(unlocked)["agent_runtimes"] == {}
    assert context(unlocked)["roles"]
    assert "error[missing-fact]: the lock has no AgentCore runtime " in run("compile", code=1).stderr
    run("lock")
    run("compile")


def test_finished_jobs_groups_and_private_hubs(
    unlocked: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("lock")
    run("compile")
    run("apply", "--yes", "--wait", "--poll", "1", unlocked / "compiled/MultiTurnRLTrainer/support-agent.json")
    job = next(iter(aws.region("us-west-2").table("jobs")))
    write(
        unlocked,
        "MultiTurnRLEvaluator",
        "again",
        model={"job": job},
        dataset="s3://my-bucket/d",
        s3_output_path="s3://my-bucket/o",
    )
    benchmark(unlocked, "grouped", model_package_group="qwen3-mtrl", role="SageMakerRole")
    monkeypatch.setenv("SAGEMAKER_HUB_NAME", "team-hub")
    models = aws.region("us-west-2").facts["hub_models"]
    models["huggingface-reasoning-qwen3-4b"] = {**models["huggingface-reasoning-qwen3-4b"], "hub": "team-hub"}
    run("lock")
    locked = context(unlocked)
    assert locked["jobs"][job]["base_model"] == "huggingface-reasoning-qwen3-32b"
    assert locked["model_package_groups"]["qwen3-mtrl"] == RECORDED["model_package_groups"]["qwen3-mtrl"]
    assert locked["hub_models"]["huggingface-reasoning-qwen3-4b"]["hub"] == "team-hub"
    assert locked["hub_models"]["huggingface-reasoning-qwen3-32b"]["hub"] == "SageMakerPublicHub"
    run("compile")


def test_a_job_document_is_checked_against_the_locked_schema(unlocked: Path, aws: Sandbox, run: Run) -> None:
    run("lock")
    lock = json.loads((unlocked / FILE).read_text("utf-8"))
    schemas = lock["contexts"]["123456789012/us-west-2"]["job_schemas"]
    schemas["AgentRFT/1.0.0"]["properties"]["TrainingConfig"] = {"properties": {"AcceptEula": {"const": True}}}
    (unlocked / FILE).write_text(json.dumps(lock), "utf-8")
    said = run("compile", code=1).stderr
    assert "error[job-schema]" in said
    assert "specs/multi-turn-rl-trainer.yaml:" in said


def test_other_accounts_keep_their_context(unlocked: Path, aws: Sandbox, run: Run) -> None:
    theirs = {"account": "210987654321", "region": "us-west-2", "partition": "aws"}
    document = {"apiVersion": "sagespec/v1", "kind": "Lock", "contexts": {"210987654321/us-west-2": theirs}}
    (unlocked / FILE).write_text(json.dumps(document), "utf-8")
    run("lock")
    lock = json.loads((unlocked / FILE).read_text("utf-8"))
    assert lock["contexts"]["210987654321/us-west-2"] == theirs
    assert not schema.validate("Lock", lock)


def test_from_an_empty_folder_to_results(
    tmp_path: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in schema.kinds():
        run("init", kind, "hello")
    assert "already exists" in run("init", "MultiTurnRLTrainer", "hello", code=1).stderr
    run("lock", "--region", "us-west-2")
    run("compile")
    run("apply", "--yes", "--wait", "--poll", "1")
    status = json.loads(run("status", "-o", "json").stdout)
    assert status["not_run"] == []


@pytest.mark.parametrize("kind", schema.kinds())
def test_each_starter_stands_alone(kind: str, tmp_path: Path, aws: Sandbox, run: Run) -> None:
    os.chdir(tmp_path)
    run("init", kind, "a" * starter.LONGEST_NAME)
    run("lock", "--region", "us-west-2")
    run("compile")
    run("apply", "--yes", "--wait", "--poll", "1")


def test_a_starter_refers_to_what_is_there(tmp_path: Path, aws: Sandbox, run: Run) -> None:
    os.chdir(tmp_path)
    run("init", "MultiTurnRLTrainer", "hello")
    assert "ref: MultiTurnRLTrainer/hello}" in run("init", "MultiTurnRLEvaluator", "hello", "--stdout").stdout
    run("init", "MultiTurnRLEvaluator", "hello")
    assert sorted(p.name for p in (tmp_path / "specs").iterdir()) == [
        "MultiTurnRLEvaluator-hello.yaml",
        "MultiTurnRLTrainer-hello.yaml",
    ]
    said = run("init", "CustomAgentLambda", "hello-lambda", code=1).stderr
    assert "CustomAgentLambda/hello-lambda already exists, in specs/MultiTurnRLTrainer-hello.yaml" in said


@pytest.mark.slow
def test_the_fields_in_the_table_are_those_that_ask(unlocked: Path, aws: Sandbox, run: Run) -> None:
    write_all_that_asks(unlocked)
    run("lock")
    run("compile")
    whole = (unlocked / FILE).read_text("utf-8")
    known = {field for kind in schema.kinds() for field in schema.load(kind)["properties"]["spec"]["properties"]}
    sources = {name: s for name, s in lookup.SOURCES.items() if not s.fields or known & set(s.fields)}
    for section, source in sources.items():
        lock = json.loads(whole)
        for facts in lock["contexts"].values():
            assert facts[section], f"nothing asks for {section}"
            del facts[section]
        (unlocked / FILE).write_text(json.dumps(lock), "utf-8")
        run("validate", code=1 if source.fields else 0)
        asked: set[str] = set()
        for file in (unlocked / "specs").iterdir() if source.fields else ():  # all together say once what all lack
            said = json.loads(run("validate", file, "--format", "json", code=None).stdout)["diagnostics"]
            asked |= {d["path"].removeprefix("spec.") for d in said if d["rule"] == "missing-fact"}
        assert asked == set(source.fields), section


def write_all_that_asks(project: Path) -> None:
    """Specs that, with the examples, ask for every fact in every field that can ask for it."""
    given = {"dataset": "s3://my-bucket/d", "s3_output_path": "s3://my-bucket/o"}
    agent = {"agent_config": "arn:aws:lambda:us-west-2:123456789012:function:agent-env"}
    trainer = {
        "model": "huggingface-reasoning-qwen3-32b",
        "agent_env": "myRuntime-aBcDeFgHiJ",
        "training_dataset": "s3://my-bucket/t",
        "output_model_package_group": "out-mpg",
        "intermediate_checkpoint_model_package_group": "ckpt-mpg",
    }
    write(project, "MultiTurnRLTrainer", "grouped-trainer", **trainer)
    write(project, "MultiTurnRLEvaluator", "again", model={"job": "finished-mtrl-job"}, **given)
    write(project, "MultiTurnRLEvaluator", "base", model="huggingface-reasoning-qwen3-32b", **agent, **given)
    boto3.client("s3", "us-west-2").put_object(Bucket="my-bucket", Key="code.py", Body=b"def handler(*_): ...")
    write(project, "CustomAgentLambda", "in-s3", source="s3://my-bucket/code.py")
    benchmark(project, "grouped", model_package_group="qwen3-mtrl", role="SageMakerRole")
    write(
        project, "SFTTrainer", "onward", model={"job": "finished-sft-job"}, training_dataset="s3://my-bucket/t.jsonl"
    )
    tuned = {"model": "huggingface-reasoning-qwen3-32b", "model_package_group": "out-mpg"}
    tuned["training_dataset"] = "s3://my-bucket/t.jsonl"
    (reward,) = (arn for arn, known in EVALUATORS.items() if known["type"] == "RewardFunction")
    if "RLVRTrainer" in schema.kinds():
        write(project, "RLVRTrainer", "rewarded", custom_reward_function=reward, **tuned)
    if "RLAIFTrainer" in schema.kinds():
        judge = "openai.gpt-oss-120b-1:0"
        write(project, "RLAIFTrainer", "judged", reward_prompt="my-prompt", reward_model_id=judge, **tuned)


(EVALUATORS,) = (context["evaluators"] for context in built_in()["contexts"].values())


def test_live_catalogues(unlocked: Path, aws: Sandbox, run: Run) -> None:
    rows = json.loads(run("catalog", "models", "--technique", "MTRL", "-o", "json").stdout)
    assert "huggingface-reasoning-qwen3-4b" not in [row["name"] for row in rows]
    assert "huggingface-reasoning-qwen3-32b" in [row["name"] for row in rows]
    assert "myRuntime-aBcDeFgHiJ" in run("catalog", "runtimes").stdout


def test_the_table_in_the_documents_is_true(unlocked: Path, aws: Sandbox, run: Run) -> None:
    text = (ROOT / "docs" / "concepts" / "lock.md").read_text("utf-8")
    rows = {
        tuple(c.strip() for c in r.split("|")[1:-1]) for r in text.splitlines() if r.startswith("| `") and ":" in r
    }
    expected = {
        (f"`{section}`", ", ".join(s.calls), ", ".join(s.permissions), ", ".join((*s.fields, *s.when)))
        for section, s in lookup.SOURCES.items()
    }
    assert rows == expected
    write_all_that_asks(unlocked)
    before = len(aws.calls)
    run("lock")
    asked = {f"{call.service}:{call.operation}" for call in aws.calls[before:]} - {"sts:GetCallerIdentity"}
    names = {"bedrock:GET /foundation-models": "bedrock:ListFoundationModels"}
    found = {
        "s3:GetObject"
        if a.startswith("s3:GET")
        else "bedrock-agentcore-control:GetAgentRuntime"
        if "/runtimes/" in a
        else names.get(a, a)
        for a in asked
    }
    assert found == {call for source in lookup.SOURCES.values() for call in source.calls}
