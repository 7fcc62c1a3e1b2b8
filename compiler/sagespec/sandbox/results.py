"""Write models and results files to S3, as training and evaluation jobs do."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any

from sagespec.sandbox import neighbours
from sagespec.sandbox.service import MALFORMED, Region

_JUDGED = 3
"""The number of prompts that a judge has judged."""
_MODEL_FILE, _MODEL = "model.txt", b"a model of the sandbox\n"
"""The only file of a model."""


def publish(region: Region, job: dict[str, Any], artifacts: str) -> None:
    """Write what a finished training job writes: its model `artifacts`, and the results of an evaluation."""
    bucket, _, key = artifacts.removeprefix("s3://").partition("/")
    body = _archive() if key.endswith(".tar.gz") else _MODEL
    neighbours.put_object(region, bucket, f"{key}{_MODEL_FILE}" if key.endswith("/") else key, body)
    evaluation = job.get("ServerlessJobConfig", {}).get("EvaluationType")
    if evaluation in ("BenchmarkEvaluation", "CustomScorerEvaluation"):
        _scores(region, job, evaluation)
    elif evaluation == "LLMAJEvaluation" and "judge_model_id" in job.get("HyperParameters", {}):
        _judgements(region, job)


def _archive() -> bytes:
    """Return `model.tar.gz`; always the same bytes."""
    archive, member = io.BytesIO(), tarfile.TarInfo(_MODEL_FILE)
    member.size = len(_MODEL)
    with (
        gzip.GzipFile(fileobj=archive, mode="wb", mtime=0) as packed,
        tarfile.TarFile(fileobj=packed, mode="w") as tar,
    ):
        tar.addfile(member, io.BytesIO(_MODEL))
    return archive.getvalue()


def flaw(region: Region, job: dict[str, Any]) -> str | None:
    """Return why an evaluation fails: custom metrics that are missing or invalid; None where it does not."""
    uri = job.get("HyperParameters", {}).get("custom_metrics", "")
    if not uri.startswith("s3://"):
        return None
    try:
        _custom(region, uri)
    except MALFORMED:
        return f"ClientError: no definitions of custom metrics can be read from {uri}"
    return None


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
    """Write the results of a judge: a summary of each metric, and each judgement with the judge's reason."""
    given, totals = job["HyperParameters"], _totals(region, job)
    bedrock_job = f"judge-{hashlib.sha256(job['TrainingJobName'].encode()).hexdigest()[:8]}"
    means = {m.removeprefix("Builtin."): {"score": v, "total_evaluations": _JUDGED} for m, v in totals.items()}
    summary = {"job_name": bedrock_job, "results": means}
    where = f"{job['TrainingJobName']}/output/output/{bedrock_job}/eval_results/bedrock_llm_judge_results.json"
    _put(region, job, where, json.dumps(summary))
    judged = {"modelIdentifier": given["judge_model_id"], "explanation": "It is right."}
    scores = [{"metricName": m, "result": v, "evaluatorDetails": [judged]} for m, v in totals.items()]
    lines = [
        json.dumps(
            {
                "inputRecord": {"prompt": f"Question {n}?"},
                "modelResponses": [{"response": f"Answer {n}.", "modelIdentifier": "sandbox"}],
                "automatedEvaluationResult": {"scores": scores},
            }
        )
        for n in range(1, _JUDGED + 1)
    ]
    _put(region, job, f"{bedrock_job}/models/sandbox/{bedrock_job}_output.jsonl", "\n".join(lines) + "\n")


def _totals(region: Region, job: dict[str, Any]) -> dict[str, float]:
    """Return scores by Bedrock's names of metrics: its own as shares, custom ones on their scales."""
    given = job["HyperParameters"]
    builtin = [f"Builtin.{name.removeprefix('Builtin.')}" for name in json.loads(given.get("llmaj_metrics") or "[]")]
    totals = {name: _value(job, name.removeprefix("Builtin.")) for name in builtin}
    for name, (low, high) in _custom(region, given.get("custom_metrics") or "").items():
        totals[name] = round(low + (high - low) * _value(job, name), 4)
    return totals


def _custom(region: Region, uri: str) -> dict[str, tuple[float, float]]:
    """Return custom metrics by name, with the ends of their scales; a scale of words counts like a share.

    Raises one of MALFORMED for an object that does not exist or contains no definitions.
    """
    if not uri:
        return {}
    ranges = {}
    for entry in json.loads(neighbours.get_object(region, uri) or b""):
        definition = entry["customMetricDefinition"]
        values = [rating["value"].get("floatValue") for rating in definition.get("ratingScale", ())]
        numbers = [float(value) for value in values if value is not None]
        ranges[str(definition["name"])] = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    return ranges


def _value(job: dict[str, Any], metric: str) -> float:
    """Return a score that depends only on the job; a fine-tuned model is better than its base model."""
    seed = int(hashlib.sha256(f"{metric}{job.get('HyperParameters')}".encode()).hexdigest()[:4], 16) / 0xFFFF
    lift = 0.15 if "ModelPackageConfig" in job and "SourceModelPackageArn" in job["ModelPackageConfig"] else 0.0
    return round(0.5 + seed / 5 + lift, 4)


def _put(region: Region, job: dict[str, Any], name: str, text: str) -> None:
    bucket, _, prefix = job["OutputDataConfig"]["S3OutputPath"].removeprefix("s3://").partition("/")
    neighbours.put_object(region, bucket, f"{prefix.rstrip('/')}/{name}".lstrip("/"), text.encode())
