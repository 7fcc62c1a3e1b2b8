"""Folders of tools: histories, environments, caches, checkpoints of notebooks.

In: names of folders and what is in them. Out: whether it is nobody's own, and so neither code nor a spec.
"""

from __future__ import annotations

import os
from pathlib import Path

from sagespec import disk

NAMES = frozenset(
    (
        *(".git", ".hg", ".svn", ".jj"),
        *("__pycache__", ".ipynb_checkpoints"),
        *(".cache", ".hypothesis", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".tox"),
    )
)
MARKS = frozenset(("pyvenv.cfg", "conda-meta"))
"""What a virtual environment has in its folder."""
TAG = "CACHEDIR.TAG"
"""The file by which a tool says that a folder is its cache: it begins with the signature of that convention."""
SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"


def is_named(name: str) -> bool:
    """Whether a file or folder is a tool's by its name."""
    return name.lower() in NAMES


def is_marked(folder: Path) -> bool:
    """Whether a folder is a tool's by what is in it."""
    if any(os.path.lexists(folder / mark) for mark in MARKS):
        return True
    try:
        return disk.head(folder / TAG, len(SIGNATURE)) == SIGNATURE
    except OSError:
        return False
