"""The recipes of a hub's models as the hub's documents list them, from the recipes of a lock.

In: a model of a lock. Out: members of its RecipeCollection, and the objects that they name. A lock made of them has
the same recipes again: those of several lengths are listed one by one, and entries that only subscribers can set, and
percents of data to mix in, are in recipes for subscribers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sagespec.sagemaker.techniques import TECHNIQUES
from sagespec.sandbox.service import Region

_MIXING = {"text": "text_with_datamix", "multimodal": "mm_with_datamix"}
_CUSTOMER = "customer_data_percent"
_CUSTOMER_DEFAULT = 50.0


class Offer(NamedTuple):
    """A recipe in a hub's document: its key in the lock, its members, and its override spec."""

    key: str
    members: Mapping[str, Any]
    entries: Mapping[str, Any]

    def described(self, model: str, bucket: str) -> dict[str, Any]:
        """Return the recipe in the form of a hub's document."""
        places = {
            "SmtjRecipeTemplateS3Uri": f"s3://{bucket}/{self._folder(model)}/recipe.yaml",
            "SmtjOverrideParamsS3Uri": f"s3://{bucket}/{self._folder(model)}/override.json",
        }
        return {"Name": self.key.replace("/", "-").lower(), **self.members, **places}

    def objects(self, model: str, account: str) -> Iterator[tuple[str, bytes]]:
        """Yield keys and contents of the objects that the recipe refers to, for an account."""
        folder = self._folder(model).replace("{customer_id}", account)
        lines = ["run:", f"  name: {self.key.replace('/', '-').lower()}", "training_config:"]
        lines += [f"  {name}: {{{{{name}}}}}" for name in sorted(self.entries)]
        yield f"{folder}/override.json", json.dumps(self.entries, sort_keys=True).encode()
        yield f"{folder}/recipe.yaml", ("\n".join(lines) + "\n").encode()

    def _folder(self, model: str) -> str:
        top = "subscriptions/{customer_id}" if self.members.get("IsSubscriptionModel") else "recipes"
        return f"{top}/{model}/{self.key.replace('/', '-')}"


def bucket(region: Region) -> str:
    """Return the bucket with the recipes of all models."""
    return f"jumpstart-cache-prod-{region.region}"


def of(model: Mapping[str, Any]) -> Iterator[Offer]:
    """List the recipes of a model of a lock."""
    known = model.get("recipes", {})
    mixing = model.get("data_mixing", {})
    shares = {_CUSTOMER, *(_share(category) for categories in mixing.values() for category in categories)}
    for key, recipe in sorted(known.items()):
        kind, technique, *rest = key.split("/")
        length = recipe.get("sequence_length")
        if len(rest) > 1 and known.get("/".join((kind, technique, rest[0])), {}).get("sequence_length") == length:
            continue  # the plain one is the same
        members = {"Type": kind, "DisplayName": key.replace("/", " ")}
        members["EvaluationType" if kind == "Evaluation" else "CustomizationTechnique"] = technique
        if rest and not (technique in TECHNIQUES and rest[0] == "FULL"):
            members["Peft"] = rest[0]
        if length:
            members["SequenceLength"] = length
        entries = recipe.get("hyperparameters", {})
        yield Offer(key, members, {n: spec for n, spec in entries.items() if not (mixing and n in shares)})
    for modality, categories in sorted(mixing.items(), reverse=True):  # text comes first
        members = {"Type": "FineTuning", "CustomizationTechnique": "SFT", "Peft": "LORA", "IsSubscriptionModel": True}
        percents = {_CUSTOMER: _CUSTOMER_DEFAULT, **{_share(name): value for name, value in categories.items()}}
        limits = {"type": "float", "min": 0.0, "max": 100.0}
        entries = {name: {**limits, "default": value} for name, value in percents.items()}
        yield Offer(f"FineTuning/SFT/LORA/{_MIXING[modality]}", members, entries)


def _share(category: str) -> str:
    return f"nova_{category}_percent"
