"""A review as data, for programs.

In: a `Review`. Out: plain data, as `schemas/v1/outputs/diff.json` describes it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from sagespec.review.entry import Cost, Entry, Exempted, Review


def of(review: Review) -> dict[str, Any]:
    """Write a review."""
    counts = Counter(entry.sort for entry in review.counted)
    return {
        "base": {"ref": review.ref, "commit": review.commit, "compiled": review.is_compiled},
        "head": "work tree",
        "environment": review.environment,
        "accounts": list(review.accounts),
        "remarks": list(review.remarks),
        "stale": review.stale,
        "exceptions": [_exception(one) for one in review.exceptions],
        "entries": [_entry(entry) for entry in review.entries],
        "counts": dict(sorted(counts.items()))
        | {"starting": sum(entry.starts for entry in review.counted)}
        | {"exceptions": len(review.exceptions)},
    }


def _entry(entry: Entry) -> dict[str, Any]:
    place = {"file": entry.file, "line": entry.line} if entry.reason else {}
    more = {"was": entry.was, "commit": entry.commit, "reason": entry.reason, **place}
    return {
        "address": entry.address,
        "class": entry.sort,
        "starts": entry.starts,
        "because": list(entry.because),
        "identity": {"old": entry.old, "new": entry.new},
        "run": run(entry.cost),
        "changes": [change._asdict() for change in entry.changes],
        **{name: value for name, value in more.items() if value},
    }


def _exception(one: Exempted) -> dict[str, Any]:
    return one._asdict() | {"before": one.before or None}


def run(cost: Cost | None) -> dict[str, Any]:
    """What a run takes at most; only what is known of it."""
    if cost is None:
        return {}
    told: dict[str, Any] = {"operation": cost.operation, "serverless": cost.serverless}
    told["instances"] = [one._asdict() for one in cost.instances]
    named = {
        "longest_seconds": cost.seconds,
        "instance_hours": cost.hours,
        "usd": cost.usd,
        "model": cost.model or None,
        "data": list(cost.data) or None,
        "rounds": cost.rounds or None,
        "steps": cost.steps or None,
        "jobs": cost.jobs or None,
        "jobs_at_once": cost.at_once or None,
    }
    return told | {name: value for name, value in named.items() if value is not None}
