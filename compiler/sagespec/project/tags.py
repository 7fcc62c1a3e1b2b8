"""Check tags, in the spellings that specs may use.

In: tags that the schema accepts. Refuses duplicate keys, keys reserved for AWS, for the SDK's conventions and for
sagespec, and characters that the API refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sagespec.diagnostics import KeyPath, Problem
from sagespec.documents.traced import Traced

EVALUATION = "SagemakerModelEvaluation"
MODEL_ID = "sagemaker-sdk:jumpstart-model-id"
HUB_NAME = "sagemaker-sdk:jumpstart-hub-name"

_PREFIXES = {"aws:": "AWS's own", "sagespec:": "sagespec's own"}
_BY_CONVENTION = {
    "job/": (MODEL_ID, HUB_NAME),
    "training-job/": (MODEL_ID, HUB_NAME),  # a training job of a technique: a fine-tuning
    "execution/": (EVALUATION, MODEL_ID),
}
"""Tags that the SDK's conventions set, by the beginning of what a kind runs as."""

TEXT = re.compile("[\\w \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\\d_.:/=+\\-@]*")
"""The API's own pattern of keys and values."""
_WORDS = "letters, digits, spaces and _ . : / = + - @"


def items(tags: Traced) -> Iterator[tuple[Traced, Traced]]:
    """Yield keys and values; a key that is a key of a mapping has the path of its value."""
    if isinstance(tags.value, dict):
        for key, value in tags.entries():
            yield value.to(key), value
    else:
        for tag in tags:
            lower = tag["key"].given
            yield tag["key" if lower else "Key"], tag["value" if lower else "Value"]


def check(tags: Traced, runs: str) -> Iterator[Problem]:
    """Check the tags of something that runs as `runs` says (`x-runs` of a schema)."""
    seen: set[str] = set()
    for key, value in items(tags):
        on_key = key.path == value.path
        whose = _owner(key.value, runs)
        if whose is not None:
            yield Problem("reserved-tag", f"the tag {key.value!r} is {whose}", key.path, on_key=on_key)
        elif key.value in seen:
            yield Problem("duplicate-tag", f"the tag {key.value!r} is given twice", key.path, on_key=on_key)
        elif not TEXT.fullmatch(key.value):
            yield _bad_text("a tag's key", key.path, on_key)
        if isinstance(value.value, str) and not TEXT.fullmatch(value.value):
            yield _bad_text("a tag's value", value.path)
        seen.add(key.value)


def _bad_text(what: str, path: KeyPath, on_key: bool = False) -> Problem:
    return Problem("bad-pattern", f"{what} may hold only {_WORDS}", path, on_key=on_key)


def _owner(key: str, runs: str) -> str | None:
    for prefix, whose in _PREFIXES.items():
        if key.lower().startswith(prefix):
            return whose
    reserved = (keys for start, keys in _BY_CONVENTION.items() if runs.startswith(start))
    return "set by sagespec itself" if any(key in keys for keys in reserved) else None
