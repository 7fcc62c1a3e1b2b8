"""Exceptions from policies, in the project file: whether each is of use, and still counts.

In: what was compiled, and the day. Out: diagnostics at the lines of the project file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from sagespec.compiling.build import Build
from sagespec.diagnostics import Diagnostic, Problem
from sagespec.project.policies import Policy
from sagespec.project.settings import Exemption, Settings

_HINT = "remove it from the project file"


def expired(settings: Settings, today: str) -> Iterator[Diagnostic]:
    """Yield the exceptions whose last day is over; `today` is a day such as 2026-12-31."""
    for index, one in enumerate(settings.project.exceptions):
        if one.until < today:
            message = f"the exception of {one.address} from {one.policy} ended on {one.until}"
            hint = "satisfy the policy and remove the exception, or have it prolonged"
            yield from _at(settings, Problem("expired-exception", message, ("exceptions", index, "until"), hint))


def unused(
    settings: Settings, known: Collection[str], builds: Mapping[str, Build], policies: Mapping[str, Policy]
) -> Iterator[Diagnostic]:
    """Yield the exceptions from which nothing follows: of specs that do not exist, or satisfy the policy."""
    ids = {policy.id: policy for policy in policies.values()}
    for index, one in enumerate(settings.project.exceptions):
        if reason := _unused(one, settings, known, builds, ids):
            yield from _at(settings, Problem("unused-exception", reason, ("exceptions", index), _HINT))


def _unused(
    one: Exemption,
    settings: Settings,
    known: Collection[str],
    builds: Mapping[str, Build],
    policies: Mapping[str, Policy],
) -> str:
    if one.policy not in policies and one.policy not in settings.project.limits:
        return f"there is no policy and no limit {one.policy!r}"
    if one.address not in known:
        return f"no spec has the address {one.address}"
    policy = policies.get(one.policy)
    if policy is not None and not policy.is_for(one.address.partition("/")[0], settings.environment):
        return ""
    build = builds.get(one.address)
    return "" if build is None or one.policy in build.excused else f"{one.address} satisfies {one.policy}"


def _at(settings: Settings, problem: Problem) -> Iterator[Diagnostic]:
    if settings.project.source is not None:
        yield settings.project.source.locate(problem)
