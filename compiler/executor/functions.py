"""Lambda functions: whether one that exists is the one that is wanted.

In: the filled parameters of CreateFunction, and the configuration of the function that has its name. Out: what is
different, in words. A running agent is never changed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from compiler.executor import existing
from compiler.executor.differences import differences
from compiler.executor.existing import Shelf

_NOT_COMPARED = {"Code", "Description", "FunctionName", "Publish", "Tags"}


def difference(shelf: Shelf, parameters: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    """Say what an existing function has otherwise; None when it is equal."""
    other = _different_member(shelf, parameters, found)
    name = parameters["FunctionName"]
    return other and f"a function {name} exists with {other}; a running agent is never changed"


def _different_member(shelf: Shelf, parameters: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    if _digest(shelf, parameters["Code"]) != found["CodeSha256"]:
        return "other code"
    variables = parameters.get("Environment", {}).get("Variables", {})
    if variables != found.get("Environment", {}).get("Variables", {}):
        return "another Environment"
    rest = {k: v for k, v in parameters.items() if k not in _NOT_COMPARED and k != "Environment"}
    different = (k for k, v in sorted(rest.items()) if any(differences(found.get(k), v, defaults=True)))
    return next((f"another {k}" for k in different), None)


def _digest(shelf: Shelf, code: Mapping[str, Any]) -> str:
    """The SHA-256 of an archive, as Lambda writes it."""
    if "ZipFile" in code:
        return existing.checksum(code["ZipFile"])
    digest = hashlib.sha256()
    for chunk in shelf.cloud.chunks(code["S3Bucket"], code["S3Key"], shelf.region):
        digest.update(chunk)
    return base64.b64encode(digest.digest()).decode()
