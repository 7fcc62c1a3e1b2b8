"""Read the metrics of a training from its log: Nova models write theirs there, too.

In: the status of a job. Out: the values by step and metric; none where the log has no such lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sagespec import arn
from sagespec.executor.answers import at
from sagespec.executor.cloud import Cloud
from sagespec.executor.logs import Tail
from sagespec.executor.runs.status import Status

_NUMBER = r"[=:]\s*(-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)"
_STEP = re.compile(rf"\bglobal_step{_NUMBER}")
_METRICS = {
    "SFT": ("reduced_train_loss", "lr"),
    "RLVR": ("critic/rewards/mean",),
}
"""By technique: the metrics that a line with a `global_step` may have."""


def read(cloud: Cloud, status: Status, region: str | None = None) -> Mapping[int, Mapping[str, float]]:
    """Read what the log of a job says so far.

    Raises CloudError.
    """
    config = status.details.get("serverless_job_config")
    base = arn.hub_content(str(at(config, "BaseModelArn") or ""))
    wanted = _METRICS.get(str(at(config, "CustomizationTechnique") or ""), ())
    if base is None or "nova" not in base.name.lower() or not wanted:
        return {}
    patterns = {name: re.compile(rf"(?<![\w/]){re.escape(name)}{_NUMBER}") for name in wanted}
    rows: dict[int, dict[str, float]] = {}
    for line in Tail(cloud, region).read(status):
        step = _STEP.search(line.text)
        values = {name: float(found[1]) for name, one in patterns.items() if (found := one.search(line.text))}
        if step and values:
            rows.setdefault(int(float(step[1])), {}).update(values)
    return dict(sorted(rows.items()))
