"""What came out: scores of evaluations, base and custom side by side.

In: the status of an evaluation's execution. Out: `Score`s. Benchmarks and scorers leave `results_*.json` in S3,
judges a summary beside their verdicts, MTRL evaluations put their metrics into the job's own document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.executor.cloud import Cloud
from compiler.executor.track import Status

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


class NoResults(Exception):
    """An evaluation that has left nothing to read."""


def read(cloud: Cloud, status: Status, region: str | None) -> tuple[Score, ...]:
    """Read the scores of an evaluation that has come to its end.

    Raises NoResults, CloudError.
    """
    sides: dict[str, Mapping[str, float]] = {}
    for step in status.steps:
        if step.name in _SIDES and step.job_arn and step.status == "Succeeded":
            sides[_SIDES[step.name]] = _of_step(cloud, status, step.job_arn, region)
    if not sides:
        raise NoResults(f"{status.name} has no step that has scored anything")
    base, custom = sides.get("base", {}), sides.get("custom", {})
    metrics = list(dict.fromkeys([*custom, *base]))
    return tuple(Score(metric, base.get(metric), custom.get(metric)) for metric in metrics)


def _of_step(cloud: Cloud, status: Status, job_arn: str, region: str | None) -> Mapping[str, float]:
    kind, *_, name = job_arn.rpartition(":")[2].split("/")
    if kind == "job":
        category = job_arn.split("/")[1]
        found = cloud.call("sagemaker", "DescribeJob", region, JobName=name, JobCategory=category)
        output = json.loads(found["JobConfigDocument"]).get("ServiceOutput", {})
        return _numbers(output.get("EvaluationMetrics", {}))
    bucket, _, prefix = str(status.details.get("s3_output_path")).removeprefix("s3://").partition("/")
    folder = f"{prefix.rstrip('/')}/{name}/output/output/".lstrip("/")
    for key in _keys(cloud, bucket, folder, region):
        file = key.rpartition("/")[2]
        if file == _JUDGE_SUMMARY:
            summary = _object(cloud, bucket, key, region).get("results", {})
            return _numbers({metric: value.get("score") for metric, value in summary.items()})
        if file.startswith("results_") and file.endswith(".json"):
            return _numbers(_first_task(_object(cloud, bucket, key, region).get("results", {})))
    raise NoResults(f"no results in s3://{bucket}/{folder}")


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
