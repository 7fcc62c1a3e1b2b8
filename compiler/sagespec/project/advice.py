"""What to write instead of values that newcomers write.

In: a problem of a value, and the value. Out: the problem with a hint, where the value says what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sagespec.checking import schema
from sagespec.diagnostics import Hint, KeyPath, Problem
from sagespec.reading.source import general

_HUGGING_FACE = re.compile(r"[\w.-]{1,60}/[\w.-]{1,96}")


def kind(name: str) -> str:
    """Return what to use instead of a kind that does not exist; '' where nothing is known."""
    if name.lower() == "project":
        return "that is the project file, which is not compiled: `sagespec validate sagespec.yaml` checks it"
    meant = [known for known in schema.kinds() if name.lower() in map(str.lower, schema.aliases(known))]
    *most, last = meant or ("",)
    return Hint(
        f"use {', '.join(most)} or {last}" if most else last and f"use {last}", "word", name, filter(None, meant)
    )


def of(problem: Problem, value: Any, refs: Mapping[KeyPath, Sequence[str]]) -> Problem:
    """Add a hint to a problem without one; `refs` are the fields that take refs, with the kinds that they accept."""
    if problem.hint or problem.rule != "bad-pattern" or not isinstance(value, str) or problem.path[:1] != ("spec",):
        return problem
    return replace(problem, hint=_hint(problem, value, refs))


def _hint(problem: Problem, value: str, refs: Mapping[KeyPath, Sequence[str]]) -> str:
    field = str(problem.path[1]) if len(problem.path) > 1 else ""
    is_inside = problem.path[-1:] == ("ref",)
    kinds = refs.get(general(problem.path[1:-1] if is_inside else problem.path[1:]), ())
    if is_inside:
        whole = [f"{kind}/{value}" for kind in kinds]
        return (
            Hint(f"write its whole address: {' or '.join(whole)}", "word", value, whole) if "/" not in value else ""
        )
    given = value.partition("/")[0]
    if given in kinds:
        return Hint(f"write {{ref: {value}}} for the spec", "source", value, [f"{{ref: {value}}}"])
    if given in schema.kinds():
        return f"{field} takes a ref to {' or '.join(kinds)}" if kinds else f"{field} takes no ref to a spec"
    if "IAM role" in problem.message and value.startswith("arn:"):
        return "such as arn:aws:iam::123456789012:role/NAME"
    if field == "model" and _HUGGING_FACE.fullmatch(value):
        name = value.rpartition("/")[2].lower().replace(".", "-")
        return f"a name of Hugging Face: the hub calls it huggingface-...-{name} or so; see `sagespec catalog models`"
    if "S3 URI" in problem.message and "://" not in value and not value.startswith("arn:"):
        name = value.rstrip("/").rpartition("/")[2] or "data"
        if "output" in str(problem.path[-1]):
            return f"results are written to S3 only: write an S3 URI, such as s3://BUCKET/{name}"
        return f"a local path: run `aws s3 cp {value} s3://BUCKET/{name}`, and write the S3 URI"
    return ""
