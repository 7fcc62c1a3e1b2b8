"""List what AWS offers now: models of the hub, AgentCore runtimes.

In: a region's cloud. Out: rows, of all pages.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from sagespec.executor.cloud import Cloud
from sagespec.executor.lock.hub_models import PUBLIC_HUB

_RECIPE = "@recipe:"


def models(cloud: Cloud, technique: str | None) -> Iterator[dict[str, Any]]:
    """List the models of the hub that have recipes, of `technique` if given.

    Search keywords contain the recipes, as in `@recipe:finetuning_mtrl`. Raises CloudError.
    """
    hub = os.environ.get("SAGEMAKER_HUB_NAME") or PUBLIC_HUB
    parameters: dict[str, Any] = {"HubName": hub, "HubContentType": "Model", "MaxResults": 100}
    for page in cloud.pages("sagemaker", "ListHubContents", "HubContentSummaries", **parameters):
        for model in page:
            keywords = [keyword.lower() for keyword in model.get("HubContentSearchKeywords", ())]
            recipes = sorted(k.removeprefix(_RECIPE) for k in keywords if k.startswith(_RECIPE))
            wanted = f"finetuning_{(technique or '').lower()}"
            if recipes and (technique is None or any(r == wanted or r.startswith(f"{wanted}_") for r in recipes)):
                yield {
                    "name": model["HubContentName"],
                    "version": model["HubContentVersion"],
                    "arn": model["HubContentArn"],
                    "recipes": recipes,
                }


def runtimes(cloud: Cloud) -> Iterator[dict[str, Any]]:
    """List the AgentCore runtimes of the account.

    Raises CloudError.
    """
    for page in cloud.pages("bedrock-agentcore-control", "ListAgentRuntimes", "agentRuntimes", maxResults=100):
        for runtime in page:
            yield {
                "id": runtime["agentRuntimeId"],
                "status": runtime["status"],
                "version": runtime["agentRuntimeVersion"],
                "arn": runtime["agentRuntimeArn"],
            }
