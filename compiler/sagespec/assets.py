"""Paths of the package's schemas, templates and data: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

VERSION = "v1"


@cache
def schemas() -> Path:
    """Return the folder of the current version's JSON Schemas."""
    return _find("schemas")


@cache
def templates() -> Path:
    """Return the folder of the current version's Jinja templates."""
    return _find("templates")


def ci() -> Path:
    """Return the folder of the scripts that jobs of GitHub and GitLab run."""
    inside = Path(__file__).parent / "ci"
    return inside if inside.is_dir() else Path(__file__).parent.parent.parent / "ci"


def document(file: Path) -> Any:
    """Read a JSON file of this package."""
    return json.loads(file.read_text("utf-8"))


def text(file: Path) -> str:
    """Read a text file of this package."""
    return file.read_text("utf-8")


def data() -> Path:
    """Return the folder of data files."""
    return Path(__file__).parent / "data"


def drivers() -> Path:
    """Return the folder of the code that runs in a training container."""
    return Path(__file__).parent / "drivers"


def _find(name: str) -> Path:
    package = Path(__file__).parent
    inside = package / name / VERSION
    return inside if inside.is_dir() else package.parent.parent / name / VERSION
