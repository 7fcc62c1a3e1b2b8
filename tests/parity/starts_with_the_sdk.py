"""Start one of each kind with the SageMaker Python SDK, as a notebook does, wait, and read what came out, as JSON.

Run by an interpreter that has sagemaker-train, in a program whose AWS is the sandbox. Nothing of the SDK is changed.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import boto3
from sagemaker.core.resources import TrainingJob
from sagemaker.core.training.configs import Compute, SourceCode
from sagemaker.train import DPOTrainer, ModelTrainer, SFTTrainer
from sagemaker.train.custom_agent_lambda import CustomAgentLambda
from sagemaker.train.evaluate import BenchMarkEvaluator, CustomScorerEvaluator, LLMAsJudgeEvaluator
from sagemaker.train.evaluate.benchmark_evaluator import get_benchmarks
from sagemaker.train.evaluate.multi_turn_rl_evaluator import MultiTurnRLEvaluator
from sagemaker.train.multi_turn_rl_trainer import MultiTurnRLTrainer

MODEL = "huggingface-reasoning-qwen3-32b"
JUDGE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
IMAGE = "763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.4-gpu-py311"
AGENT = "def handler(event, context):\n    return {'statusCode': 200}\n"
WARMTH = {
    "customMetricDefinition": {
        "name": "Warmth",
        "instructions": "How warm is it? {{prompt}} {{prediction}}",
        "ratingScale": [
            {"definition": "Warm", "value": {"floatValue": 5}},
            {"definition": "Cold", "value": {"floatValue": 1}},
        ],
    }
}
DATA = b'{"prompt": "1 + 1", "response": "2"}\n'


def fine_tuned(dataset: str, output: str) -> dict[str, Any]:
    """Train by examples, wait, and go on from the package by preferences; each job as the SDK reads it again."""
    common = {"training_dataset": dataset, "s3_output_path": output, "accept_eula": True}
    first = SFTTrainer(model=MODEL, model_package_group="out-mpg", **common).train(wait=True, poll=1)
    package = first.output_model_package_arn
    second = DPOTrainer(model=package, model_package_group="out-mpg", **common).train(wait=True, poll=1)
    jobs = {"SFTTrainer": first, "DPOTrainer": second}
    read = {kind: TrainingJob.get(job.training_job_name) for kind, job in jobs.items()}
    return {
        kind: {
            "name": job.training_job_name,
            "status": job.training_job_status,
            "package": job.output_model_package_arn,
            "source": package if kind == "SFTTrainer" else job.model_package_config.source_model_package_arn,
        }
        for kind, job in read.items()
    }


def main() -> None:
    bucket, folder = "my-bucket", Path(sys.argv[1])
    for key in ("train.jsonl", "evaluation.jsonl"):
        boto3.client("s3").put_object(Bucket=bucket, Key=f"sums/{key}", Body=DATA)
    dataset, output = f"s3://{bucket}/sums/evaluation.jsonl", f"s3://{bucket}/evaluations"
    agent = CustomAgentLambda.create(source=AGENT, function_name="sdk-agent")
    trainer = MultiTurnRLTrainer(
        model=MODEL,
        agent_env=agent,
        training_dataset=f"s3://{bucket}/sums/train.jsonl",
        s3_output_path=f"s3://{bucket}/output",
        accept_eula=True,
    )
    job = trainer.train(wait=False)
    job.wait(poll=1)
    package = job.output_model_package_arn
    evaluators: dict[str, Any] = {
        "BenchMarkEvaluator": BenchMarkEvaluator(
            benchmark=get_benchmarks().MATH,
            subtasks=["algebra"],
            model=package,
            s3_output_path=output,
            evaluate_base_model=True,
        ),
        "CustomScorerEvaluator": CustomScorerEvaluator(
            evaluator="prime_math", dataset=dataset, model=package, s3_output_path=output, evaluate_base_model=True
        ),
        "LLMAsJudgeEvaluator": LLMAsJudgeEvaluator(
            evaluator_model=JUDGE,
            builtin_metrics=["Correctness"],
            custom_metrics=json.dumps([WARMTH]),
            dataset=dataset,
            model=package,
            s3_output_path=output,
            evaluate_base_model=True,
        ),
        "MultiTurnRLEvaluator": MultiTurnRLEvaluator(
            model=trainer, dataset=dataset, s3_output_path=output, evaluate_base_model=True, accept_eula=True
        ),
    }
    executions = {kind: evaluator.evaluate() for kind, evaluator in evaluators.items()}
    for kind, execution in executions.items():
        execution.wait(poll=1)
        if kind != "MultiTurnRLEvaluator":  # its results are in MLflow, and the SDK shows the link to them only
            execution.show_results()
    tuned = fine_tuned(f"s3://{bucket}/sums/train.jsonl", output)
    code = folder / "code"
    code.mkdir()
    (code / "train.py").write_text("print('training')\n", "utf-8")
    training = ModelTrainer(
        training_image=IMAGE,
        source_code=SourceCode(source_dir=str(code), entry_script="train.py"),
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
        base_job_name="sdk-training",
    )
    training.train(wait=True, logs=False)
    found = {
        "agent": agent.lambda_arn,
        "job": {"name": job.job_name, "status": job.job_status, "package": package},
        "tuned": tuned,
        "metrics": job.get_training_metrics(),
        "executions": {kind: {"arn": e.arn, "status": e.status.overall_status} for kind, e in executions.items()},
        "training": training._latest_training_job.training_job_name,
    }
    sys.stdout.write("\n" + json.dumps(found, default=str) + "\n")


if __name__ == "__main__":
    logging.disable(logging.INFO)
    main()
