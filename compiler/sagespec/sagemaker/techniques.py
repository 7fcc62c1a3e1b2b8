"""The techniques of fine-tuning: a table of their differences.

In: a spec, its model and recipe. Out: what its fields decide besides the recipe: hyperparameters, an evaluator.
Refuses percents of data that do not sum to 100, categories that the model does not have, trainings without a reward
or a judge, and judges and prompts that are not known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sagespec import arn, assets
from sagespec.diagnostics import Hint, Problems, did_you_mean
from sagespec.documents import names
from sagespec.documents.compiled import DIGITS, Request
from sagespec.documents.traced import Traced
from sagespec.project.facts import ask
from sagespec.sagemaker import hyperparameters, registry
from sagespec.sagemaker.hyperparameters import Recipe
from sagespec.sagemaker.inputs import Inputs
from sagespec.sagemaker.model import Model

DEFAULT_TYPE = "LORA"


@dataclass(frozen=True)
class Decided:
    """What the fields of one technique decide.

    `hyperparameters` override the recipe's defaults: None where none is sent. `evaluator` is the ARN of a reward
    function or prompt, or the output of one of `requests`, which come before the job.
    """

    hyperparameters: Mapping[str, Traced] = field(default_factory=dict)
    evaluator: Traced | None = None
    requests: tuple[Request, ...] = ()


Rule = Callable[[Inputs, Model, Recipe, Problems], Decided]


@dataclass(frozen=True)
class Technique:
    """A technique: recipe entries that the trainer sets, how Nova reads S3 data, and the rule for its own fields.

    `settling` has the fields of a spec that decide entries, with the pattern of the entries' names.
    """

    filled_in: tuple[str, ...]
    settling: Mapping[str, str] = field(default_factory=dict)
    is_converse: bool = False
    decide: Rule = lambda *_: Decided()


def _mix_data(inputs: Inputs, base: Model, _recipe: Recipe, problems: Problems) -> Decided:
    """Return the share of Nova's data and of its categories: exactly the given ones, else the recipe's."""
    given, modality = inputs.fields.data_mixing_config, "text"
    if inputs.fields.is_multimodal:
        modality = "multimodal"
    if not given.given:
        return Decided()
    known = base.data_mixing.get(modality)
    if not known:
        has = f" of {modality} data" if base.data_mixing else ""
        problems.error("no-data-mixing", f"{base.name} has no recipe for data mixing{has}", given.path)
        return Decided()
    if inputs.fields.training_type.value == "FULL":
        message = "the percents are those of the LORA recipe: there is none for data mixing with FULL"
        problems.warn("no-data-mixing", message, given.path)
    wanted = given.nova_data_percentages
    for name, value in wanted.entries():
        if name not in known:
            message = f"{base.name} has no {modality} category {name!r}"
            problems.error("unknown-category", message, value.path, did_you_mean(name, list(known)), on_key=True)
    total = sum(value.value for _, value in wanted.entries())
    if wanted and abs(total - 100) > _ROUNDING:
        problems.error("bad-percents", f"the categories sum to {_shortest(total)} percent, not 100", wanted.path)
    given_or_none = {name: wanted[name] if wanted[name].given else wanted.to(0) for name in known}
    shares = given_or_none if wanted else {name: given.to(percent) for name, percent in known.items()}
    percents = {"customer_data_percent": given.customer_data_percent}
    percents |= {f"nova_{name}_percent": percent for name, percent in shares.items()}
    return Decided({name: percent.to(_shortest(percent.value)) for name, percent in percents.items()})


_ROUNDING = 1e-9
"""The tolerance for sums of decimal fractions."""


def _shortest(number: Any) -> Any:
    """Return a whole number as an int."""
    return int(number) if number == int(number) else number


def _reward(inputs: Inputs, _base: Model, recipe: Recipe, problems: Problems) -> Decided:
    """The reward: a registered function, a Lambda function that is registered, or one of the recipe's own."""
    given, preset = inputs.fields.custom_reward_function, inputs.fields.hyperparameters[_PRESET]
    default = hyperparameters.entries(recipe).get(_PRESET, {}).get("default")
    if not given.given:
        if not (preset.value if preset.given else default):
            hint = f"give custom_reward_function, or hyperparameters.{_PRESET}"
            problems.error("missing-field", "the training has no reward function", ("spec",), hint)
        return Decided()
    if preset:
        problems.warn("two-rewards", "custom_reward_function and a preset are both sent", preset.path)
    if arn.hub_content(given.value) is not None:
        _check_reward_type(inputs, given, "RewardFunction", problems)
        return Decided(evaluator=given)
    context = inputs.context
    hub = registry.hub(context.region, context.account)
    digits = hashlib.sha256(given.value.encode()).hexdigest()[:DIGITS]
    label = given.value.rpartition(":")[2].replace("_", "-")
    space = names.JOB_LIMIT - len(f"{_REWARD}-{digits}")
    document = {
        "SubType": "AWS/Evaluator",
        "JsonContent": {"$json": {"EvaluatorType": "RewardFunction", "Reference": given}},
    }
    make_hub = {
        "HubName": hub,
        "HubDisplayName": registry.display_name(context.region, context.account),
        "HubDescription": "AI Registry Hub",
    }
    content = {
        "HubName": hub,
        "HubContentType": "JsonDoc",
        "HubContentName": given.to(f"{_REWARD}{label[:space]}-{digits}"),
        "HubContentVersion": "1.0.0",
        "DocumentSchemaVersion": "2.0.0",
        "HubContentDocument": {"$json": document},
        "HubContentSearchKeywords": list(_KEYWORDS),
    }
    made = (
        Request("registry", "sagemaker", "CreateHub", make_hub),
        Request("reward", "sagemaker", "ImportHubContent", content),
    )
    return Decided(evaluator=given.to({"$output": "requests.reward.HubContentArn"}), requests=made)


_PRESET, _REWARD = "preset_reward_function", "rlvr-reward-"
_KEYWORDS = (
    "method:lambda",
    "@subtype:aws/evaluator",
    "@evaluatortype:rewardfunction",
    "@contenttype:byolambda",
)
"""How Studio and the SDK find a reward function that is a Lambda function."""


def _check_reward_type(inputs: Inputs, given: Traced, wanted: str, problems: Problems) -> None:
    """Refuse an evaluator that the lock knows to be of the other type; most are not in it, and need not be."""
    if not registry.check_type(given, problems):
        return
    known = ask(problems, given.path, lambda: inputs.context.evaluator(given.value), needed=False)
    if known is not None and known.type != wanted:
        problems.error("wrong-reward", f"{known.name} is a {known.type}, not a {wanted}", given.path)


def _judge(inputs: Inputs, _base: Model, recipe: Recipe, problems: Problems) -> Decided:
    """The judge, and what it is told: one of the recipe's prompts, or a registered one in place of them."""
    fields, entries = inputs.fields, hyperparameters.entries(recipe)
    judge, settled = fields.reward_model_id, {}
    known = judges()
    if judge.given:
        settled[_JUDGE] = judge.to(f"bedrock/{judge.value}")
        here = [name for name, regions in known.items() if inputs.context.region in regions]
        if judge.value not in here:
            what = (
                f"is not known as a judge in {inputs.context.region}"
                if judge.value in known
                else "is not a known judge"
            )
            near = did_you_mean(judge.value, here) if here else Hint("no judge is known there")
            said = near.saying(f"{near}; hyperparameters.{_JUDGE} takes any other")
            problems.error("unknown-judge", f"{judge.value!r} {what}", judge.path, said)
    elif not (fields.hyperparameters[_JUDGE].value or entries.get(_JUDGE, {}).get("default")):
        hint = f"give reward_model_id, or hyperparameters.{_JUDGE}"
        problems.error("missing-field", "the training has no judge", ("spec",), hint)
    prompt = fields.reward_prompt
    if not prompt.given:
        return Decided(settled)
    presets = prompts(recipe)
    is_arn, name = arn.parse(prompt.value) is not None, _preset(prompt.value)
    if name in presets and not is_arn:
        return Decided({**settled, _PROMPT: prompt.to(presets[name])})
    settled[_PROMPT] = prompt.to(None)
    content = arn.hub_content(prompt.value)
    if content is not None and content.type in registry.TYPES and content.version:
        _check_reward_type(inputs, prompt, "RewardPrompt", problems)
        return Decided(settled, evaluator=prompt)
    offered = f"the recipe has {', '.join(sorted(presets))}; after others are registered, run `sagespec lock`"
    hint = Hint(offered, "word", prompt.value, sorted(presets))
    if content is not None and content.type in registry.TYPES:
        problems.error("unknown-prompt", f"{prompt.value} has no version", prompt.path, "add it, such as /1.0.0")
        return Decided(settled)
    if is_arn or prompt.value.lower().startswith(_BUILTIN):
        problems.error("unknown-prompt", f"{prompt.value} is not a reward prompt", prompt.path, hint)
        return Decided(settled)
    registered = ask(problems, prompt.path, lambda: inputs.context.evaluator(prompt.value), needed=False)
    if registered is None:
        problems.error("missing-fact", f"neither recipe nor lock has a prompt {prompt.value!r}", prompt.path, hint)
    elif registered.type != "RewardPrompt":
        message = f"{registered.name} is a {registered.type}, not a RewardPrompt"
        problems.error("wrong-reward", message, prompt.path, offered)
    else:
        return Decided(settled, evaluator=prompt.to(registered.arn))
    return Decided(settled)


_JUDGE, _PROMPT, _BUILTIN = "judge_model_id", "judge_prompt_template", "builtin"


@cache
def judges() -> dict[str, list[str]]:
    """The models that the SDK takes as judges of RLAIF, with the regions of each."""
    known: dict[str, list[str]] = assets.document(assets.data() / "fine_tuning.json")["judges"]
    return known


def prompts(recipe: Recipe) -> dict[str, str]:
    """Return the prompts of a recipe for its judge by name, with the value that is sent."""
    entry = hyperparameters.entries(recipe).get(_PROMPT, {})
    return {_preset(value): value for value in entry.get("enum") or [entry.get("default")] if value}


def _preset(name: str) -> str:
    """A prompt of a recipe by its shortest name: case, path, prefix and ending do not matter."""
    plain = name.strip().lower().removeprefix(f"{_BUILTIN}.").rpartition("/")[2]
    return plain.removesuffix(".jinja")


_OF_EXAMPLES = (
    "data_path",
    "output_path",
    "data_s3_path",
    "output_s3_path",
    "training_data_name",
    "validation_data_name",
    "validation_data_path",
)
TECHNIQUES: Mapping[str, Technique] = {
    "DPO": Technique(filled_in=_OF_EXAMPLES, is_converse=True),
    "RLAIF": Technique(
        filled_in=("data_path", "output_path", "validation_data_path"),
        settling={"reward_model_id": _JUDGE, "reward_prompt": _PROMPT},
        decide=_judge,
    ),
    "RLVR": Technique(
        filled_in=("data_path", "output_path", "data_s3_path", "validation_data_path", "reward_lambda_arn"),
        settling={"custom_reward_function": _PRESET},
        decide=_reward,
    ),
    "SFT": Technique(
        filled_in=_OF_EXAMPLES,
        settling={"data_mixing_config": "customer_data_percent|nova_.+_percent"},
        is_converse=True,
        decide=_mix_data,
    ),
}
"""The techniques by name; a kind is named after its technique. Recipes of one differ by type and length."""


def of_recipe(key: str) -> Technique | None:
    """Return the technique of a recipe by its key, `<type>/<technique>`; None for recipes of other kinds."""
    return TECHNIQUES.get(key.partition("/")[2])
