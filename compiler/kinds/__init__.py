"""One module a kind: its rules across fields, the facts that it needs, and its requests.

A module is found by its name: `multi_turn_rl_trainer` serves the kind MultiTurnRLTrainer. Adding a kind is
one schema, one template, one module here, one example, and nothing else.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any, Protocol, cast

from compiler.compiled import Request
from compiler.diagnostics import Problems
from compiler.resolved import Inputs


class Kind(Protocol):
    """What a module of a kind provides."""

    def resolve(self, inputs: Inputs, problems: Problems) -> Any:
        """Check the rules across fields and find the facts; None when something is missing.

        What it returns is what specs that refer to this one are given.
        """

    def requests(self, inputs: Inputs, facts: Any) -> list[Request]:
        """Draft the requests, in order; values are traced, names still without the identity."""


@cache
def find(kind: str) -> Kind:
    """Import the module of a kind."""
    return cast(Kind, importlib.import_module(f"{__name__}.{_modules()[kind.lower()]}"))


@cache
def _modules() -> dict[str, str]:
    return {m.name.replace("_", ""): m.name for m in pkgutil.iter_modules(__path__)}
