"""Ask IAM whether a role has the permissions that it needs, and which services may assume it.

In: a role, what it has to be allowed, and what has to assume it. Out: `Lack`s. Nothing is changed. What IAM cannot
tell, since a policy asks for a context key that only the service sets, counts as allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from sagespec import arn
from sagespec.executor import trust
from sagespec.executor.cloud import Cloud
from sagespec.executor.cloud_errors import CloudError
from sagespec.sagemaker.permissions import Condition, literal


class Wanted(NamedTuple):
    """Actions on resources under conditions, which a role has to be allowed all."""

    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Sequence[Condition]


class Lack(NamedTuple):
    """An action on a resource that a role is not allowed; `wanted` is the number of what needs it."""

    wanted: int
    action: str
    resource: str
    is_denied: bool
    """Whether a statement denies it; else none allows it."""


def untrusted(
    cloud: Cloud, role: str, account: str, by: Mapping[str, Iterable[str]]
) -> dict[str, tuple[str, ...]] | None:
    """Return, by service, the actions that the role's trust policy does not let it call; None without such a role.

    Raises CloudError.
    """
    try:
        described = cloud.call("iam", "GetRole", RoleName=arn.name(role))["Role"]
    except CloudError as error:
        if error.is_missing:
            return None
        raise
    if described["Arn"] != role:
        return None
    policy = described.get("AssumeRolePolicyDocument")
    lacking = {service: trust.lacking(policy, service, actions, account) for service, actions in by.items()}
    return {service: actions for service, actions in lacking.items() if actions}


def lacking(cloud: Cloud, role: str, wanted: Sequence[Wanted]) -> Iterator[Lack]:
    """Yield what a role is not allowed.

    Raises CloudError.
    """
    for number, one in enumerate(wanted):
        for result in _results(cloud, role, one):
            decision = result["EvalDecision"]
            if decision == "allowed" or (decision == "implicitDeny" and result.get("MissingContextValues")):
                continue
            resource = result.get("EvalResourceName") or "*"
            yield Lack(number, result["EvalActionName"], resource, decision == "explicitDeny")


def _results(cloud: Cloud, role: str, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Yield IAM's results, once for each combination of the values that conditions have for a context key."""
    keys: dict[str, list[str]] = {}
    for condition in wanted.conditions:
        keys.setdefault(condition.key, []).append(literal(condition.value))
    for values in product(*keys.values()):
        for page in cloud.pages(
            "iam",
            "SimulatePrincipalPolicy",
            "EvaluationResults",
            PolicySourceArn=role,
            ActionNames=list(wanted.actions),
            ResourceArns=[literal(resource) for resource in wanted.resources],
            ContextEntries=[
                {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
                for key, value in zip(keys, values, strict=True)
            ],
        ):
            yield from page
