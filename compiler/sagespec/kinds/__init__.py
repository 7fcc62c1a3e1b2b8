"""One module a kind: its rules across fields, the facts that it needs, and its requests.

A module is found by its name: `multi_turn_rl_trainer` serves the kind MultiTurnRLTrainer. Adding a kind is
one schema, one template, one module here, one example, and nothing else.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any, cast

from sagespec.sagemaker.kind import Kind


@cache
def find(kind: str) -> Kind[Any]:
    """Import the module of a kind."""
    return cast(Kind[Any], importlib.import_module(f"{__name__}.{_modules()[kind.lower()]}"))


@cache
def _modules() -> dict[str, str]:
    return {m.name.replace("_", ""): m.name for m in pkgutil.iter_modules(__path__)}
