"""Recognize folders of tools: histories, virtual environments, caches, checkpoints of notebooks.

In: names of folders and their content. Out: whether a tool made the folder, so that it is neither code nor specs.
"""

from __future__ import annotations

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
"""Entries that identify a virtual environment."""
TAG = "CACHEDIR.TAG"
"""The file that marks a cache folder; it begins with SIGNATURE. Source: the Cache Directory Tagging Specification."""
SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"


def is_named(name: str) -> bool:
    """Return whether a file or folder is a tool's by its name."""
    return name.lower() in NAMES


def is_marked(folder: Path) -> bool:
    """Return whether a folder is a tool's by its content."""
    if any(disk.exists(folder / mark) for mark in MARKS):
        return True
    try:
        return disk.head(folder / TAG, len(SIGNATURE)) == SIGNATURE
    except OSError:
        return False
