"""Look up models of the SageMaker hub: ARN, gating, and recipes with their override specs.

In: a model's name, or its ARN, which also names hub and version. Out: the fact in the lock's form. Only recipes for
serverless jobs count (others are for HyperPod); of several with one key, the first that is open to everyone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sagespec import arn
from sagespec.executor import concurrently, documents
from sagespec.executor.cloud import CloudError
from sagespec.executor.lock.account import Account, NoFact
from sagespec.project import lock
from sagespec.sagemaker import recipes
from sagespec.sagemaker.techniques import TECHNIQUES

PUBLIC_HUB = "SageMakerPublicHub"
_OVERRIDES = "SmtjOverrideParamsS3Uri"
_SUBSCRIPTION = "IsSubscriptionModel"
_TEMPLATE = "SmtjRecipeTemplateS3Uri"
_SERVERLESS = (_TEMPLATE, _OVERRIDES)
_HYPERPARAMETER = ("type", "min", "max", "enum", "default", "category", "required")
_FULL = "FULL"
"""What a training without an adapter is called."""
_MIXING = {"text": "text_with_datamix", "multimodal": "mm_with_datamix"}
"""By modality: the word in the name of the recipe that says which data can be mixed in."""
_SHARE = re.compile(r"nova_(?P<category>.+)_percent")
_ID = re.compile(r"(?=.{1,63}$)[a-zA-Z0-9](-*[a-zA-Z0-9])*")


def find(account: Account, name: str) -> dict[str, Any]:
    """Look up a model: an ARN in its own hub, a name in the private hub, if there is one, then in the public one.

    Raises NoFact, CloudError.
    """
    hubs = list(_hubs(account, name))
    for parameters in hubs:
        described = _describe(account, parameters)
        if described is not None:
            document = documents.read(described["HubContentDocument"], "HubContentDocument")
            collection = document.get("RecipeCollection") or ()
            mixing = _data_mixing(account, collection)
            return {
                "arn": described["HubContentArn"],
                "gated": bool(document.get("GatedBucket", False)),
                "hub": _name(parameters["HubName"]),
                "recipes": _recipes(account, collection),
                "version": described["HubContentVersion"],
                **({"data_mixing": mixing} if mixing else {}),
            }
    where = " or ".join(_name(parameters["HubName"]) for parameters in hubs)
    hint = "" if arn.parse(name) else "`sagespec catalog models` lists them"
    raise NoFact(f"there is no model {name!r} in {where or 'any hub'}", hint)


def arn_of(account: Account, name: str, version: str | None) -> str:
    """Return the ARN of a base model: in the private hub if it has this version, else in the public one.

    Raises CloudError.
    """
    wanted = {"HubContentVersion": version} if version else {}
    for parameters in _hubs(account, name):
        if parameters["HubName"] != PUBLIC_HUB:
            described = _describe(account, {**parameters, **wanted})
            if described is not None:
                return str(described["HubContentArn"])
    content = "/".join(part for part in ("hub-content", PUBLIC_HUB, "Model", name, version) if part)
    return arn.sagemaker(account.partition, account.region, "aws", content)


def _describe(account: Account, parameters: Mapping[str, str]) -> dict[str, Any] | None:
    """Return a hub's description of a model, or None."""
    try:
        return account.call("sagemaker", "DescribeHubContent", **parameters)
    except CloudError as error:
        if not error.is_missing:
            raise
        return None


def _hubs(account: Account, name: str) -> Iterator[dict[str, str]]:
    """Yield the parameters of DescribeHubContent to try in this order."""
    parsed, content = arn.parse(name), arn.hub_content(name)
    if parsed is None or content is None:
        if not _ID.fullmatch(name):
            return  # DescribeHubContent refuses such names
        private = os.environ.get("SAGEMAKER_HUB_NAME")
        for hub in dict.fromkeys(hub for hub in (private, PUBLIC_HUB) if hub):
            yield {"HubName": hub, "HubContentType": "Model", "HubContentName": name}
        return
    shared = parsed.account not in ("aws", account.account)  # hubs of other accounts are found by ARN only
    hub = arn.sagemaker(parsed.partition, parsed.region, parsed.account, f"hub/{content.hub}")
    version = {"HubContentVersion": content.version} if content.version else {}
    yield {
        "HubName": hub if shared else content.hub,
        "HubContentType": content.type,
        "HubContentName": content.name,
        **version,
    }


def _name(hub: str) -> str:
    """Return the name of a hub that is given by name or ARN."""
    return hub.rpartition("/")[2]


def _recipes(account: Account, collection: Sequence[Any]) -> dict[str, Any]:
    chosen: dict[str, Mapping[str, Any]] = {}
    offered: dict[str, Mapping[str, Any]] = {}
    for recipe in filter(_is_serverless, collection):
        (offered if recipe.get(_SUBSCRIPTION) else chosen).setdefault(_key(recipe), recipe)
    chosen = {**offered, **chosen, **_by_length(collection)}
    keys = {key: _key(recipe) for key, recipe in chosen.items()}
    read = concurrently.ask(lambda key: _recipe(account, keys[key], chosen[key], offered.get(keys[key])), chosen)
    return {key: recipe for key, recipe in zip(chosen, read, strict=True) if recipe is not None}


def _is_serverless(recipe: Mapping[str, Any]) -> bool:
    """Return whether a serverless job can run a recipe; a fine-tuning technique is recognized by its template."""
    members = (_TEMPLATE,) if recipe.get("CustomizationTechnique") in TECHNIQUES else _SERVERLESS
    return bool(recipe.get("Type")) and any(recipe.get(member) for member in members)


def _by_length(collection: Iterable[Any]) -> dict[str, Mapping[str, Any]]:
    """Return the recipes of a technique and type that differ in length, by length: a spec may select one."""
    groups: dict[str, dict[str, Mapping[str, Any]]] = {}
    for recipe in filter(_is_serverless, collection):
        is_open = recipe.get("CustomizationTechnique") in TECHNIQUES and not recipe.get(_SUBSCRIPTION)
        if is_open and _length(recipe):
            groups.setdefault(_key(recipe), {}).setdefault(_length(recipe), recipe)
    return {
        f"{key}/{length}": recipe
        for key, lengths in groups.items()
        for length, recipe in lengths.items()
        if len(lengths) > 1
    }


def _length(recipe: Mapping[str, Any]) -> str:
    return str(recipe.get("SequenceLength") or "").strip().upper()


def _key(recipe: Mapping[str, Any]) -> str:
    kind, technique, peft = recipe["Type"], recipe.get("CustomizationTechnique"), recipe.get("Peft")
    if kind == "Evaluation":
        technique = recipe.get("EvaluationType")
    elif technique in TECHNIQUES:
        peft = peft or _FULL
    return "/".join(part for part in (kind, technique, peft) if part)


def _data_mixing(account: Account, collection: Iterable[Any]) -> dict[str, dict[str, float]]:
    """Return the categories of Nova data that a model can mix in, with their default percents, by modality."""
    mixing = {}
    for modality, word in _MIXING.items():
        recipe = next((r for r in collection if word in str(r.get("Name") or "") and r.get(_OVERRIDES)), None)
        entry = _read(account, word, recipe, needed=False) if recipe else None
        shares = {
            found["category"]: spec["default"]
            for name, spec in (entry or {}).get("hyperparameters", {}).items()
            if (found := _SHARE.fullmatch(name)) and isinstance(spec.get("default"), int | float)
        }
        if shares:
            mixing[modality] = shares
    return mixing


def _recipe(
    account: Account, key: str, recipe: Mapping[str, Any], offered: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Return a recipe with its override spec; None for a recipe that no kind uses and that cannot be read.

    Hyperparameters that only the recipe `offered` to subscribers has are allowed, too, without a default.
    """
    is_open = not recipe.get(_SUBSCRIPTION) or key.split("/")[1] not in TECHNIQUES
    own = _read(account, key, recipe, needed=recipes.is_used(key) and is_open)
    more = _read(account, key, offered, needed=False) if own and offered not in (None, recipe) else None
    if own and more:
        extra = {name: {**spec, "default": None} for name, spec in more["hyperparameters"].items()}
        own["hyperparameters"] = {**extra, **own["hyperparameters"]}
    return own


def _read(account: Account, key: str, recipe: Mapping[str, Any], *, needed: bool) -> dict[str, Any] | None:
    """Return a recipe in the lock's form; None where it cannot be read and is not needed."""
    length, uri = _length(recipe), recipe.get(_OVERRIDES)
    try:
        entry: dict[str, Any] = {"hyperparameters": _override_spec(account, uri) if uri else {}}
        if length:
            entry["sequence_length"] = length
        if flaw := _flaw(key, entry):
            raise NoFact(f"{uri or key} is not as expected: {flaw}")
    except (NoFact, CloudError) as error:
        if needed or (isinstance(error, CloudError) and error.is_passing):
            raise
        return None
    return entry


def _flaw(key: str, recipe: Mapping[str, Any]) -> str:
    model = {"arn": "arn:aws:any", "gated": False, "hub": PUBLIC_HUB, "recipes": {key: recipe}}
    try:
        return lock.flaw(("hub_models", ""), {"any": model}).removeprefix(f"any.recipes.{key}.")
    except (RecursionError, ValueError) as error:
        return str(error)


def _override_spec(account: Account, uri: str) -> dict[str, Any]:
    bucket, key = arn.s3_location(uri.replace("{customer_id}", account.account))
    entries = account.document(bucket, key)
    if not isinstance(entries, dict) or not all(isinstance(spec, dict) for spec in entries.values()):
        raise NoFact(f"{uri} is not an override spec: it does not describe hyperparameters by name")
    return {name: {key: spec[key] for key in _HYPERPARAMETER if key in spec} for name, spec in entries.items()}
