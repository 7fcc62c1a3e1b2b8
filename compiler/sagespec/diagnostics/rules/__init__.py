"""The table of rule ids: every id that a diagnostic can carry, by area; read by SARIF and by docs/reference/rules.md.

A new rule is an entry here and the code that reports it; a test holds both together. Nothing that compiles imports
this package.
"""

from __future__ import annotations

from sagespec.diagnostics.rules import (
    evaluation,
    files,
    fine_tuning,
    project,
    references,
    requests,
    resources,
    schema,
    training,
)
from sagespec.diagnostics.rules.rule import Rule

AREAS: dict[str, tuple[Rule, ...]] = {
    "Files and syntax": files.RULES,
    "Fields": schema.RULES,
    "Project, values and output": project.RULES,
    "References between specs": references.RULES,
    "Facts and resources": resources.RULES,
    "Training jobs": training.RULES,
    "Agents and evaluations": evaluation.RULES,
    "Fine-tuning": fine_tuning.RULES,
    "Requests": requests.RULES,
}
"""The rules by area, in the order of the docs page."""

RULES: dict[str, Rule] = {rule.id: rule for area in AREAS.values() for rule in area}
