"""The kinds: a module for each with its rules across fields, the facts that it needs, and its requests.

A module is found by its name: `multi_turn_rl_trainer` implements the kind MultiTurnRLTrainer. A module of several
kinds is named in their schemas (`x-module`). A new kind needs one schema, one template, one module here and one
example.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any, cast

from sagespec.checking import schema
from sagespec.sagemaker.kind import Kind


@cache
def find(kind: str) -> Kind[Any]:
    """Import the module of a kind."""
    module = schema.load(kind).get("x-module") or _modules()[kind.lower()]
    return cast(Kind[Any], importlib.import_module(f"{__name__}.{module}"))


@cache
def _modules() -> dict[str, str]:
    return {m.name.replace("_", ""): m.name for m in pkgutil.iter_modules(__path__)}
