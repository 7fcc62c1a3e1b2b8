"""The facts that a lock looks up: hub models, AgentCore runtimes, judge models."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from sagespec.sandbox import hub_contents, hub_recipes, neighbours
from sagespec.sandbox.service import CREATED, Region, ServiceError, not_found, operation, page

_JUDGES_KEY = "fmhMetadata/supported-llmaj-judge-models.json"
_NO_JUDGE = {"modelId": "amazon.titan-embed-text-v2:0", "outputModalities": ["EMBEDDING"]}


def seed(region: Region) -> None:
    """Create the objects in S3 that hub documents refer to: override specs, and the list of judges."""
    bucket = hub_recipes.bucket(region)
    for name, model in region.facts.get("hub_models", {}).items():
        for recipe in hub_recipes.of(model):
            for key, body in recipe.objects(name, region.account):
                neighbours.put_object(region, bucket, key, body)
    judges = {"schema_version": "1.0", "supported_judge_models": [{"model_id": judge} for judge in _judges(region)]}
    neighbours.put_object(region, bucket, _JUDGES_KEY, json.dumps(judges).encode())


@operation
def describe_hub_content(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    hub, name, version = (
        request["HubName"].rpartition("/")[2],
        request["HubContentName"],
        request.get("HubContentVersion"),
    )
    model = region.facts.get("hub_models", {}).get(name)
    imported = hub_contents.find(region, hub, request["HubContentType"], name, version)
    if imported is not None:
        return imported
    here = model is not None and request["HubContentType"] == "Model" and hub == model["hub"]
    if model is None or not here or version not in (None, model.get("version", "1.0.0")):
        raise not_found(f"hub content {name} of hub {hub}")
    return {**_summary(region, name), **_details(region, name, model)}


def _details(region: Region, name: str, model: dict[str, Any]) -> dict[str, Any]:
    recipes = [recipe.described(name, hub_recipes.bucket(region)) for recipe in hub_recipes.of(model)]
    document = {"GatedBucket": model["gated"], "RecipeCollection": recipes}
    return {
        "HubName": model["hub"],
        "HubArn": region.arn(f"hub/{model['hub']}"),
        "HubContentDocument": json.dumps(document),
    }


@operation
def list_hub_contents(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    hub, text = request["HubName"].rpartition("/")[2], request.get("NameContains", "")
    kind, models = request["HubContentType"], region.facts.get("hub_models", {})
    names = sorted(n for n, m in models.items() if m["hub"] == hub and text in n)
    contents = [_summary(region, name) for name in names] if kind == "Model" else []
    contents += [content for content in hub_contents.newest(region, hub, kind) if text in content["HubContentName"]]
    return page(request, contents, "HubContentSummaries", default=10)


def _summary(region: Region, name: str) -> dict[str, Any]:
    model = region.facts["hub_models"][name]
    keywords = dict.fromkeys(
        f"@recipe:{'_'.join(k.split('/')[:2]).lower()}" for k in sorted(model.get("recipes", {}))
    )
    return {
        "HubContentName": name,
        "HubContentArn": model["arn"],
        "HubContentVersion": model.get("version", "1.0.0"),
        "HubContentType": "Model",
        "DocumentSchemaVersion": "2.0.0",
        "HubContentStatus": "Available",
        "HubContentSearchKeywords": list(keywords),
        "CreationTime": CREATED,
    }


def agent_runtimes(region: Region, path: str, query: dict[str, Any]) -> dict[str, Any]:
    """Answer bedrock-agentcore-control: `POST /runtimes/` lists, `GET /runtimes/<id>/` gets one."""
    runtimes = region.facts.get("agent_runtimes", {})
    wanted = path.removeprefix("/runtimes").strip("/")
    if wanted:
        if wanted not in runtimes:
            raise not_found(f"agent runtime {wanted}")
        return {
            **_runtime(wanted, runtimes[wanted]),
            "createdAt": "2026-01-01T00:00:00Z",
            "roleArn": "",
            "networkConfiguration": {"networkMode": "PUBLIC"},
            "lifecycleConfiguration": {},
        }
    renamed = {"NextToken": query.get("nextToken"), "MaxResults": query.get("maxResults")}
    answer = page(renamed, [_runtime(i, arn) for i, arn in sorted(runtimes.items())], "agentRuntimes", default=10)
    return {("nextToken" if k == "NextToken" else k): v for k, v in answer.items()}


def _runtime(runtime_id: str, arn: str) -> dict[str, Any]:
    return {
        "agentRuntimeArn": arn,
        "agentRuntimeId": runtime_id,
        "agentRuntimeName": runtime_id.rpartition("-")[0],
        "agentRuntimeVersion": "1",
        "description": "",
        "lastUpdatedAt": "2026-01-01T00:00:00Z",
        "status": "READY",
    }


def foundation_models(region: Region) -> dict[str, Any]:
    """Answer Bedrock's ListFoundationModels: the judges, and a model that is not a judge."""
    return {"modelSummaries": list(_foundation_models(region).values())}


def foundation_model(region: Region, identifier: str) -> dict[str, Any]:
    """Answer Bedrock's GetFoundationModel; the identifier is a model's id or ARN, quoted as in a URL.

    Raises ServiceError for an unknown model.
    """
    model = _foundation_models(region).get(unquote(identifier).rpartition("/")[2])
    if model is None:
        raise ServiceError("ResourceNotFoundException", "The provided model identifier is invalid.", 404)
    return {"modelDetails": model}


def _foundation_models(region: Region) -> dict[str, dict[str, Any]]:
    models: list[dict[str, Any]] = [_NO_JUDGE]
    for model_id, judge in sorted(_judges(region).items()):
        lifecycle: dict[str, Any] = {"status": "ACTIVE" if judge["usable"] else "LEGACY"}
        if judge.get("end_of_life"):
            lifecycle["endOfLifeTime"] = f"{judge['end_of_life']}T00:00:00Z"
        models.append({"modelId": model_id, "outputModalities": ["TEXT"], "modelLifecycle": lifecycle})
    arn = f"arn:{region.partition}:bedrock:{region.region}::foundation-model"
    return {model["modelId"]: {**model, "modelArn": f"{arn}/{model['modelId']}"} for model in models}


def _judges(region: Region) -> dict[str, Any]:
    judges: dict[str, Any] = region.facts.get("judge_models", {})
    return judges
