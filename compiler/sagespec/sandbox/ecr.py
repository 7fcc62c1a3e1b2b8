"""Pull-through cache rules of ECR, which moto does not have; images that a rule covers exist without a push."""

from __future__ import annotations

from typing import Any

from sagespec.sandbox.service import Handler, Region, ServiceError


def _create_pull_through_cache_rule(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    rules, prefix = region.table("cache_rules"), request["ecrRepositoryPrefix"]
    if prefix in rules:
        message = f"A pull through cache rule with prefix '{prefix}' already exists."
        raise ServiceError("PullThroughCacheRuleAlreadyExistsException", message)
    rule: dict[str, Any] = {
        "ecrRepositoryPrefix": prefix,
        "upstreamRegistryUrl": request["upstreamRegistryUrl"],
        "registryId": region.account,
        "createdAt": region.now(),
    }
    rules[prefix] = rule
    return rule


def _describe_pull_through_cache_rules(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    wanted = request.get("ecrRepositoryPrefixes")
    rules = [rule for prefix, rule in region.table("cache_rules").items() if wanted is None or prefix in wanted]
    return {"pullThroughCacheRules": rules}


OPERATIONS: dict[str, Handler] = {
    "CreatePullThroughCacheRule": _create_pull_through_cache_rule,
    "DescribePullThroughCacheRules": _describe_pull_through_cache_rules,
}
