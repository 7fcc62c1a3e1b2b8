"""The modules of kinds against the interface that they declare: the right hooks, of the right types."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from sagespec import kinds
from sagespec.checking import schema
from sagespec.sagemaker.kind import Exporting, Kind

from tests.conftest import ROOT

MODULES = sorted(f.stem for f in (ROOT / "compiler" / "sagespec" / "kinds").glob("*.py") if f.stem != "__init__")
HOOKS = {name for name, _ in inspect.getmembers(Exporting, inspect.isfunction) if not name.startswith("_")}
NEEDED = {name for name, _ in inspect.getmembers(Kind, inspect.isfunction) if not name.startswith("_")}


def functions(code: str) -> set[str]:
    """The functions that a module offers."""
    return {n.name for n in ast.parse(code).body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")}


def misfits(code: str) -> set[str]:
    """What a kind's module lacks of the interface, and what it has besides."""
    found = functions(code)
    return (NEEDED - found) | (found - HOOKS)


@pytest.mark.parametrize("name", MODULES)
def test_a_kind_has_the_hooks_that_there_are_and_no_others(name: str) -> None:
    assert misfits((ROOT / "compiler" / "sagespec" / "kinds" / f"{name}.py").read_text("utf-8")) == set()


def test_a_misspelt_hook_is_found() -> None:
    code = (ROOT / "compiler" / "sagespec" / "kinds" / "mpi.py").read_text("utf-8")
    assert misfits(code.replace("def exports(", "def export(")) == {"export"}
    assert misfits(code.replace("def resolve(", "def resolves(")) == {"resolve", "resolves"}


def test_every_kind_has_a_module() -> None:
    found = {inspect.getmodule(kinds.find(kind).resolve) for kind in schema.kinds()}
    assert {module.__name__.rpartition(".")[2] for module in found if module} == set(MODULES)


PROGRAM = """
from typing import TypeVar

from sagespec.sagemaker.kind import Exporting, Kind
from sagespec.kinds import {names}

F = TypeVar("F")


def exporting(kind: Exporting[F]) -> None: ...
def other(kind: Kind[F]) -> None: ...
"""


def test_kinds_are_of_the_declared_types(tmp_path: Path) -> None:
    """Facts are of one type in all hooks of a kind; what says nothing of exports is no less a kind."""
    lines = ["from sagespec.checking import schema", PROGRAM.format(names=", ".join(MODULES))]
    for name in MODULES:
        offered = functions((ROOT / "compiler" / "sagespec" / "kinds" / f"{name}.py").read_text("utf-8"))
        lines.append(f"{'exporting' if 'exports' in offered else 'other'}({name})")
    lines.append("other(schema)  # is no kind: what mypy says of it shows that it looks")
    program = tmp_path / "program.py"
    program.write_text("\n".join(lines), "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", str(program)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    errors = [line for line in said.stdout.splitlines() if ": error:" in line]
    assert len(errors) == 1, said.stdout
    assert 'Argument 1 to "other" has incompatible type Module' in errors[0]
