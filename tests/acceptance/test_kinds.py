"""What kinds make of what a golden folder cannot hold: text too long or deep, odd files, facts of another lock."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run


def write(kind: str, **fields: Any) -> None:
    spec = {"apiVersion": "sagespec/v1", "kind": kind, "metadata": {"name": "a"}, "spec": fields}
    Path("specs/a.json").write_text(json.dumps(spec), "utf-8")


@contextmanager
def facts() -> Iterator[Any]:
    """The facts of the lock, to be changed."""
    file = Path("sagespec.lock.json")
    lock = json.loads(file.read_text("utf-8"))
    (found,) = lock["contexts"].values()
    yield found
    file.write_text(json.dumps(lock), "utf-8")


BASE = "huggingface-reasoning-qwen3-32b"
AGENT = "arn:aws:lambda:us-west-2:123456789012:function:agent"
PLACES = {"dataset": "s3://my-bucket/x", "s3_output_path": "s3://my-bucket/out"}
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
    assert "agent.py: not a file" in run("compile", code=1).stderr


def test_the_environment_of_a_function_has_a_size(project: Path, run: Run) -> None:
    source = "def handler(event, context): return event\n"
    write("CustomAgentLambda", source=source, role="LambdaRole", environment={"NOTE": "x" * 4085})
    assert run("compile").stderr == "1 created\n"  # {"NOTE":"..."} is 4,096 bytes
    write("CustomAgentLambda", source=source, role="LambdaRole", environment={"NOTE": "x" * 4084 + "é"})
    assert "4097 bytes, Lambda takes 4096" in run("compile", code=1).stderr


def test_a_package_is_trained_on_with_the_latest_base_and_evaluated_with_its_own(project: Path, run: Run) -> None:
    package = "arn:aws:sagemaker:us-west-2:123456789012:model-package/qwen3-mtrl/3"
    with facts() as known:
        latest = known["hub_models"][BASE]["arn"]
        own = known["model_packages"][package]["base_model_arn"] = f"{latest.rpartition('/')[0]}/0.9.0"

    write("MultiTurnRLTrainer", model=package, agent_env=AGENT, training_dataset="s3://my-bucket/x")
    *_, job = json.loads(run("compile", "--stdout", "MultiTurnRLTrainer/a").stdout)["requests"]
    assert job["parameters"]["JobConfigDocument"]["$json"]["TrainingConfig"]["BaseModelArn"] == latest

    write("MultiTurnRLEvaluator", model=package, agent_config=AGENT, **PLACES)
    pipeline, _ = json.loads(run("compile", "--stdout", "MultiTurnRLEvaluator/a").stdout)["requests"]
    step = pipeline["parameters"]["PipelineDefinition"]["$json"]["Steps"][1]["Arguments"]
    assert step["JobConfigDocument"]["$json"]["EvaluationConfig"]["BaseModelArn"] == own


def test_agents_are_trained_by_the_recipe_of_lora(project: Path, run: Run) -> None:
    with facts() as known:
        recipes = known["hub_models"][BASE]["recipes"]
        recipes["FineTuning/MTRL"] = {"hyperparameters": {"max_epochs": {"type": "integer", "default": 5}}}
    given = {"max_epochs": 5, "group_size": 4}
    write(
        "MultiTurnRLTrainer", model=BASE, agent_env=AGENT, training_dataset="s3://my-bucket/x", hyperparameters=given
    )
    *_, job = json.loads(run("compile", "--stdout", "MultiTurnRLTrainer/a").stdout)["requests"]
    config = job["parameters"]["JobConfigDocument"]["$json"]["TrainingConfig"]
    assert config["HyperParameters"] == {"max_epochs": "5", "group_size": "4"}


def test_what_the_service_fills_in_is_warned_of(project: Path, run: Run) -> None:
    with facts() as known:
        recipe = known["hub_models"][BASE]["recipes"]["FineTuning/MTRL/LORA"]
        recipe["hyperparameters"]["data_path"] = {"type": "string", "default": ""}
    given = {"data_path": "s3://my-bucket/y"}
    write(
        "MultiTurnRLTrainer", model=BASE, agent_env=AGENT, training_dataset="s3://my-bucket/x", hyperparameters=given
    )
    assert "warning[service-managed]: the service fills in 'data_path' itself" in run("compile").stderr


def test_defaults_of_a_recipe_are_not_warned_of(project: Path, run: Run) -> None:
    with facts() as known:
        recipe = known["hub_models"][BASE]["recipes"]["Evaluation/MTRLEvaluation"]
        recipe["hyperparameters"]["pass_k_values"] = {"type": "array", "default": [1, 2, 32]}
    write("MultiTurnRLEvaluator", model=BASE, agent_config=AGENT, **PLACES)
    assert run("compile").stderr == "1 created\n"
    write("MultiTurnRLEvaluator", model=BASE, agent_config=AGENT, **PLACES, hyperparameters={"eval_group_size": 8})
    assert "warning[pass-k]: pass@32 needs an eval_group_size of at least 32, it is 8" in run("compile").stderr


@pytest.mark.parametrize("path", ["s3://my-bucket", "s3://my-bucket/", "s3://my-bucket/a/b/", "s3://my-bucket//a"])
def test_custom_metrics_are_uploaded_to_where_the_judge_reads_them(path: str, project: Path, run: Run) -> None:
    metric = {"customMetricDefinition": {"name": "M", "instructions": "Rate {{prediction}}"}}
    places = {"dataset": "s3://my-bucket/x", "s3_output_path": path}
    judge = {"evaluator_model": "amazon.nova-pro-v1:0", "custom_metrics": [metric]}
    write("LLMAsJudgeEvaluator", model=BASE, **judge, **places)
    upload, pipeline, _ = json.loads(run("compile", "--stdout", "LLMAsJudgeEvaluator/a").stdout)["requests"]
    step = pipeline["parameters"]["PipelineDefinition"]["$json"]["Steps"][1]["Arguments"]
    said = step["HyperParameters"]["custom_metrics"]
    assert said == f"s3://{upload['parameters']['Bucket']}/{upload['parameters']['Key']}"
