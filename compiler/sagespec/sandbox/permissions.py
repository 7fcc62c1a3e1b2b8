"""SimulatePrincipalPolicy, which moto does not have: every existing role may do everything.

The sandbox does not evaluate policies. A role that does not exist is refused as by IAM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from sagespec.sandbox import neighbours, wire
from sagespec.sandbox.service import Region, ServiceError

PAGE = 100
"""IAM's default number of results on a page."""


def simulate(start_response: Callable[..., Any], body: bytes, region: Region) -> Iterable[bytes]:
    """Answer SimulatePrincipalPolicy for a form-encoded request, page by page.

    Raises ServiceError for an unknown principal, for missing actions, and for an invalid marker.
    """
    given = {key: values[-1] for key, values in parse_qs(body.decode()).items()}
    principal = given.get("PolicySourceArn", "")
    if not neighbours.has_role(region, principal):
        name = principal.rpartition("/")[2]
        raise ServiceError("NoSuchEntity", f"The role with name {name} cannot be found.", 404)
    actions = list(_members(given, "ActionNames"))
    if not actions:
        raise ServiceError("InvalidInput", "At least one action must be specified.")
    resources = list(_members(given, "ResourceArns")) or ["*"]
    results = [_result(action, resource) for action in actions for resource in resources]
    start, most = _whole(given, "Marker", 0), _whole(given, "MaxItems", PAGE)
    marker = f"<Marker>{start + most}</Marker>" if start + most < len(results) else ""
    inner = (
        f"<EvaluationResults>{''.join(results[start : start + most])}</EvaluationResults>"
        f"<IsTruncated>{'true' if marker else 'false'}</IsTruncated>{marker}"
    )
    return wire.xml(start_response, "SimulatePrincipalPolicy", inner)


def _whole(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name) or str(default)
    if not text.isdecimal():
        raise ServiceError("ValidationError", f"Invalid {name}: {text}")
    return int(text)


def _members(given: Mapping[str, str], name: str) -> Iterable[str]:
    number = 1
    while (value := given.get(f"{name}.member.{number}")) is not None:
        yield value
        number += 1


def _result(action: str, resource: str) -> str:
    return (
        f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>{escape(resource)}"
        "</EvalResourceName><EvalDecision>allowed</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
    )
