"""Names that end in the identity, within the limits of the service."""

from __future__ import annotations

from typing import Any

from sagespec.documents.compiled import DIGITS, named

JOB_LIMIT = 63
EXECUTION_LIMIT = 82
GROUP_LIMIT = 63
FUNCTION_LIMIT = 64


def ending_in_identity(base: str, limit: int) -> dict[str, Any]:
    """Return the marker of the name `<base>-<identity12>`; the base is cut to the limit in characters."""
    kept = base.replace("_", "-")[: limit - DIGITS - 1].rstrip("-")
    return named(f"{kept}-")


def with_suffix(base: str, suffix: str, limit: int) -> str:
    """Return `<base><suffix>`; the base is cut to the limit in characters."""
    return base[: limit - len(suffix)] + suffix
