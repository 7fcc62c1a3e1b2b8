"""Facts of fine-tuning: recipes by type and length, data mixing, evaluators of the registry, finished jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sagespec import sandbox
from sagespec.executor.cloud import Cloud
from sagespec.executor.lock import lookup
from sagespec.executor.lock.account import Account, NoFact
from sagespec.sagemaker import registry
from sagespec.sandbox import Sandbox, neighbours
from sagespec.sandbox import account as seeding
from sagespec.sandbox.service import OPERATIONS, Region

from tests.conftest import Run

(KEY,) = seeding.built_in()["contexts"]
HERE = seeding.built_in()["contexts"][KEY]
QWEN, NOVA = "huggingface-reasoning-qwen3-32b", "nova-textgeneration-lite-v2"
BUCKET = "jumpstart-cache-prod-us-west-2"


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with sandbox.start() as running:
        yield running


@pytest.fixture
def account(shared: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Account:
    for name, value in shared.environment().items():
        monkeypatch.setenv(name, value)
    return Account(Cloud(region="us-west-2"), "123456789012", "us-west-2", "aws", "arn:aws:sts::123456789012:root")


@pytest.mark.parametrize("model", [QWEN, NOVA, "meta-textgeneration-llama-3-2-1b-instruct"])
def test_a_model_is_locked_as_the_account_has_it(account: Account, model: str) -> None:
    found = lookup.look_up(account, "hub_models", model)
    known = HERE["hub_models"][model]
    assert found["recipes"] == known["recipes"]
    assert found.get("data_mixing") == known.get("data_mixing")


def offer(monkeypatch: pytest.MonkeyPatch, *recipes: dict[str, Any]) -> None:
    """Let the hub offer these recipes alone."""

    def described(_region: Region, request: dict[str, Any]) -> dict[str, Any]:
        document = json.dumps({"GatedBucket": False, "RecipeCollection": list(recipes)})
        content = f"SageMakerPublicHub/Model/{request['HubContentName']}/1.0.0"
        return {
            "HubContentArn": f"arn:aws:sagemaker:us-west-2:aws:hub-content/{content}",
            "HubContentVersion": "1.0.0",
            "HubContentDocument": document,
        }

    monkeypatch.setitem(OPERATIONS, "DescribeHubContent", described)


def recipe(shared: Sandbox, name: str, entries: Any = None, **members: Any) -> dict[str, Any]:
    """A recipe of a hub's document; None takes a member out. Its override spec is put where it says."""
    if entries is not None:
        neighbours.put_object(shared.region("us-west-2"), BUCKET, f"{name}.json", json.dumps(entries).encode())
    given = {
        "Name": name,
        "Type": "FineTuning",
        "CustomizationTechnique": "SFT",
        "Peft": "LORA",
        "SmtjRecipeTemplateS3Uri": f"s3://{BUCKET}/{name}.yaml",
        "SmtjOverrideParamsS3Uri": f"s3://{BUCKET}/{name}.json",
        **members,
    }
    return {key: value for key, value in given.items() if value is not None}


def locked(account: Account) -> Any:
    return lookup.look_up(account, "hub_models", "any-model")


ENTRY = {"type": "integer", "default": 1, "category": "hyperparameter", "required": True, "unit": "steps"}


def test_recipes_are_told_apart_by_type_and_length(
    account: Account, shared: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(
        monkeypatch,
        recipe(shared, "pods", {"pods": ENTRY}, SmtjRecipeTemplateS3Uri=None, SequenceLength="1K"),
        recipe(shared, "theirs", {"theirs": ENTRY, "short": ENTRY}, IsSubscriptionModel=True, SequenceLength="2K"),
        recipe(shared, "short", {"short": ENTRY}, SequenceLength="4k"),
        recipe(shared, "again", {"again": ENTRY}, SequenceLength="4K"),
        recipe(shared, "long", {"long": ENTRY}, SequenceLength=" 16K"),
        recipe(shared, "full", {"full": ENTRY}, Peft=None, SequenceLength="4K"),
        recipe(shared, "dpo", {"dpo": ENTRY}, CustomizationTechnique="DPO"),
    )
    recipes = locked(account)["recipes"]
    names = {key: (set(r["hyperparameters"]), r.get("sequence_length")) for key, r in recipes.items()}
    assert names == {
        "FineTuning/SFT/LORA": ({"short", "theirs"}, "4K"),
        "FineTuning/SFT/LORA/4K": ({"short", "theirs"}, "4K"),
        "FineTuning/SFT/LORA/16K": ({"long", "short", "theirs"}, "16K"),
        "FineTuning/SFT/FULL": ({"full"}, "4K"),
        "FineTuning/DPO/LORA": ({"dpo"}, None),
    }
    own = recipes["FineTuning/SFT/LORA"]["hyperparameters"]
    kept = {name: value for name, value in ENTRY.items() if name != "unit"}
    assert own == {"short": kept, "theirs": {**kept, "default": None}}


def test_who_has_not_subscribed_locks_what_is_open(
    account: Account, shared: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"s3://{BUCKET}/forge/{{customer_id}}/override.json"
    subscription = recipe(
        shared, "x-text_with_datamix", IsSubscriptionModel=True, SmtjOverrideParamsS3Uri=place, SequenceLength="8K"
    )
    only = {**subscription, "CustomizationTechnique": "RLVR", "Name": "only"}
    offer(monkeypatch, subscription, recipe(shared, "open", {"open": ENTRY}), only)
    found = locked(account)
    assert set(found["recipes"]) == {"FineTuning/SFT/LORA"}
    assert set(found["recipes"]["FineTuning/SFT/LORA"]["hyperparameters"]) == {"open"}
    assert "data_mixing" not in found
    shares = {"nova_code_percent": {**ENTRY, "default": 30.5}, "nova_none_percent": {**ENTRY, "default": None}}
    body = json.dumps({**shares, "customer_data_percent": ENTRY}).encode()
    neighbours.put_object(shared.region("us-west-2"), BUCKET, "forge/123456789012/override.json", body)
    found = locked(account)
    assert found["data_mixing"] == {"text": {"code": 30.5}}
    assert set(found["recipes"]) == {"FineTuning/RLVR/LORA", "FineTuning/SFT/LORA"}
    assert found["recipes"]["FineTuning/SFT/LORA"]["hyperparameters"]["nova_code_percent"]["default"] is None


def test_a_recipe_that_is_open_to_all_must_be_readable(
    account: Account, shared: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, recipe(shared, "nowhere"))
    with pytest.raises(NoFact, match=f"there is no s3://{BUCKET}/nowhere.json"):
        locked(account)


REWARD = next(arn for arn, known in HERE["evaluators"].items() if known["type"] == "RewardFunction")


def test_evaluators_are_found_by_arn_and_by_name(account: Account) -> None:
    for given in (REWARD, "my-reward"):
        found = lookup.look_up(account, "evaluators", given)
        assert found == lookup.Named(REWARD, HERE["evaluators"][REWARD])


ODD = {
    "another document": {"SubType": "AWS/DataSets", "JsonContent": "{}"},
    "no inner document": {"SubType": "AWS/Evaluator", "JsonContent": "{"},
    "no type": {"SubType": "AWS/Evaluator", "JsonContent": json.dumps({"Reference": "x"})},
}


def test_what_is_no_evaluator_is_refused(account: Account) -> None:
    hub = registry.hub("us-west-2", "123456789012")
    for number, document in enumerate(ODD.values()):
        account.call(
            "sagemaker",
            "ImportHubContent",
            HubName=hub,
            HubContentType="JsonDoc",
            HubContentName=f"odd-{number}",
            DocumentSchemaVersion="2.0.0",
            HubContentDocument=json.dumps(document),
        )
        with pytest.raises(NoFact, match="neither a reward function nor a reward prompt"):
            lookup.look_up(account, "evaluators", f"odd-{number}")
    with pytest.raises(NoFact, match="there is no evaluator 'missing'"):
        lookup.look_up(account, "evaluators", "missing")


def test_only_a_finished_fine_tuning_has_a_package(account: Account) -> None:
    known = HERE["training_jobs"]["finished-sft-job"]
    assert lookup.look_up(account, "training_jobs", "finished-sft-job") == known
    with pytest.raises(NoFact, match="there is no training job 'missing'"):
        lookup.look_up(account, "training_jobs", "missing")


@pytest.mark.parametrize("technique", ["SFT", "dpo", "RLVR", "RLAIF"])
def test_models_are_listed_by_technique(
    technique: str, shared: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in shared.environment().items():
        monkeypatch.setenv(name, value)
    listed = json.loads(run("catalog", "models", "--technique", technique, "-o", "json").stdout)
    start = f"FineTuning/{technique.upper()}/"
    having = {n for n, m in HERE["hub_models"].items() if any(k.startswith(start) for k in m["recipes"])}
    assert {model["name"] for model in listed} == having > set()
