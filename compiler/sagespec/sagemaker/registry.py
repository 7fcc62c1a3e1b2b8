"""The registry of an account: the hub where Studio and the SDK store reward functions, prompts and data sets.

In: a region and an account, or a document of the registry. Out: the hub's name, or the evaluator that is described.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sagespec import arn
from sagespec.diagnostics import Problems
from sagespec.documents.traced import Traced

TYPES = ("JsonDoc", "Evaluator")
"""The types of hub content that ARNs of evaluators have: that of hubs, and that of the SDK's own example."""
_SUBTYPE = "AWS/Evaluator"


class Evaluator(NamedTuple):
    """A reward function or prompt; `reference` is the ARN of a function or the URI of a prompt."""

    type: str
    reference: str | None


def display_name(region: str, account: str) -> str:
    """Return the display name of the hub."""
    return f"AiRegistry-{region}-{account}"


def hub(region: str, account: str) -> str:
    """Return the name of the hub: a hash of the display name, in base 32 with extended hex digits."""
    digest = hashlib.sha256(display_name(region, account).encode()).digest()
    return base64.b32hexencode(digest).decode().rstrip("=")


def check_type(given: Traced, problems: Problems) -> bool:
    """Return whether the ARN of an evaluator has a type that hubs have; warn where it does not."""
    content = arn.hub_content(given.value)
    if content is None or content.type != "Evaluator":
        return True
    hint = "evaluators that the SDK registers are of the type JsonDoc"
    problems.warn("unknown-type", "hubs have no content of the type Evaluator", given.path, hint)
    return False


def evaluator(document: Mapping[str, Any]) -> Evaluator | None:
    """Read the evaluator that a document of a hub describes; None for any other document."""
    inner = document.get("JsonContent")
    try:
        content = json.loads(inner) if isinstance(inner, str) else inner
    except (RecursionError, ValueError):
        return None
    if document.get("SubType") != _SUBTYPE or not isinstance(content, dict):
        return None
    kind, reference = content.get("EvaluatorType"), content.get("Reference")
    if not isinstance(kind, str) or not (reference is None or isinstance(reference, str)):
        return None
    return Evaluator(kind, reference)
