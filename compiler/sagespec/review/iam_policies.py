"""Write IAM policies for grants, with few statements and within the size of a managed policy.

In: grants. Out: `Policy`s, each with a document that IAM accepts, and the origins of every statement.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from sagespec.documents.compiled import canonical
from sagespec.sagemaker.permissions import Condition, Grant, Origin

MOST_CHARACTERS = 6144
"""The most characters of a managed policy. IAM does not count white space, and documents here have none."""
VERSION = "2012-10-17"
_ANY_OF = "StringLike"
"""The operator whose values may come from several grants: any of them is sufficient."""


Texts = tuple[str, ...]
Conditions = tuple[Condition, ...]


@dataclass(frozen=True)
class Statement:
    """Actions on resources under conditions, and the requests that need them."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...]
    origins: tuple[Origin, ...] = ()

    def document(self) -> dict[str, Any]:
        stated: dict[str, dict[str, list[str]]] = {}
        for operator, key, value in self.conditions:
            stated.setdefault(operator, {}).setdefault(key, []).append(value)
        plain = {op: {k: v[0] if len(v) == 1 else v for k, v in keys.items()} for op, keys in stated.items()}
        return {
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
            **({"Condition": plain} if plain else {}),
        }


@dataclass(frozen=True)
class Policy:
    """A policy of at most `MOST_CHARACTERS`; `role` is the ARN of the role that needs it, '' for the caller."""

    name: str
    role: str
    statements: tuple[Statement, ...]

    def document(self) -> dict[str, Any]:
        return {"Version": VERSION, "Statement": [statement.document() for statement in self.statements]}


def write(grants: Iterable[Grant], name: str, role: str = "") -> list[Policy]:
    """Write the policies for grants; several are numbered from 1."""
    policies = list(_packed(_statements(grants)))
    names = [name] if len(policies) == 1 else [f"{name}-{number}" for number in range(1, len(policies) + 1)]
    return [Policy(own, role, tuple(statements)) for own, statements in zip(names, policies, strict=True)]


class _Allowed(NamedTuple):
    """The content of a grant, without its origin."""

    action: str
    resource: str
    conditions: tuple[Condition, ...]


def _statements(grants: Iterable[Grant]) -> list[Statement]:
    """Merge grants: first the actions on the same resource, then the resources, then the values of a condition."""
    origins: defaultdict[_Allowed, list[Origin]] = defaultdict(list)
    for grant in grants:
        origins[_Allowed(*grant[:3])].append(grant.origin)
    _drop_covered(origins)
    by_resource: defaultdict[tuple[str, Conditions], set[str]] = defaultdict(set)
    for allowed in origins:
        by_resource[allowed.resource, allowed.conditions].add(allowed.action)
    by_actions: defaultdict[tuple[Texts, Conditions], set[str]] = defaultdict(set)
    for (resource, stated), actions in by_resource.items():
        by_actions[tuple(sorted(actions)), stated].add(resource)
    alike: defaultdict[tuple[Texts, Texts, Conditions], set[Condition]] = defaultdict(set)
    for (sorted_actions, stated), resources in by_actions.items():
        fixed = tuple(condition for condition in stated if condition.operator != _ANY_OF)
        alike[sorted_actions, tuple(sorted(resources)), fixed].update(set(stated) - set(fixed))
    made = [
        Statement(actions, resources, (*fixed, *sorted(any_of)))
        for (actions, resources, fixed), any_of in alike.items()
    ]
    return sorted(
        (replace(one, origins=_asking(one, origins)) for one in made), key=lambda s: (s.actions, s.resources)
    )


def _asking(statement: Statement, origins: Mapping[_Allowed, Sequence[Origin]]) -> tuple[Origin, ...]:
    """Return the origins of a statement."""
    asked = (
        origin
        for allowed, known in origins.items()
        if allowed.action in statement.actions
        and allowed.resource in statement.resources
        and set(allowed.conditions) <= set(statement.conditions)
        for origin in known
    )
    return tuple(dict.fromkeys(asked))


def _drop_covered(origins: dict[_Allowed, list[Origin]]) -> None:
    """Drop grants that a wider resource or fewer conditions of the same action include; their origins move there."""
    by_action: defaultdict[str, list[_Allowed]] = defaultdict(list)
    for allowed in sorted(origins):
        by_action[allowed.action].append(allowed)
    for alike in by_action.values():
        for narrow in alike:
            wider = next(
                (wide for wide in alike if wide != narrow and wide in origins and _covers(wide, narrow)), None
            )
            if wider is not None:
                origins[wider] += origins.pop(narrow)


def _covers(wide: _Allowed, narrow: _Allowed) -> bool:
    """Return whether one grant includes another of the same action."""
    return matches(wide.resource, narrow.resource) and all(
        any(_implies(own, other) for own in narrow.conditions) for other in wide.conditions
    )


def _implies(own: Condition, other: Condition) -> bool:
    """Return whether one condition implies another."""
    if own[:2] != other[:2]:
        return False
    return own.value == other.value or (own.operator == _ANY_OF and matches(other.value, own.value))


def matches(pattern: str, text: str) -> bool:
    """Return whether a pattern of IAM matches a text; `?`, `*` and `$` are literal in `${}`."""
    if "${" not in pattern:
        return fnmatchcase(text, pattern.replace("[", "[[]"))
    return pattern == text


def _packed(statements: Sequence[Statement]) -> Iterator[list[Statement]]:
    """Distribute statements over policies, in order; a statement that is too long is split by its resources."""
    page: list[Statement] = []
    for statement in (part for whole in statements for part in _fitting(whole)):
        if page and _size([*page, statement]) > MOST_CHARACTERS:
            yield page
            page = []
        page.append(statement)
    if page:
        yield page


def _fitting(statement: Statement) -> Iterator[Statement]:
    if _size([statement]) <= MOST_CHARACTERS or len(statement.resources) == 1:
        yield statement
        return
    half = len(statement.resources) // 2
    for resources in (statement.resources[:half], statement.resources[half:]):
        yield from _fitting(Statement(statement.actions, resources, statement.conditions, statement.origins))


def _size(statements: Sequence[Statement]) -> int:
    return len(canonical({"Version": VERSION, "Statement": [s.document() for s in statements]}))


def trust(account: str, actions: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Write a trust policy that lets services act for an account, each with what it calls."""
    services: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for service, called in sorted(actions.items()):
        services[tuple(called)].append(service)
    statements = [
        {
            "Effect": "Allow",
            "Principal": {"Service": names},
            "Action": list(called),
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        }
        for called, names in services.items()
    ]
    return {"Version": VERSION, "Statement": statements}


def terraform(policies: Iterable[Policy]) -> str:
    """Write policies as Terraform resources; Terraform's own placeholders are escaped."""
    return "\n".join(_resource(policy) for policy in policies)


def _resource(policy: Policy) -> str:
    document = json.dumps(policy.document(), indent=2, ensure_ascii=False)
    body = document.replace("${", "$${").replace("%{", "%%{").replace("\n", "\n  ")
    label = "".join(c if c.isalnum() else "_" for c in policy.name)
    return f'resource "aws_iam_policy" "{label}" {{\n  name   = "{policy.name}"\n  policy = jsonencode({body})\n}}\n'
