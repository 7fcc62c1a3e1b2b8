"""Read one run from MLflow; run as a script in a separate process, never imported.

MLflow's plugin for ARNs of SageMaker uses the process's global tracking URI and credentials for every request. In a
separate process they cannot change those of a program that imports sagespec, nor of its other threads.

In: a question as JSON on stdin, and MLFLOW_TRACKING_URI. Out: an answer as JSON on stdout; MLflow prints to stderr.
Any exception, also of a plugin, becomes the answer `trouble`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from contextlib import suppress
from typing import Any

MEMORY_BYTES = 2 * 1024**3
"""The memory limit: MLflow's client reads an answer of any size as a whole."""


class NoAnswer(Exception):
    """An answer of the server that cannot be right."""


def read(run_id: str, experiment: str, run_name: str, wanted: list[str], usual: list[str]) -> dict[str, Any]:
    """Return the points of the wanted metrics; without names of the usual ones, else of all that the run has."""
    from mlflow import MlflowClient

    client = MlflowClient()
    run = client.get_run(run_id) if run_id else named(client, experiment, run_name)
    if run is None:
        return {}
    if run_id and run.info.run_id != run_id:
        raise NoAnswer(f"asked for run {run_id}, the tracking server answered with {run.info.run_id!r}")
    logged = sorted(run.data.metrics)
    chosen = wanted or [metric for metric in usual if metric in logged] or logged
    points = {}
    for metric in (m for m in chosen if m in logged):
        history = client.get_metric_history(run.info.run_id, metric)
        if not history:
            raise NoAnswer(f"the tracking server gives no points of {metric}, which it says was logged")
        points[metric] = [(point.step, point.value) for point in history]
    return {"run_id": run.info.run_id, "logged": logged, "chosen": chosen, "points": points}


def named(client: Any, experiment: str, run_name: str) -> Any:
    """Return the only run of a name in an experiment, or None."""
    known = client.get_experiment_by_name(experiment)
    if known is None:
        return None
    quoted = run_name.replace("'", "")
    runs = client.search_runs([known.experiment_id], f"attributes.run_name = '{quoted}'")
    if len(runs) > 1:
        raise NoAnswer(f"experiment {experiment!r} has {len(runs)} runs called {run_name!r}")
    return runs[0] if runs else None


def end_paging() -> None:
    """Raise NoAnswer for a repeated page token, on which MLflow's client would loop forever."""
    from mlflow.store.tracking.rest_store import RestStore

    usual: Any = RestStore.get_metric_history
    seen: set[tuple[str, str, Any]] = set()

    def page(self: Any, run_id: str, metric_key: str, **options: Any) -> Any:
        asked = (run_id, metric_key, options.get("page_token"))
        if asked in seen:
            raise NoAnswer("the tracking server gives the same page again")
        seen.add(asked)
        return usual(self, run_id, metric_key, **options)

    RestStore.get_metric_history = page  # type: ignore[assignment, method-assign]


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(**told: Any) -> None:
        with answers:
            json.dump(told, answers)

    def tell(kind: type[BaseException], error: BaseException, _: object) -> None:
        code = getattr(error, "error_code", "")
        answer(trouble=str(getattr(error, "message", error)), kind=kind.__name__, code=code)

    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    with suppress(OSError, ValueError):  # macOS has the limit, but refuses to set it
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES if most < 0 else min(MEMORY_BYTES, most), most))
    question = json.load(sys.stdin)
    sys.path[:] = question.pop("path")
    sys.excepthook = tell
    end_paging()
    answer(found=read(**question))


if __name__ == "__main__":
    main()
