"""What a field may name that the lock, or our own data, knows: models, roles, groups, judges, benchmarks, instances.

In: a document, and the path of a field in it. Out: offers; none for fields whose values nobody knows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from sagespec.checking import schema
from sagespec.diagnostics import KeyPath
from sagespec.sagemaker import catalog, distributed, recipes, techniques
from sagespec.sagemaker.techniques import DEFAULT_TYPE
from sagespec.server.completion.offer import Offer
from sagespec.server.completion.subject import Subject

Offers = Iterator[Offer]


def of_field(subject: Subject, path: KeyPath) -> Offers:
    """Offer the values of a field: of the field itself, and of the entries of a list."""
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    if path[:2] == ("spec", "hyperparameters") and len(path) == 3:
        yield from _of_hyperparameter(subject.entries.get(name, {}))
    elif name in BY_FIELD:
        yield from BY_FIELD[name](subject)


def hyperparameters(subject: Subject) -> Offers:
    """Offer the hyperparameters of the recipe, as keys."""
    for name, about in sorted(subject.entries.items()):
        rank = 0 if about.get("required") and about.get("default") is None else 5
        yield Offer(name, "key", described(about), rank=rank)


def categories(subject: Subject) -> Offers:
    """Offer the categories of the model's own data, as keys."""
    modality = "multimodal" if subject.get("spec", "is_multimodal") is True else "text"
    for name, percent in (subject.model.data_mixing.get(modality, {}) if subject.model else {}).items():
        yield Offer(name, "key", f"by default {percent} percent")


def described(about: dict[str, Any]) -> str:
    """Write what a recipe says of an entry in one line: type, range, values, default."""
    low, high = about.get("min"), about.get("max")
    between = f"{low} to {high}" if None not in (low, high) else f">= {low}" if low is not None else f"<= {high}"
    said = [str(about.get("type") or "any value"), "" if low is high is None else between]
    said += [f"one of {', '.join(map(str, about['enum']))}"] if about.get("enum") else []
    said += (
        [f"default {json.dumps(about['default'], ensure_ascii=False)}"] if about.get("default") is not None else []
    )
    return ", ".join(filter(None, [" ".join(filter(None, said[:2])), *said[2:]]))


def _of_hyperparameter(about: dict[str, Any]) -> Offers:
    default = about.get("default")
    values = about.get("enum") or ([True, False] if about.get("type") == "boolean" else [])
    for value in dict.fromkeys([*([] if default is None or isinstance(default, list) else [default]), *values]):
        yield Offer(value, "value", "default" if value == default else described(about))


def _roles(subject: Subject) -> Offers:
    for name, arn in subject.section("roles").items():
        yield Offer(name, "locked", str(arn))


def _models(subject: Subject) -> Offers:
    for name, fact in subject.section("hub_models").items():
        gated = ", gated: needs accept_eula" if fact["gated"] else ""
        if can_be_used(subject, name):
            yield Offer(name, "locked", f"{fact['hub']}{gated}", rank=2 if _has_recipe(subject, name) else 6)
    for arn, fact in subject.section("model_packages").items():
        if can_be_used(subject, arn):
            yield Offer(arn, "locked", f"of {fact['base_model']}")
    for section in ("jobs", "training_jobs"):
        for name, fact in subject.section(section).items():
            if can_be_used(subject, {"job": name}):
                yield Offer({"job": name}, "locked", f"of {fact['base_model']}")


def can_be_used(subject: Subject, given: Any) -> bool:
    """Return whether a model is one that the kind of a spec can train or evaluate, as far as the lock tells."""
    found = subject.model_of(given)
    judges = "evaluator_model" in schema.fields(subject.document)  # Nova models are judged in a way of their own
    if found is None or (judges and found.is_nova):
        return False
    trains = not all(one.is_inference for one in recipes.of_kind(subject.document))
    return not trains or subject.recipe_of(found) is not None


def _has_recipe(subject: Subject, given: Any) -> bool:
    found = subject.model_of(given)
    return found is not None and subject.recipe_of(found) is not None


def _jobs(subject: Subject) -> Offers:
    for offer in _models(subject):
        if isinstance(offer.value, dict):
            yield offer._replace(value=offer.value["job"])


def _groups(subject: Subject) -> Offers:
    taken = {subject.get("spec", name) for name in _TWO_GROUPS}
    for name, arn in subject.section("model_package_groups").items():
        if name not in taken and arn not in taken:
            yield Offer(name, "locked", str(arn))


_TWO_GROUPS = ("output_model_package_group", "intermediate_checkpoint_model_package_group")
"""Two groups that must differ."""


def _group_arns(subject: Subject) -> Offers:
    for name, arn in subject.section("model_package_groups").items():
        yield Offer(str(arn), "locked", name)


def _packages(subject: Subject) -> Offers:
    for arn, fact in subject.section("model_packages").items():
        yield Offer(arn, "locked", f"of {fact['base_model']}")


def _runtimes(subject: Subject) -> Offers:
    for name, arn in subject.section("agent_runtimes").items():
        yield Offer(name, "locked", str(arn))


def _runtime_arns(subject: Subject) -> Offers:
    for name, arn in subject.section("agent_runtimes").items():
        yield Offer(str(arn), "locked", name)


def _mlflow(subject: Subject) -> Offers:
    app = subject.context.facts.get("default_mlflow_app") if subject.context else None
    if app:
        version = subject.context.facts.get("default_mlflow_version") if subject.context else None
        yield Offer(str(app), "locked", f"default app{f', MLflow {version}' if version else ''}")


def _scorers(subject: Subject) -> Offers:
    for row in catalog.scorers():
        yield Offer(row["name"], "value", row["description"], rank=3)
    yield from _rewards(subject)


def _rewards(subject: Subject) -> Offers:
    for arn, fact in subject.section("evaluators").items():
        if fact["type"] == "RewardFunction":
            yield Offer(arn, "locked", fact["name"])


def _prompts(subject: Subject) -> Offers:
    chosen = subject.recipe_of(subject.model) if subject.model else None
    for name, value in techniques.prompts(chosen[1]).items() if chosen else ():
        yield Offer(name, "locked", value, rank=3)
    for arn, fact in subject.section("evaluators").items():
        if fact["type"] == "RewardPrompt":
            yield Offer(fact["name"], "locked", arn)


def _judges(subject: Subject) -> Offers:
    for row in catalog.judges(subject.context.region if subject.context else None):
        yield Offer(row["name"], "value", "judge of Bedrock")


def _judge_models(subject: Subject) -> Offers:
    for name, fact in subject.section("judge_models").items():
        if fact["usable"]:
            end = fact.get("end_of_life")
            yield Offer(name, "locked", f"until {end}" if end else "judge of Bedrock")


def _judge_metrics(subject: Subject) -> Offers:
    listed = subject.get("spec", "builtin_metrics")
    given = {str(name).removeprefix("Builtin.") for name in (listed if isinstance(listed, list) else ())}
    for row in catalog.judge_metrics():
        if row["name"] not in given:
            yield Offer(row["name"], "value", row["description"])


def _benchmarks(subject: Subject) -> Offers:
    for row in catalog.benchmarks():
        is_nova = subject.model.is_nova if subject.model else None
        if is_nova is None or row["nova"] not in ("never" if is_nova else "only",):
            yield Offer(row["name"], "value", row["description"])


def _subtasks(subject: Subject) -> Offers:
    row, given = subject.benchmark, subject.get("spec", "subtasks")
    if not row.get("takes_subtasks"):
        return
    if not isinstance(given, list):
        yield Offer("ALL", "value", "all subtasks of the benchmark", rank=3)
    for name in row["subtasks"]:
        if not isinstance(given, list) or name not in given:
            yield Offer(name, "value", f"subtask of {row['name']}")


def _metrics(subject: Subject) -> Offers:
    """Offer what thresholds may be of."""
    for name in subject.benchmark.get("metrics", ()):
        if name != "all":
            yield Offer(name, "value", "metric of the benchmark")
    given = subject.get("spec", "builtin_metrics")
    for name in given if isinstance(given, list) else ():
        if isinstance(name, str) and name:
            yield Offer(name, "value", "metric of the judge")


def instances(_subject: Subject) -> Offers:
    for name, about in distributed.instances().items():
        count = about["accelerators"]
        yield Offer(name, "value", f"{count} accelerators" if count > 1 else "1 accelerator" if count else "CPUs")


def _regions(subject: Subject) -> Offers:
    for region in sorted({facts["region"] for facts in _contexts(subject)}):
        yield Offer(region, "locked", "region of the lock")


def _groups_of_instances(subject: Subject) -> Offers:
    listed = subject.get("spec", "compute", "instance_groups")
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and isinstance(name := one.get("instance_group_name"), str) and name:
            yield Offer(name, "value", str(one.get("instance_type") or "group of compute"))


def _accounts(subject: Subject) -> Offers:
    for account in sorted({facts["account"] for facts in _contexts(subject)}):
        yield Offer(account, "locked", "account of the lock")


def _contexts(subject: Subject) -> list[Any]:
    """Return the contexts of the lock; of a spec, those of the project's account."""
    lock = subject.known.lock
    account = subject.settings.account if subject.settings and subject.spec else None
    return [facts for facts in lock.contexts.values() if account in (None, facts["account"])] if lock else []


def _lengths(subject: Subject) -> Offers:
    """Offer the lengths of the sequences of the model's recipes."""
    kind, found = recipes.of_kind(subject.document), subject.model
    start = f"{kind[0].key}/{subject.get('spec', 'training_type') or DEFAULT_TYPE}" if kind else ""
    lengths = {
        length
        for key, recipe in (found.recipes or {} if found else {}).items()
        if key == start or key.startswith(f"{start}/")
        for length in (recipe.get("sequence_length"), key[len(start) + 1 :])
        if length
    }
    for length in sorted(lengths, key=lambda text: (len(text), text)):
        yield Offer(length, "locked", "of a recipe of the model")


BY_FIELD: dict[str, Callable[[Subject], Offers]] = {
    "account": _accounts,
    "agent_config": _runtime_arns,
    "agent_env": _runtimes,
    "benchmark": _benchmarks,
    "builtin_metrics": _judge_metrics,
    "custom_reward_function": _rewards,
    "evaluator": _scorers,
    "evaluator_model": _judge_models,
    "instance_group_names": _groups_of_instances,
    "instance_type": instances,
    "intermediate_checkpoint_model_package_group": _groups,
    "job": _jobs,
    "metric": _metrics,
    "mlflow_app_arn": _mlflow,
    "mlflow_resource_arn": _mlflow,
    "model": _models,
    "model_package_group": _groups,
    "model_package_group_arn": _group_arns,
    "output_model_package_group": _groups,
    "region": _regions,
    "reward_model_id": _judges,
    "reward_prompt": _prompts,
    "role": _roles,
    "sequence_length": _lengths,
    "source_model_package_arn": _packages,
    "subtasks": _subtasks,
}
"""The fields whose values are known, by their names, which mean the same in all kinds."""
