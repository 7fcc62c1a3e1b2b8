"""What kinds make of text and files that a golden folder cannot hold: too long, too deep, not regular."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run


def write(kind: str, **fields: Any) -> None:
    spec = {"apiVersion": "sagespec/v1", "kind": kind, "metadata": {"name": "a"}, "spec": fields}
    Path("specs/a.json").write_text(json.dumps(spec), "utf-8")


DEEP = ["x = " + "-" * 20_000 + "1\n", "x = a" + ".b" * 60_000 + "\n", "a\0/b.py", "\0\n", "a/" * 3_000 + "\n" * 9]


@pytest.mark.parametrize("source", DEEP, ids=range(len(DEEP)))
def test_code_that_cannot_be_read_is_refused(source: str, project: Path, run: Run) -> None:
    write("CustomAgentLambda", source=source, role="LambdaRole")
    assert "error[bad-source]" in run("compile", code=1).stderr


def test_metrics_nested_too_deeply_are_refused(project: Path, run: Run) -> None:
    judged = {"model": "meta-textgeneration-llama-3-2-1b-instruct", "evaluator_model": "amazon.nova-pro-v1:0"}
    places = {"dataset": "s3://my-bucket/x", "s3_output_path": "s3://my-bucket/out"}
    write("LLMAsJudgeEvaluator", **judged, **places, custom_metrics="[" * 100_000)
    assert "error[too-deep]: JSON of custom_metrics, line 1, column 102" in run("compile", code=1).stderr


def test_code_in_one_long_line_is_code(project: Path, run: Run) -> None:
    write("CustomAgentLambda", source="handler = lambda e, c: '" + "x" * 10_000 + "'", role="LambdaRole")
    assert run("compile").stderr == "1 created\n"


def test_a_pipe_is_not_waited_for(project: Path, run: Run) -> None:
    os.mkfifo("specs/agent.py")
    write("CustomAgentLambda", source="agent.py", role="LambdaRole")
    assert "agent.py is not a file" in run("compile", code=1).stderr


def test_the_environment_of_a_function_has_a_size(project: Path, run: Run) -> None:
    source = "def handler(event, context): return event\n"
    write("CustomAgentLambda", source=source, role="LambdaRole", environment={"NOTE": "x" * 4085})
    assert run("compile").stderr == "1 created\n"  # {"NOTE":"..."} is 4,096 bytes
    write("CustomAgentLambda", source=source, role="LambdaRole", environment={"NOTE": "x" * 4084 + "é"})
    assert "4097 bytes, Lambda takes 4096" in run("compile", code=1).stderr


def test_a_package_is_trained_on_with_the_latest_base_and_evaluated_with_its_own(project: Path, run: Run) -> None:
    lock = json.loads(Path("sagespec.lock.json").read_text("utf-8"))
    (facts,) = lock["contexts"].values()
    package = "arn:aws:sagemaker:us-west-2:123456789012:model-package/qwen3-mtrl/3"
    latest = facts["hub_models"]["huggingface-reasoning-qwen3-32b"]["arn"]
    own = facts["model_packages"][package]["base_model_arn"] = f"{latest.rpartition('/')[0]}/0.9.0"
    Path("sagespec.lock.json").write_text(json.dumps(lock), "utf-8")
    agent = "arn:aws:lambda:us-west-2:123456789012:function:agent"

    write("MultiTurnRLTrainer", model=package, agent_env=agent, training_dataset="s3://my-bucket/x")
    *_, job = json.loads(run("compile", "--stdout", "MultiTurnRLTrainer/a").stdout)["requests"]
    assert job["parameters"]["JobConfigDocument"]["$json"]["TrainingConfig"]["BaseModelArn"] == latest

    places = {"dataset": "s3://my-bucket/x", "s3_output_path": "s3://my-bucket/out"}
    write("MultiTurnRLEvaluator", model=package, agent_config=agent, **places)
    pipeline, _ = json.loads(run("compile", "--stdout", "MultiTurnRLEvaluator/a").stdout)["requests"]
    step = pipeline["parameters"]["PipelineDefinition"]["$json"]["Steps"][1]["Arguments"]
    assert step["JobConfigDocument"]["$json"]["EvaluationConfig"]["BaseModelArn"] == own


def test_agents_are_trained_by_the_recipe_of_lora(project: Path, run: Run) -> None:
    lock = json.loads(Path("sagespec.lock.json").read_text("utf-8"))
    (facts,) = lock["contexts"].values()
    recipes = facts["hub_models"]["huggingface-reasoning-qwen3-32b"]["recipes"]
    recipes["FineTuning/MTRL"] = {"hyperparameters": {"max_epochs": {"type": "integer", "default": 5}}}
    Path("sagespec.lock.json").write_text(json.dumps(lock), "utf-8")
    agent = {"agent_env": "arn:aws:lambda:us-west-2:123456789012:function:agent", "training_dataset": "s3://b/x"}
    given = {"hyperparameters": {"max_epochs": 5, "group_size": 4}}
    write("MultiTurnRLTrainer", model="huggingface-reasoning-qwen3-32b", **agent, **given)
    *_, job = json.loads(run("compile", "--stdout", "MultiTurnRLTrainer/a").stdout)["requests"]
    config = job["parameters"]["JobConfigDocument"]["$json"]["TrainingConfig"]
    assert config["HyperParameters"] == {"max_epochs": "5", "group_size": "4"}


def test_defaults_of_a_recipe_are_not_warned_of(project: Path, run: Run) -> None:
    lock = json.loads(Path("sagespec.lock.json").read_text("utf-8"))
    (facts,) = lock["contexts"].values()
    entries = facts["hub_models"]["huggingface-reasoning-qwen3-32b"]["recipes"]["Evaluation/MTRLEvaluation"]
    entries["hyperparameters"]["pass_k_values"] = {"type": "array", "default": [1, 2, 32]}
    Path("sagespec.lock.json").write_text(json.dumps(lock), "utf-8")
    agent = {"agent_config": "arn:aws:lambda:us-west-2:123456789012:function:agent"}
    places = {"dataset": "s3://my-bucket/x", "s3_output_path": "s3://my-bucket/out"}
    model = {"model": "huggingface-reasoning-qwen3-32b"}
    write("MultiTurnRLEvaluator", **model, **agent, **places)
    assert run("compile").stderr == "1 created\n"
    write("MultiTurnRLEvaluator", **model, **agent, **places, hyperparameters={"eval_group_size": 8})
    assert "warning[pass-k]: pass@32 needs an eval_group_size of at least 32, it is 8" in run("compile").stderr


@pytest.mark.parametrize("path", ["s3://my-bucket", "s3://my-bucket/", "s3://my-bucket/a/b/", "s3://my-bucket//a"])
def test_custom_metrics_are_uploaded_to_where_the_judge_reads_them(path: str, project: Path, run: Run) -> None:
    judged = {"model": "meta-textgeneration-llama-3-2-1b-instruct", "evaluator_model": "amazon.nova-pro-v1:0"}
    metric = {"customMetricDefinition": {"name": "M", "instructions": "Rate {{prediction}}"}}
    places = {"dataset": "s3://my-bucket/x", "s3_output_path": path}
    write("LLMAsJudgeEvaluator", **judged, **places, custom_metrics=[metric])
    upload, pipeline, _ = json.loads(run("compile", "--stdout", "LLMAsJudgeEvaluator/a").stdout)["requests"]
    step = pipeline["parameters"]["PipelineDefinition"]["$json"]["Steps"][1]["Arguments"]
    said = step["HyperParameters"]["custom_metrics"]
    assert said == f"s3://{upload['parameters']['Bucket']}/{upload['parameters']['Key']}"
