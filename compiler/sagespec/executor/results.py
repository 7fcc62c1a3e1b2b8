"""Read the results of evaluations: scores of the base and the custom model.

In: the status of an evaluation: an execution or a single job. Out: `Score`s. Benchmarks and scorers write
`results_*.json` to S3, judges a summary beside their judgements; MTRL evaluations write metrics into the job's
document, or only to MLflow. Refuses objects that are not results of evaluations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sagespec.executor import answers, metrics
from sagespec.executor.answers import InvalidAnswer, at
from sagespec.executor.cloud import Cloud, NotJSON
from sagespec.executor.cloud_errors import invalid
from sagespec.executor.runs import sorts, track
from sagespec.executor.runs.status import Status

_LINE_BYTES = 16 * 1024**2
"""The longest judgement."""
_JUDGE_SUMMARY = "bedrock_llm_judge_results.json"
_SIDES = {
    "EvaluateBaseModel": "base",
    "EvaluateCustomModel": "custom",
    "EvaluateFineTunedModel": "custom",
    "EvaluateBaseModelMetrics": "base",
    "EvaluateCustomModelMetrics": "custom",
}
"""The steps that score, with the model that they score."""


@dataclass(frozen=True)
class Score:
    """One metric; None for a model that was not evaluated."""

    metric: str
    base: float | None = None
    custom: float | None = None


@dataclass(frozen=True)
class Opinion:
    """The opinion of a judge on one answer by one metric."""

    metric: str
    score: float | None
    explanation: str = ""


@dataclass(frozen=True)
class Judgement:
    """The opinions of a judge on one answer of one model; `side` is base or custom."""

    side: str
    prompt: str
    response: str
    opinions: tuple[Opinion, ...]


@dataclass(frozen=True)
class Page:
    """A part of the judgements, and their total number."""

    total: int
    offset: int
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True)
class Outcome:
    """What a training has put out; `note` says why there are no metrics."""

    output_model_package_arn: str | None
    metrics: Mapping[str, float]
    note: str = ""


class NoResults(Exception):
    """An evaluation without results, or with results that cannot be read."""


def read(cloud: Cloud, status: Status, region: str | None) -> tuple[Score, ...]:
    """Read the scores of a finished evaluation.

    Raises NoResults, CloudError.
    """
    sides = {side: _of_job(cloud, arn, region) for side, arn in _scored(status)}
    base, custom = sides.get("base", {}), sides.get("custom", {})
    names = list(dict.fromkeys([*custom, *base]))
    return tuple(Score(metric, base.get(metric), custom.get(metric)) for metric in names)


def of_training(cloud: Cloud, status: Status, region: str | None) -> Outcome | None:
    """Read what a training has put out: its model package, and the last value of each metric; None for other runs.

    Raises NoResults before its end, CloudError. Without metrics that can be read, `note` says why.
    """
    is_training = at(status.details, "serverless_job_config", "JobType") == "FineTuning"
    if not is_training and status.details.get("job_category") != "AgentRFT":
        return None
    if status.state != "done":
        raise NoResults(f"{status.name} is {status.status}: it has put out nothing")
    found = status.details.get("output_model_package_arn")
    package = found if isinstance(found, str) else None
    try:
        return Outcome(package, metrics.read(cloud, status, region=region).latest())
    except (metrics.MlflowMissing, metrics.MlflowTrouble, metrics.NoMetrics) as error:
        if package is None:
            raise NoResults(f"{status.name} has put out no model package, and no metrics: {error}") from None
        return Outcome(package, {}, str(error))


def judgements(cloud: Cloud, status: Status, region: str | None, offset: int, limit: int) -> Page | None:
    """Read one page of a judge's opinions; None for an evaluation without a judge.

    Raises NoResults, CloudError.
    """
    total, page = 0, []
    lines_read = False
    for side, arn in _scored(status):
        job = _job(cloud, arn)
        if _tells_itself(job):
            return None
        bucket, prefix = _location(job)
        folder = _join(prefix, f"{job.name}/output/output/")
        summary = next((k for k in _keys(cloud, bucket, folder, region) if k.endswith(f"/{_JUDGE_SUMMARY}")), None)
        if summary is None:
            return None
        judged = _object(cloud, bucket, summary, region).get("job_name")
        for key in _keys(cloud, bucket, _join(prefix, f"{judged}/"), region):
            if not key.endswith("_output.jsonl"):
                continue
            lines_read = True
            for line in _lines(cloud, bucket, key, region):
                if offset <= total < offset + limit:
                    page.append(_judgement(side, _record(line, f"line {total + 1} of s3://{bucket}/{key}")))
                total += 1
    if not lines_read:
        raise NoResults(f"{status.name} has written no judgements")
    return Page(total, offset, tuple(page))


def _judgement(side: str, record: Mapping[str, Any]) -> Judgement:
    scores = at(record, "automatedEvaluationResult", "scores")
    return Judgement(
        side,
        str(at(record, "inputRecord", "prompt") or ""),
        str(at(record, "modelResponses", 0, "response") or ""),
        tuple(
            Opinion(
                str(at(score, "metricName") or ""),
                _number(at(score, "result")),
                str(at(score, "evaluatorDetails", 0, "explanation") or ""),
            )
            for score in (scores if isinstance(scores, list) else ())
        ),
    )


def _scored(status: Status) -> list[tuple[str, str]]:
    """Return the jobs that have scored: side and ARN. A single job is its own evaluation."""
    if not status.has_steps:
        if "s3_output_path" not in status.details:
            raise NoResults(f"{status.name} is no evaluation")
        if status.state != "done":
            raise NoResults(f"{status.name} is {status.status}: it has not scored anything")
        models = status.details.get("model_package_config") or {}
        is_custom = {"InputModelPackageArn", "SourceModelPackageArn"} & set(models)
        return [("custom" if is_custom else "base", status.arn)]
    scores = [
        (_SIDES[step.name], step.job_arn)
        for step in status.steps
        if step.name in _SIDES and step.job_arn and step.status == "Succeeded"
    ]
    if not scores:
        raise NoResults(f"{status.name} has no step that has scored anything")
    return scores


def _job(cloud: Cloud, arn: str) -> Status:
    """Return the status of the job that has scored; only the job knows where it has written."""
    target = sorts.of_arn(arn)
    if target is None:
        raise NoResults(f"{arn} is not an evaluation job")
    return track.status(cloud, target, is_over=True)


def _tells_itself(job: Status) -> bool:
    """Return whether the scores are in the job's document instead of in S3."""
    return "evaluation_metrics" in job.details


def _of_job(cloud: Cloud, arn: str, region: str | None) -> Mapping[str, float]:
    job = _job(cloud, arn)
    if _tells_itself(job):
        given = job.details["evaluation_metrics"]
        if not given and not job.details["job_category"].endswith("Evaluation"):
            raise NoResults(f"{job.name} is not an evaluation; `sagespec metrics` shows what it has logged")
        return _numbers(given or metrics.read(cloud, job).latest())
    bucket, prefix = _location(job)
    folder = _join(prefix, f"{job.name}/output/output/")
    for key in _keys(cloud, bucket, folder, region):
        file = key.rpartition("/")[2]
        if file == _JUDGE_SUMMARY or (file.startswith("results_") and file.endswith(".json")):
            results = _object(cloud, bucket, key, region).get("results")
            if not isinstance(results, dict):
                raise NoResults(f"s3://{bucket}/{key} is not a result of an evaluation: `results` is not a mapping")
            if file == _JUDGE_SUMMARY:
                return _numbers({metric: at(value, "score") for metric, value in results.items()})
            return _numbers(_first_task(results))
    raise NoResults(f"no results in s3://{bucket}/{folder}: {job.name} is not an evaluation, or has written none")


def _location(job: Status) -> tuple[str, str]:
    path = str(job.details["s3_output_path"])
    if not path.startswith("s3://"):
        raise NoResults(f"{job.name} writes to {path}, which is not an S3 URI")
    bucket, _, prefix = path.removeprefix("s3://").partition("/")
    return bucket, prefix


def _join(prefix: str, name: str) -> str:
    return f"{prefix.rstrip('/')}/{name}".lstrip("/")


def _first_task(results: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the metrics over all tasks, else those of the first task that has any."""
    tasks = [results.get("all"), *results.values()]
    return next((task for task in tasks if isinstance(task, dict) and task), {})


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    numbers = {name: _number(value) for name, value in metrics.items()}
    return {name: value for name, value in numbers.items() if value is not None}


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:  # integers of JSON are unlimited
        return math.inf if value > 0 else -math.inf


def _keys(cloud: Cloud, bucket: str, prefix: str, region: str | None) -> Iterator[str]:
    for page in cloud.pages("s3", "ListObjectsV2", "Contents", region, Bucket=bucket, Prefix=prefix):
        yield from (entry["Key"] for entry in page)


def _object(cloud: Cloud, bucket: str, key: str, region: str | None) -> dict[str, Any]:
    where = f"s3://{bucket}/{key}"
    try:
        return _mapping(cloud.document(bucket, key, region, lenient=True), where)
    except NotJSON:
        raise NoResults(f"{where} is not a result of an evaluation: not JSON") from None


def _record(line: bytes, where: str) -> dict[str, Any]:
    """Parse a line of JSON Lines; an incomplete last line means that the object was cut short."""
    try:
        return _mapping(answers.document(line, where, lenient=True), where)
    except InvalidAnswer as error:
        if not line.endswith(b"\n"):
            raise invalid(str(error), "GetObject") from None
        raise NoResults(f"{where} is not a result of an evaluation: not JSON") from None


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NoResults(f"{where} is not a result of an evaluation: no JSON object")
    return value


def _lines(cloud: Cloud, bucket: str, key: str, region: str | None) -> Iterator[bytes]:
    """Yield the lines of a JSON Lines object with their line break; the object may be too large to load."""
    rest = b""
    for chunk in cloud.chunks(bucket, key, region):
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LINE_BYTES:
            raise NoResults(f"s3://{bucket}/{key} is not a result of an evaluation: a line is too long")
        yield from (line + b"\n" for line in whole if line.strip())
    if rest.strip():
        yield rest
