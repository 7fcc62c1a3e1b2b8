"""What came out: scores of evaluations, base and custom side by side.

In: the status of an evaluation's execution. Out: `Score`s. Benchmarks and scorers leave `results_*.json` in S3,
judges a summary beside their judgements; MTRL evaluations put their metrics into the job's own document, or only
into MLflow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.executor import metrics, track
from compiler.executor.cloud import Cloud
from compiler.executor.track import Status, Target

_JUDGE_SUMMARY = "bedrock_llm_judge_results.json"
_SIDES = {
    "EvaluateBaseModel": "base",
    "EvaluateCustomModel": "custom",
    "EvaluateFineTunedModel": "custom",
    "EvaluateBaseModelMetrics": "base",
    "EvaluateCustomModelMetrics": "custom",
}
"""The steps that score, and whom."""


@dataclass(frozen=True)
class Score:
    """One metric; None for a side that was not evaluated."""

    metric: str
    base: float | None = None
    custom: float | None = None


@dataclass(frozen=True)
class Opinion:
    """What a judge says of one answer by one metric."""

    metric: str
    score: float | None
    explanation: str = ""


@dataclass(frozen=True)
class Judgement:
    """What a judge says of one answer of one model; `side` is base or custom."""

    side: str
    prompt: str
    response: str
    opinions: tuple[Opinion, ...]


@dataclass(frozen=True)
class Page:
    """Some of the judgements, and how many there are."""

    total: int
    offset: int
    judgements: tuple[Judgement, ...]


class NoResults(Exception):
    """An evaluation that has left nothing to read."""


def read(cloud: Cloud, status: Status, region: str | None) -> tuple[Score, ...]:
    """Read the scores of an evaluation that has come to its end.

    Raises NoResults, CloudError.
    """
    sides = {side: _of_step(cloud, status, arn, region) for side, arn in _scored(status)}
    base, custom = sides.get("base", {}), sides.get("custom", {})
    names = list(dict.fromkeys([*custom, *base]))
    return tuple(Score(metric, base.get(metric), custom.get(metric)) for metric in names)


def judgements(cloud: Cloud, status: Status, region: str | None, offset: int, limit: int) -> Page | None:
    """Read one page of what a judge said; None for an evaluation without a judge.

    Raises NoResults, CloudError.
    """
    total, found = 0, []
    lines_read = False
    for side, arn in _scored(status):
        if not arn.partition(":training-job/")[2]:
            return None
        bucket, prefix, name = *_place(status), arn.rpartition("/")[2]
        folder = _join(prefix, f"{name}/output/output/")
        summary = next((k for k in _keys(cloud, bucket, folder, region) if k.endswith(f"/{_JUDGE_SUMMARY}")), None)
        if summary is None:
            return None
        job = _object(cloud, bucket, summary, region)["job_name"]
        for key in _keys(cloud, bucket, _join(prefix, f"{job}/"), region):
            if not key.endswith("_output.jsonl"):
                continue
            lines_read = True
            for line in _lines(cloud, bucket, key, region):
                if offset <= total < offset + limit:
                    found.append(_judgement(side, json.loads(line)))
                total += 1
    if not lines_read:
        raise NoResults(f"{status.name} has left no judgements")
    return Page(total, offset, tuple(found))


def _judgement(side: str, record: Mapping[str, Any]) -> Judgement:
    responses = record.get("modelResponses") or [{}]
    scores = record.get("automatedEvaluationResult", {}).get("scores", ())
    return Judgement(
        side,
        str(record.get("inputRecord", {}).get("prompt", "")),
        str(responses[0].get("response", "")),
        tuple(
            Opinion(
                s["metricName"], s.get("result"), str((s.get("evaluatorDetails") or [{}])[0].get("explanation", ""))
            )
            for s in scores
        ),
    )


def _scored(status: Status) -> list[tuple[str, str]]:
    """The steps that have scored something: whom, and the job behind."""
    found = [
        (_SIDES[step.name], step.job_arn)
        for step in status.steps
        if step.name in _SIDES and step.job_arn and step.status == "Succeeded"
    ]
    if not found:
        raise NoResults(f"{status.name} has no step that has scored anything")
    return found


def _of_step(cloud: Cloud, status: Status, job_arn: str, region: str | None) -> Mapping[str, float]:
    kind, *_, name = job_arn.rpartition(":")[2].split("/")
    if kind == "job":
        job = track.status(cloud, Target("job", name, job_arn, job_arn.split("/")[1], region))
        return _numbers(job.details["evaluation_metrics"] or metrics.read(job).latest())
    bucket, prefix = _place(status)
    folder = _join(prefix, f"{name}/output/output/")
    for key in _keys(cloud, bucket, folder, region):
        file = key.rpartition("/")[2]
        if file == _JUDGE_SUMMARY:
            summary = _object(cloud, bucket, key, region).get("results", {})
            return _numbers({metric: value.get("score") for metric, value in summary.items()})
        if file.startswith("results_") and file.endswith(".json"):
            return _numbers(_first_task(_object(cloud, bucket, key, region).get("results", {})))
    raise NoResults(f"no results in s3://{bucket}/{folder}")


def _place(status: Status) -> tuple[str, str]:
    bucket, _, prefix = str(status.details.get("s3_output_path")).removeprefix("s3://").partition("/")
    return bucket, prefix


def _join(prefix: str, name: str) -> str:
    return f"{prefix.rstrip('/')}/{name}".lstrip("/")


def _first_task(results: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metrics over all tasks, else those of the first task that has any."""
    tasks = [results.get("all"), *results.values()]
    return next((task for task in tasks if isinstance(task, dict) and task), {})


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items() if isinstance(value, int | float)}


def _keys(cloud: Cloud, bucket: str, prefix: str, region: str | None) -> Iterator[str]:
    token: dict[str, str] = {}
    while True:
        answer = cloud.call("s3", "ListObjectsV2", region, Bucket=bucket, Prefix=prefix, **token)
        yield from (entry["Key"] for entry in answer.get("Contents", ()))
        if not answer.get("IsTruncated"):
            return
        token = {"ContinuationToken": answer["NextContinuationToken"]}


def _object(cloud: Cloud, bucket: str, key: str, region: str | None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cloud.call("s3", "GetObject", region, Bucket=bucket, Key=key)["Body"].read())
    return found


def _lines(cloud: Cloud, bucket: str, key: str, region: str | None) -> Iterator[str]:
    """Read a JSON Lines object as a stream: a judge's output may be large."""
    for line in cloud.call("s3", "GetObject", region, Bucket=bucket, Key=key)["Body"].iter_lines():
        if line.strip():
            yield line.decode()
