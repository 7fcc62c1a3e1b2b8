"""The hooks that the module of a kind provides, and their defaults.

Every function without an underscore in a kind's module is one of these hooks; `tests/unit/test_kinds.py` checks that.
"""

from __future__ import annotations

from typing import Protocol, TypeVar, runtime_checkable

from sagespec.diagnostics import Problems
from sagespec.documents.compiled import Request
from sagespec.sagemaker.exports import Exports
from sagespec.sagemaker.inputs import Inputs

F = TypeVar("F")


class Kind(Protocol[F]):
    """What every kind has; `F` are its facts, which are private to it."""

    def resolve(self, inputs: Inputs, problems: Problems) -> F | None:
        """Check the rules across fields and find the facts; None where something is missing."""

    def requests(self, inputs: Inputs, facts: F) -> list[Request]:
        """Draft the requests, in order; values are traced, and names still lack the identity."""


@runtime_checkable
class Exporting(Kind[F], Protocol[F]):
    """A kind whose specs offer values to dependents."""

    def exports(self, inputs: Inputs, facts: F) -> Exports:
        """Return what a resolved spec offers to its dependents."""


def exports(kind: Kind[F], inputs: Inputs, facts: F) -> Exports:
    """Return the exports of a resolved spec; empty if its kind has none."""
    return kind.exports(inputs, facts) if isinstance(kind, Exporting) else Exports()
