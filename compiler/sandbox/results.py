"""Results files, as evaluation jobs leave them in S3."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from compiler.sandbox.service import Region

_JUDGED = 3
"""Prompts that a judge has judged."""


def publish(region: Region, job: dict[str, Any]) -> None:
    """Write what a finished training job leaves behind: an evaluation's results, or nothing."""
    evaluation = job.get("ServerlessJobConfig", {}).get("EvaluationType")
    if evaluation in ("BenchmarkEvaluation", "CustomScorerEvaluation"):
        _scores(region, job, evaluation)
    elif evaluation == "LLMAJEvaluation" and "judge_model_id" in job.get("HyperParameters", {}):
        _judgements(region, job)


def _scores(region: Region, job: dict[str, Any], evaluation: str) -> None:
    given = job.get("HyperParameters", {})
    task = given.get("task", "gen_qa")
    metric = given.get("evaluation_metric") or "accuracy"
    value = _value(job, metric)
    scores = {metric: value, f"{metric}_stderr": 0.0123}
    key = "all" if evaluation == "BenchmarkEvaluation" else f"custom|{task}|0"
    document = {"config_general": {"model_name": "sandbox"}, "results": {key: scores}}
    name = f"{task}/eval_results/results_2026-01-01T00-00-00.json"
    _put(region, job, f"{job['TrainingJobName']}/output/output/{name}", json.dumps(document))


def _judgements(region: Region, job: dict[str, Any]) -> None:
    given = job["HyperParameters"]
    metrics = json.loads(given.get("llmaj_metrics", "[]")) or ["Correctness"]
    bedrock_job = f"judge-{hashlib.sha256(job['TrainingJobName'].encode()).hexdigest()[:8]}"
    totals = {m: _value(job, m) for m in metrics}
    summary = {
        "job_name": bedrock_job,
        "results": {m: {"score": v, "total_evaluations": _JUDGED} for m, v in totals.items()},
    }
    where = f"{job['TrainingJobName']}/output/output/{bedrock_job}/eval_results/bedrock_llm_judge_results.json"
    _put(region, job, where, json.dumps(summary))
    lines = [
        json.dumps(
            {
                "inputRecord": {"prompt": f"Question {n}?"},
                "modelResponses": [{"response": f"Answer {n}.", "modelIdentifier": "sandbox"}],
                "automatedEvaluationResult": {
                    "scores": [
                        {
                            "metricName": m if m.startswith("Builtin.") else f"Builtin.{m}",
                            "result": v,
                            "evaluatorDetails": [
                                {"modelIdentifier": given["judge_model_id"], "explanation": "It is right."}
                            ],
                        }
                        for m, v in totals.items()
                    ]
                },
            }
        )
        for n in range(1, _JUDGED + 1)
    ]
    _put(region, job, f"{bedrock_job}/models/sandbox/{bedrock_job}_output.jsonl", "\n".join(lines) + "\n")


def _value(job: dict[str, Any], metric: str) -> float:
    """A score that is the same for the same job; a fine-tuned model does better than its base model."""
    seed = int(hashlib.sha256(f"{metric}{job.get('HyperParameters')}".encode()).hexdigest()[:4], 16) / 0xFFFF
    lift = 0.15 if "ModelPackageConfig" in job and "SourceModelPackageArn" in job["ModelPackageConfig"] else 0.0
    return round(0.5 + seed / 5 + lift, 4)


def _put(region: Region, job: dict[str, Any], name: str, text: str) -> None:
    bucket, _, prefix = job["OutputDataConfig"]["S3OutputPath"].removeprefix("s3://").partition("/")
    region.put_object(bucket, f"{prefix.rstrip('/')}/{name}".lstrip("/"), text.encode())
