"""Lambda functions: whether one that exists is the one that is wanted.

In: the filled parameters of CreateFunction, and the configuration of the function that has its name. Out: what is
different. A running agent is never changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagespec.executor import resources
from sagespec.executor.differences import differences
from sagespec.executor.resources import Shelf

_NOT_COMPARED = {"Code", "Description", "FunctionName", "Publish", "Tags"}


def difference(shelf: Shelf, parameters: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    """Say what an existing function has otherwise; None when it is equal."""
    place = next((line.partition(":")[0] for line in compare(shelf, parameters, found)), None)
    if place is None:
        return None
    member = place.split("/")[1]
    other = "other code" if member == "Code" else f"another {member}"
    return f"a function {parameters['FunctionName']} exists with {other}; a running agent is never changed"


def compare(shelf: Shelf, parameters: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """Compare a function's code and configuration with what is wanted, one line a difference.

    Raises CloudError where the code is in S3 and cannot be read.
    """
    code = _digest(shelf, parameters["Code"])
    if code != found["CodeSha256"]:
        yield f"/Code: its SHA-256 was {found['CodeSha256']}, now {code}"
    yield from differences(_variables(found), _variables(parameters))
    rest = {k: v for k, v in parameters.items() if k not in _NOT_COMPARED and k != "Environment"}
    yield from differences({k: found.get(k) for k in rest}, rest, defaults=True)


def _variables(of: Mapping[str, Any]) -> dict[str, Any]:
    """All of them: the service adds none."""
    return {"Environment": {"Variables": of.get("Environment", {}).get("Variables", {})}}


def _digest(shelf: Shelf, code: Mapping[str, Any]) -> str:
    """The SHA-256 of an archive, as Lambda writes it."""
    if "ZipFile" in code:
        return resources.checksum(code["ZipFile"])
    return resources.checksum_of(shelf.cloud.chunks(code["S3Bucket"], code["S3Key"], shelf.region))
