"""Whether a role's trust policy lets a service of AWS assume it.

In: a trust policy, as IAM has it. Out: what the service may not do. What the policy alone does not tell, such as a
condition on a tag, counts as allowed: a wrong error would stop what AWS would run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

_ACCOUNT = 4
"""Which part of an ARN has the account."""


def lacking(policy: Any, service: str, actions: Iterable[str], account: str) -> tuple[str, ...]:
    """Say which actions a trust policy does not let a service do for an account; none where it is no policy."""
    statements = list(_statements(policy))
    if not statements:
        return ()
    return tuple(action for action in actions if not _is_allowed(statements, service, action, account))


def _statements(policy: Any) -> Iterator[Mapping[str, Any]]:
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    for statement in statements if isinstance(statements, list) else [statements]:
        if isinstance(statement, dict):
            yield statement


def _is_allowed(statements: Iterable[Mapping[str, Any]], service: str, action: str, account: str) -> bool:
    about = [one for one in statements if _is_about(one, service, action)]
    denied = any(one.get("Effect") == "Deny" and not one.get("Condition") for one in about)
    return not denied and any(one.get("Effect") == "Allow" and _may_be_met(one, account) for one in about)


def _is_about(statement: Mapping[str, Any], service: str, action: str) -> bool:
    if not _names(statement, service):
        return False
    if "NotAction" in statement:
        return not _has(statement["NotAction"], action)
    return _has(statement.get("Action"), action)


def _names(statement: Mapping[str, Any], service: str) -> bool:
    """Whether a service is a principal of a statement; where only AWS can tell, it is for what allows."""
    allows = statement.get("Effect") == "Allow"
    if "NotPrincipal" in statement:
        return allows and service not in _services(statement["NotPrincipal"])
    principal = statement.get("Principal")
    everybody = allows and isinstance(principal, dict) and "*" in _texts(principal.get("AWS"))
    return everybody or not {service, "*"}.isdisjoint(_services(principal))


def _services(principal: Any) -> list[str]:
    return _texts(principal.get("Service") if isinstance(principal, dict) else principal)


def _has(patterns: Any, action: str) -> bool:
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in _texts(patterns))


def _may_be_met(statement: Mapping[str, Any], account: str) -> bool:
    """Whether conditions can be met by a service that acts for an account: only its account and ARNs are known."""
    conditions = statement.get("Condition")
    for operator, keys in (conditions if isinstance(conditions, dict) else {}).items():
        comparison = operator.lower().rpartition(":")[2]
        if not comparison.startswith(("string", "arn")) or "not" in comparison or not isinstance(keys, dict):
            continue
        for key, values in keys.items():
            accounts = _texts(values)
            if key.lower() == "aws:sourcearn":
                accounts = [(value.split(":") + ["*"] * 6)[_ACCOUNT] for value in accounts]
            elif key.lower() != "aws:sourceaccount":
                continue
            if accounts and not any("${" in pattern or fnmatchcase(account, pattern) for pattern in accounts):
                return False
    return True


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str)]
