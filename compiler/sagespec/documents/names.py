"""Names that end in the identity, within the limits of the service."""

from __future__ import annotations

from typing import Any

from sagespec.documents.compiled import DIGITS, named

JOB_LIMIT = 63
EXECUTION_LIMIT = 82
GROUP_LIMIT = 63
FUNCTION_LIMIT = 64


def ending_in_identity(base: str, limit: int) -> dict[str, Any]:
    """Name something `<base>-<identity12>`; the base is cut to fit, the identity never."""
    kept = base.replace("_", "-")[: limit - DIGITS - 1].rstrip("-")
    return named(f"{kept}-")


def with_suffix(base: str, suffix: str, limit: int) -> str:
    """Name something `<base><suffix>`; the base is cut to fit, the suffix never."""
    return base[: limit - len(suffix)] + suffix
