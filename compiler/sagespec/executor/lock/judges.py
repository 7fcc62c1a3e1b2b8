"""Look up judge models of Bedrock: whether SageMaker accepts them as judges, and until when they exist.

In: a model id. Out: the fact in the lock's form. Refuses models that Bedrock does not have, and models that cannot be
judges. SageMaker keeps a list of supported judges; without it, every model with text output is one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timezone
from typing import Any

from sagespec.executor.cloud import CloudError
from sagespec.executor.lock.account import Account, NoFact

SUPPORTED = "fmhMetadata/supported-llmaj-judge-models.json"
_PROFILE = re.compile(r"^(us|us-gov|eu|apac|jp|au|ca|global)\.")


def find(account: Account, model_id: str) -> dict[str, Any]:
    """Look up a judge model.

    Raises NoFact, CloudError.
    """
    models = {model["modelId"]: model for model in account.call("bedrock", "ListFoundationModels")["modelSummaries"]}
    model = models.get(model_id)
    if model is None:
        raise NoFact(f"Bedrock has no model {model_id!r} in {account.region}", _own_id(model_id, models))
    supported = _supported(account)
    if supported is not None and model_id not in supported:
        some = ", ".join(sorted(supported))
        raise NoFact(f"SageMaker does not take {model_id} as a judge", f"it takes {some}")
    if supported is None and "TEXT" not in model.get("outputModalities", ("TEXT",)):
        raise NoFact(f"{model_id} does not answer in text: it cannot be a judge")
    return lifecycle(model)


def lifecycle(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return until when a model of Bedrock exists, and whether it is usable now."""
    ends = model.get("modelLifecycle", {}).get("endOfLifeTime")
    if ends is None:
        return {"end_of_life": None, "usable": True}
    day = ends.astimezone(timezone.utc).date().isoformat()  # in UTC, so that the day does not depend on the machine
    return {"end_of_life": day, "usable": ends > datetime.now(timezone.utc)}


def _own_id(given: str, known: Collection[str]) -> str:
    """Return a hint for an inference profile or an ARN, if the model's own id in it is a judge; else ''."""
    plain = _PROFILE.sub("", given.rpartition("/")[2])
    return f"name it by its own id, {plain}" if plain != given and plain in known else ""


def _supported(account: Account) -> set[str] | None:
    """Return the judges on SageMaker's list; None where it cannot be read or is empty."""
    try:
        document = account.document(f"jumpstart-cache-prod-{account.region}", SUPPORTED)
        entries = [entry for entry in document["supported_judge_models"] if isinstance(entry, dict)]
        return {entry["model_id"] for entry in entries if isinstance(entry.get("model_id"), str)} or None
    except CloudError as error:
        if error.is_passing:
            raise
    except (KeyError, NoFact, TypeError):
        pass
    return None
