"""SimulatePrincipalPolicy, which moto does not have.

A role without inline policies may do everything, as the sandbox lets it; of another, its inline policies are
evaluated, except conditions with other operators than StringEquals and StringLike. A role that does not exist is
refused as by IAM.
"""

from __future__ import annotations

import re
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
    policies, context = neighbours.policies_of(region, principal), _context(given)
    results = [
        _result(action, resource, _decision(policies, action, resource, context))
        for action in actions
        for resource in resources
    ]
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


def _context(given: Mapping[str, str]) -> dict[str, str]:
    entry = "ContextEntries.member.{}.{}".format
    context: dict[str, str] = {}
    while name := given.get(entry(len(context) + 1, "ContextKeyName")):
        context[name] = given.get(entry(len(context) + 1, "ContextKeyValues.member.1"), "")
    return context


def _decision(policies: Iterable[Any], action: str, resource: str, context: Mapping[str, str]) -> str:
    statements = [one for policy in policies for one in _listed(policy.get("Statement"))]
    effects = {
        one.get("Effect")
        for one in statements
        if any(_matches(pattern.lower(), action.lower()) for pattern in _listed(one.get("Action")))
        and any(_matches(pattern, resource) for pattern in _listed(one.get("Resource")))
        and all(
            any(
                _matches(value if operator == "StringLike" else _literal(value), context.get(key, ""))
                for value in _listed(values)
            )
            for operator, keys in one.get("Condition", {}).items()
            if operator in ("StringEquals", "StringLike")
            for key, values in keys.items()
        )
    }
    if "Deny" in effects:
        return "explicitDeny"
    return "allowed" if "Allow" in effects or not statements else "implicitDeny"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _literal(text: str) -> str:
    return re.sub(r"[*?$]", lambda match: f"${{{match[0]}}}", text)


def _matches(pattern: str, text: str) -> bool:
    """Whether a pattern of IAM matches: `*` and `?` are wildcards, `${*}` is an asterisk."""
    parts = re.split(r"(\$\{[*?$]\}|[*?])", pattern)
    wild = {"*": ".*", "?": "."}
    expression = "".join(wild.get(p) or re.escape(p[2] if p.startswith("${") and len(p) == 4 else p) for p in parts)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _result(action: str, resource: str, decision: str) -> str:
    return (
        f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>{escape(resource)}"
        f"</EvalResourceName><EvalDecision>{decision}</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
    )
