"""The CloudWatch log streams of a job."""

from __future__ import annotations

from dataclasses import dataclass

_GROUPS = {
    "training-job": "TrainingJobs",
    "processing-job": "ProcessingJobs",
    "transform-job": "TransformJobs",
}


@dataclass(frozen=True)
class Place:
    """Log streams: their group, and the prefix of their names."""

    group: str
    prefix: str = ""


def of_job(arn: str) -> list[Place]:
    """Return the streams of a job by its ARN; none for a sort of jobs without streams."""
    kind, *category = arn.split(":", 5)[-1].split("/")
    name = category.pop() if category else ""
    group = f"Job/{category[0]}" if kind == "job" and category else _GROUPS.get(kind)
    return [Place(f"/aws/sagemaker/{group}", f"{name}/")] if group else []
