"""What the definition of an evaluation's pipeline says, those that the SDK has written included.

In: the parsed definition, which may be anything. Out: its steps, and where its jobs write; expressions of pipelines
are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagespec.executor import answers
from sagespec.executor.answers import InvalidAnswer, at
from sagespec.executor.runs.status import mapping


def evaluation_type(pipeline: str) -> str | None:
    """Return the type of an evaluation from its pipeline's name, such as MTRLEvaluation; None for other pipelines."""
    types = ("BenchmarkEvaluation", "CustomScorerEvaluation", "LLMAJEvaluation", "MTRLEvaluation")
    return next((t for t in types if f"-{t}-".lower() in f"{pipeline}-".lower()), None)


def steps(definition: Any) -> list[Any]:
    """Return the steps of a definition; [] for what is none."""
    listed = at(definition, "Steps")
    return listed if isinstance(listed, list) else []


def of_jobs(definition: Any, member: str) -> Iterator[Any]:
    """Yield a member of the output configuration of each job of a pipeline, where it is not an expression."""
    for step in steps(definition):
        arguments = at(step, "Arguments")
        inner = at(arguments, "JobConfigDocument")
        name = at(arguments if inner is None else _document(inner), "OutputDataConfig", member)
        if isinstance(name, str) or (isinstance(name, dict) and not {"Get", "Std:Join"} & set(name)):
            yield name


def _document(text: Any) -> dict[str, Any]:
    """Parse a foreign document; {} where it is an expression of a pipeline, or not a document."""
    try:
        document = answers.document(text, "a document") if isinstance(text, str) else None
    except InvalidAnswer:
        document = None
    return mapping(document) or {}
