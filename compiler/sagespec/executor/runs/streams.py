"""Where in CloudWatch Logs a job writes."""

from __future__ import annotations

from dataclasses import dataclass

_GROUPS = {
    "training-job": "TrainingJobs",
    "processing-job": "ProcessingJobs",
    "transform-job": "TransformJobs",
}


@dataclass(frozen=True)
class Place:
    """Where streams are: their group, and what their names start with."""

    group: str
    prefix: str = ""


def of_job(arn: str) -> list[Place]:
    """Where the job of an ARN writes; nowhere, for sorts of jobs that have no streams of their own."""
    kind, *category = arn.split(":", 5)[-1].split("/")
    name = category.pop() if category else ""
    group = f"Job/{category[0]}" if kind == "job" and category else _GROUPS.get(kind)
    return [Place(f"/aws/sagemaker/{group}", f"{name}/")] if group else []
